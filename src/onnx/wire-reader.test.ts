import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "vitest";
import { golden, goldens } from "../../test/golden/onnx/goldens.ts";
import { decodeModel, type TensorProto } from "./index.ts";

const textFields = new Set(["s", "strings", "stringData"]);
const floatFields = new Set(["f", "floats", "floatData"]);
/** Not in the schema, so kept as raw bytes. */
const rawFields = new Set([
  ...["trainingInfo", "configuration", "quantizationAnnotation", "deviceConfigurations"],
  ...["sequenceType", "mapType", "optionalType"],
]);

describe("a golden file", () => {
  test.each(goldens)("$name decodes to what protobuf's JSON mapping says", ({ bytes, content }) => {
    expect(asJson(decodeModel(bytes))).toEqual(known(content));
  });

  test("shares its raw data with the file", () => {
    const { bytes } = golden("dtypes");
    const { rawData } = decodeModel(bytes).graph!.initializer![0]!;
    expect(rawData!.buffer).toBe(bytes.buffer);
  });

  test("decodes from a Node Buffer to plain arrays", () => {
    const { bytes } = golden("dtypes");
    expect(decodeModel(Buffer.from(bytes))).toEqual(decodeModel(bytes));
    expect(decodeModel(Buffer.from(bytes)).graph!.initializer![0]!.rawData!.constructor).toBe(Uint8Array);
  });
});

describe("numbers", () => {
  test("are exact beyond 2^53", () => {
    const [node] = decodeModel(golden("attributes").bytes).graph!.node!;
    const integers = node!.attribute!.filter(({ i }) => i !== undefined).map(({ name, i }) => [name, i]);
    expect(Object.fromEntries(integers)).toEqual({
      int_zero: 0,
      int_negative: -1,
      int_safe: 2 ** 53 - 1,
      int_unsafe: 2n ** 53n + 1n,
      int_min: -(2n ** 63n),
      int_max: 2n ** 63n - 1n,
    });
  });

  test("read alike packed, unpacked and mixed", () => {
    const packed = (writer: BinaryWriter) => writer.tag(4, 2).fork().float(1).float(2).join();
    const unpacked = (writer: BinaryWriter) => writer.tag(4, 5).float(3).tag(4, 5).float(4);
    const tensor = decodeTensor((writer) => unpacked(packed(unpacked(writer))));
    expect(tensor.floatData).toEqual(Float32Array.of(3, 4, 1, 2, 3, 4));
    const dims = decodeTensor((writer) => writer.tag(1, 2).fork().int64(5).int64(300).join().tag(1, 0).int64(7));
    expect(dims.dims).toEqual([5, 300, 7]);
  });

  test("keep the payload of a NaN in packed data", () => {
    const signalling = Uint8Array.of(1, 0, 0xa0, 0x7f);
    const { floatData } = decodeTensor((writer) => writer.tag(4, 2).bytes(signalling));
    expect(new Uint8Array(floatData!.buffer)).toEqual(signalling);
  });

  test("of many unpacked elements take linear time", () => {
    const many = decodeTensor((writer) => {
      for (let i = 0; i < 50_000; i++) writer.tag(7, 0).int64(i);
      return writer;
    });
    expect(many.int64Data).toHaveLength(50_000);
  });
});

function decodeTensor(write: (writer: BinaryWriter) => BinaryWriter): TensorProto {
  const tensor = write(new BinaryWriter()).finish();
  const graph = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(tensor).finish();
  const model = new BinaryWriter().raw(Uint8Array.of(8, 10)).tag(7, 2).bytes(graph).tag(8, 2).bytes(new Uint8Array());
  return decodeModel(model.finish() as Uint8Array<ArrayBuffer>).graph!.initializer![0]!;
}

/** A decoded message in protobuf's JSON mapping, with bytes in base64 and every number as a string. */
function asJson(value: unknown, name = ""): unknown {
  if (typeof value === "string") return textFields.has(name) ? Buffer.from(value).toString("base64") : value;
  if (typeof value !== "object") return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array, String);
  return mapFields(value as object, name, asJson);
}

/** The JSON of a message without its raw fields, with every number as a string. */
function known(value: unknown, name = ""): unknown {
  if (typeof value === "number") return String(floatFields.has(name) ? Math.fround(value) : value);
  return typeof value === "object" ? mapFields(value as object, name, known) : value;
}

function mapFields(value: object, name: string, map: (value: unknown, name: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => map(element, name));
  const entries = Object.entries(value).filter(([key]) => key !== "unknown" && !rawFields.has(key));
  return Object.fromEntries(entries.map(([key, field]) => [key, map(field, key)]));
}
