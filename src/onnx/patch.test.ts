import { readFileSync } from "node:fs";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "vitest";
import { fromNumbers, type Tensor, toNumbers } from "../tensor/index.ts";
import { decodeModel, encodeModel, patchInitializers, tensorFromProto } from "./index.ts";

const folder = new URL("../../test/golden/onnx/patch/", import.meta.url);

function read(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(name, folder)));
}

function values(name: string): Map<string, Tensor> {
  const { shape, values } = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
  return new Map(Object.keys(values).map((key) => [key, fromNumbers("float32", values[key], shape)]));
}

function initializersOf(bytes: Uint8Array<ArrayBuffer>) {
  return decodeModel(bytes).graph?.initializer ?? [];
}

/** Every initializer of a model as it is stored. */
function stored(bytes: Uint8Array<ArrayBuffer>): Map<string, Tensor> {
  return new Map(initializersOf(bytes).map((proto) => [proto.name!, tensorFromProto(proto, "w")]));
}

describe("a patched model", () => {
  const before = read("before.onnx");

  test("is byte for byte what Google's serialiser writes of the model with those values", () => {
    expect(patchInitializers(before, values("values.json")).bytes).toEqual(read("after.onnx"));
  });

  test("is the same file where the values are the same", () => {
    const { bytes, files } = patchInitializers(before, stored(before));
    expect(bytes).toEqual(before);
    expect(files).toEqual([]);
  });

  test("differs inside the elements only", () => {
    const fixed = new Map([...values("values.json")].filter(([name]) => !/^(b?float16|int\d+)-list/.test(name)));
    const { bytes } = patchInitializers(before, fixed);
    expect(bytes.length).toBe(before.length);
    const changed = new Uint8Array(before);
    for (const [i, proto] of initializersOf(before).entries()) {
      if (!fixed.has(proto.name!)) continue;
      const old = proto.rawData ?? new Uint8Array((proto.floatData ?? proto.doubleData)!.buffer);
      const at = Buffer.from(before).indexOf(old);
      const { rawData, floatData, doubleData } = initializersOf(bytes)[i]!;
      changed.set(rawData ?? new Uint8Array((floatData ?? doubleData)!.buffer), at);
    }
    expect(bytes).toEqual(changed);
  });

  test("keeps elements that have a field each in a field each", () => {
    const tensor = new BinaryWriter().tag(1, 0).int64(2).tag(2, 0).int32(1).tag(8, 2).string("w");
    const list = tensor.tag(4, 5).float(1).tag(15, 0).int32(7).tag(4, 5).float(2).finish();
    const graph = new BinaryWriter().tag(5, 2).bytes(list).finish();
    const head = new BinaryWriter().tag(1, 0).int64(10).tag(8, 2).bytes(Uint8Array.of(0x10, 21));
    const bytes = head.tag(7, 2).bytes(graph).finish() as Uint8Array<ArrayBuffer>;
    const patched = patchInitializers(bytes, new Map([["w", fromNumbers("float64", [0.1, -3])]])).bytes;
    expect(patched.length).toBe(bytes.length);
    expect(toNumbers(stored(patched).get("w")!)).toEqual(Float64Array.of(Math.fround(0.1), -3));
    expect([...patched.keys()].filter((i) => patched[i] !== bytes[i]).length).toBeLessThanOrEqual(8);
  });

  test("writes the lengths in front of tensors that have grown anew", () => {
    const zeros = fromNumbers("float32", new Float64Array(200), [5, 40]);
    const { bytes } = patchInitializers(before, new Map([["float16-list-changed", zeros]]));
    expect(bytes.length).toBeLessThan(before.length);
    expect(toNumbers(stored(bytes).get("float16-list-changed")!)).toEqual(new Float64Array(200));
    const restored = stored(before).get("float16-list-changed")!;
    expect(patchInitializers(bytes, new Map([["float16-list-changed", restored]])).bytes).toEqual(before);
  });
});

describe("external data", () => {
  const before = read("before-external.onnx");
  const { bytes, files } = patchInitializers(before, values("external-values.json"), { dataFile: "after.onnx.data" });

  test("are read from copies beside the new model", () => {
    expect(bytes).toEqual(read("after-external.onnx"));
    expect(files.map(({ location, renamed }) => [location, renamed])).toEqual([
      ["old.bin", "after.onnx.data"],
      ["more.bin", "after.onnx.data.1"],
    ]);
  });

  test("change where the tensors lie", () => {
    for (const { location, renamed, edits } of files) {
      const copy = read(location);
      for (const edit of edits) copy.set(edit.bytes, edit.offset);
      expect(copy).toEqual(read(renamed));
    }
  });

  test("need a name", () => {
    expect(() => patchInitializers(before, values("external-values.json"), { where: "m.onnx" })).toThrow(
      'm.onnx, tensor "b": expected a file name for the copy of external data, got none; name a file beside the new model',
    );
    expect(() => patchInitializers(before, new Map(), { dataFile: "../b" })).toThrow('got "../b"');
  });
});

describe("a patch is refused", () => {
  const before = read("before.onnx");
  test.each<[string, string, Tensor, string]>([
    ["of no initializer", "w", fromNumbers("float32", [1]), "expected an initializer of the model, got another name"],
    [
      "of another shape",
      "float32-raw-kept",
      fromNumbers("float32", [1, 2]),
      "expected a tensor [5, 40] as is stored, got [2]",
    ],
  ])("%s", (_, name, tensor, message) => {
    expect(() => patchInitializers(before, new Map([[name, tensor]]), { where: "m.onnx" })).toThrow(
      `m.onnx, initializer "${name}": ${message}; give weights of the model that is patched`,
    );
  });

  test("that does not fit the element type", () => {
    const large = fromNumbers("float32", new Float64Array(200).fill(1000), [5, 40]);
    expect(() => patchInitializers(before, new Map([["int8-raw-kept", large]]))).toThrow("1000 does not fit int8");
  });

  test("into a tensor that is damaged", () => {
    const tensor = { name: "w", dims: [2], dataType: 1 };
    const storage = [{ rawData: new Uint8Array(7) }, { floatData: Float32Array.of(1) }, {}];
    for (const each of storage) {
      const initializer = [{ ...tensor, ...each }];
      const bytes = encodeModel({ irVersion: 10, opsetImport: [{ version: 21 }], graph: { initializer } });
      expect(() => patchInitializers(bytes, new Map([["w", fromNumbers("float32", [1, 2])]]))).toThrow(
        /^ONNX model, initializer "w": expected stored data of length [28], got [017]; /,
      );
    }
  });

  test("into a damaged file", () => {
    expect(() => patchInitializers(before.subarray(0, 999), new Map(), { where: "m.onnx" })).toThrow(/^m\.onnx/);
  });
});
