import { BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { goldens } from "../../test/golden/onnx/goldens.ts";
import { type AttributeProto, decodeModel, encodeModel, type ModelProto, type TensorProto } from "./index.ts";

describe("a golden file", () => {
  test.each(goldens)("$name is written again byte for byte", ({ bytes }) => {
    expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
  });
});

describe("unknown fields", () => {
  const unknown = new BinaryWriter().tag(40, 0).uint64(300).tag(40, 2).string("kept").tag(2047, 5).fixed32(7);
  const group = unknown.tag(41, 3).tag(1, 1).double(0.5).tag(41, 4).finish();

  test.each(["in front", "between", "behind"])("%s of the known ones stay where they were", (place) => {
    const [head, tail] = [Uint8Array.of(8, 10), Uint8Array.of(0x3a, 2, 0x12, 0, 0x42, 2, 0x10, 21)];
    const parts = { "in front": [group, head, tail], between: [head, group, tail], behind: [head, tail, group] };
    const file = concat(parts[place as keyof typeof parts]);
    expect(encodeModel(decodeModel(file))).toEqual(file);
  });

  test("of a nested message, with a known number but another wire type, and under no number in order, stay", () => {
    const wrongType = new BinaryWriter().tag(2, 0).uint32(5).finish();
    const graph = concat([wrongType, group, Uint8Array.of(0x12, 1, 0x67), wrongType, Uint8Array.of(0x52, 0), group]);
    const file = concat([Uint8Array.of(8, 10, 0x3a, graph.length), graph, Uint8Array.of(0x42, 0), group]);
    expect(encodeModel(decodeModel(file))).toEqual(file);
  });

  test("inside a list move behind it", () => {
    const [first, second] = [Uint8Array.of(0x42, 2, 0x10, 21), Uint8Array.of(0x42, 2, 0x10, 1)];
    const head = Uint8Array.of(8, 10, 0x3a, 0);
    const file = concat([head, first, group, second, group]);
    expect(encodeModel(decodeModel(file))).toEqual(concat([head, first, second, group, group]));
  });
});

describe("what is written", () => {
  test("reads back, whatever the attributes", () => {
    fc.assert(
      fc.property(fc.array(attribute(), { minLength: 1, maxLength: 4 }), (attributes) => {
        const model = modelWith({ node: [{ opType: "Any", attribute: attributes }] });
        expect(decodeModel(encodeModel(model))).toEqual(model);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test("reads back, whatever the sizes around the border of a large payload", () => {
    for (const size of [0, 1, 127, 128, 4095, 4096, 4097, 70_000]) {
      const initializer: TensorProto[] = [
        { dataType: 2, name: "bytes", rawData: new Uint8Array(size).fill(1) },
        { dataType: 2, name: "é".repeat(size) },
      ];
      const model = modelWith({ initializer });
      expect(decodeModel(encodeModel(model))).toEqual(model);
    }
  });

  test("keeps apart an absent field and one with its default value", () => {
    const node = [{ name: "" }, {}, { attribute: [{ i: 0 }, { f: 0 }, { s: "" }] }];
    expect(decodeModel(encodeModel(modelWith({ node }))).graph!.node).toEqual(node);
  });

  test.each(["\ud800", "a\udc00b", "\ud800\ud83d\ude00", "\ufffd"])("replaces lone surrogates in %j", (docString) => {
    const model = decodeModel(encodeModel({ ...modelWith({}), docString }));
    expect(model.docString).toBe(docString.toWellFormed());
  });

  test("does not depend on whether objects are shared", () => {
    const tensor: TensorProto = { dims: [1], int64Data: BigInt64Array.of(-1n), name: "t" };
    const shared = encodeModel(modelWith({ initializer: [tensor, tensor] }));
    expect(shared).toEqual(encodeModel(modelWith({ initializer: [tensor, { ...tensor }] })));
  });
});

function modelWith(graph: NonNullable<ModelProto["graph"]>): ModelProto {
  return { irVersion: 10, graph, opsetImport: [{ domain: "", version: 21 }] };
}

function attribute(): fc.Arbitrary<AttributeProto> {
  const int64 = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(2n ** 53n, 2n ** 56n - 1n, 2n ** 63n - 1n, -(2n ** 63n)));
  const invalidText = fc.uint8Array({ maxLength: 5 }).map((bytes) => Uint8Array.of(0xff, ...bytes));
  const text = fc.oneof(fc.string({ unit: "binary" }), invalidText);
  const float = fc.float({ noNaN: true });
  const fields = {
    name: fc.string({ unit: "binary" }),
    f: float,
    i: int64,
    s: text,
    floats: fc.array(float, { minLength: 1 }),
    ints: fc.array(int64, { minLength: 1 }),
    strings: fc.array(text, { minLength: 1 }),
    t: fc.record({ int64Data: fc.bigInt64Array({ minLength: 1 }), int32Data: fc.int32Array({ minLength: 1 }) }),
    type: fc.integer({ min: -1, max: 20 }),
  };
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<AttributeProto>;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
