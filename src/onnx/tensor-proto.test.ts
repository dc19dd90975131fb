import { describe, expect, test } from "vitest";
import { golden } from "../../test/golden/onnx/goldens.ts";
import { dtypes, fromNumbers, type Tensor, toNumbers } from "../tensor/index.ts";
import { decodeModel, encodeModel, type TensorProto, tensorFromProto, tensorToProto } from "./index.ts";

const tensors = new Map(decodeModel(golden("dtypes").bytes).graph!.initializer!.map((proto) => [proto.name!, proto]));
const names = [...new Set([...tensors.keys()].map((name) => name.replace(/_.*/, "")))];

describe("a tensor of a golden file", () => {
  test.each(names)("%s is the same from raw data and from a typed list", (name) => {
    const read = (suffix: string) => tensorFromProto(tensors.get(name + suffix)!, name);
    if (name !== "bfloat16") expect(read("_raw")).toEqual(read("_list"));
    expect(toNumbers(read("_raw"))).toEqual(toNumbers(read("_list")));
  });

  test.each([
    ["float16", [0, -1.5, 65504, 2 ** -23, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ["bfloat16", [1, -3, Number.POSITIVE_INFINITY]],
    ["int8", [-128, 0, 127]],
    ["uint32", [0, 2 ** 32 - 1]],
    ["bool", [1, 0, 1]],
    ["scalar", [7]],
    ["empty", []],
  ])("%s has the values it was given", (name, values) => {
    expect([...toNumbers(tensorFromProto(tensors.get(`${name}_list`)!, name))]).toEqual(values);
  });

  test("has dims of its own when it is empty or a scalar", () => {
    expect(tensorFromProto(tensors.get("empty_list")!, "w").shape).toEqual([0, 3]);
    expect(tensorFromProto(tensors.get("scalar_list")!, "w").shape).toEqual([]);
  });

  test.each(decodeModel(golden("foreign-dtypes").bytes).graph!.initializer!)("of type $name is refused", (proto) => {
    expect(() => tensorFromProto(proto, "w")).toThrow(
      /^w: expected one of float32, .*, got ONNX data type [A-Z0-9]+ \(/,
    );
  });
});

test.each(dtypes)("%s survives a file", (dtype) => {
  const tensor: Tensor = fromNumbers(dtype, [0, 1, 1, 0, 1, 0], [2, 3]);
  const graph = { initializer: [tensorToProto("before", fromNumbers("int8", [1])), tensorToProto("w", tensor)] };
  const file = encodeModel({ irVersion: 10, graph, opsetImport: [{ version: 21 }] });
  expect(tensorFromProto(decodeModel(file).graph!.initializer![1]!, "w")).toEqual(tensor);
});

test.each<[string, TensorProto]>([
  ["w: expected 8 bytes of float32 [2], got 7; ", { dims: [2], dataType: 1, rawData: new Uint8Array(7) }],
  ["w: expected 2 elements of float32 [2], got 0; ", { dims: [2], dataType: 1 }],
  ["w: expected 1 elements of int8 [], got 2; ", { dataType: 3, int32Data: Int32Array.of(1, 2) }],
  ["w: expected 2 elements of float32 [2], got 0; ", { dims: [2], dataType: 1, int32Data: Int32Array.of(1, 2) }],
  ["w: expected int8 elements, got 128 at position 0; ", { dataType: 3, int32Data: Int32Array.of(128) }],
  ["w: expected float16 elements, got -1 at position 0; ", { dataType: 10, int32Data: Int32Array.of(-1) }],
  ["w: expected uint32 elements, got 4294967296 ", { dataType: 12, uint64Data: BigUint64Array.of(2n ** 32n) }],
  ["w: expected a shape of non-negative whole numbers, got [-1]", { dims: [-1], dataType: 1 }],
  ["w: expected a shape of non-negative whole numbers, ", { dims: [2 ** 40, 2 ** 40], dataType: 1 }],
  ["w: expected one of ", { dims: [] }],
  ["w: expected a whole tensor, got a segment of one; ", { dataType: 1, segment: { begin: 0, end: 1 } }],
])("reports %s", (message, proto) => {
  expect(() => tensorFromProto(proto, "w")).toThrow(
    expect.objectContaining({ message: expect.stringContaining(message) }),
  );
});

describe("external data", () => {
  const [proto] = decodeModel(golden("external-data").bytes).graph!.initializer! as [TensorProto];

  test("are read by the loader", () => {
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const load = (...request: [string, number, number]) => {
      expect(request).toEqual(["weights/w.bin", 8, 16]);
      return bytes;
    };
    expect(tensorFromProto(proto, "w", load)).toEqual(fromNumbers("float32", [1, 2, 3, 4], [2, 2]));
  });

  test("are refused without a loader", () => {
    expect(() => tensorFromProto(proto, "w")).toThrow(
      /^w: expected the tensor's data inside the model, got .*w\.bin"; /,
    );
  });

  test("of another size than the tensor's are refused, before and after loading", () => {
    const short = () => new Uint8Array(15);
    expect(() => tensorFromProto(proto, "w", short)).toThrow("expected 16 bytes of float32 [2, 2], got 15");
    expect(() => tensorFromProto(at({ location: "w.bin", length: "12" }), "w", short)).toThrow("got 12");
  });

  test.each([
    ...["", "../w", "a/../../w", "a/..", "..", "/etc/passwd", "//host/w", "C:\\w", "c:w", "a\\..\\w", "\\\\host\\w"],
    ...["%2e%2e/w", "a/%2E./w", "a%2f..%2fw", "a%5c..%5cw", "https://host/w", "file:w", "w?x", "w#x", ".\t./w", "w\0"],
  ])("at %j are refused", (location) => {
    const never = () => expect.unreachable();
    expect(() => tensorFromProto(at({ location }), "w", never)).toThrow(
      expect.objectContaining({ code: "unsafe-external-data" }),
    );
  });

  test.each(["w.bin", "./w.bin", "a/b/w..bin", "...", "größe 1.bin"])("at %j are read", (location) => {
    const load = (path: string) => new Uint8Array(path === location ? 16 : 0);
    expect(tensorFromProto(at({ location }), "w", load).shape).toEqual([2, 2]);
  });

  test.each(["-1", "1.5", "0x10", "1e3", "", "99999999999999999"])("from offset %j are refused", (offset) => {
    expect(() => tensorFromProto(at({ location: "w", offset }), "w", () => new Uint8Array(16))).toThrow(
      expect.objectContaining({ code: "bad-external-data" }),
    );
  });

  function at(entries: Record<string, string>): TensorProto {
    return { ...proto, externalData: Object.entries(entries).map(([key, value]) => ({ key, value })) };
  }
});
