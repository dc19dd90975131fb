import { BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { golden, goldens } from "../../test/golden/onnx/goldens.ts";
import { InputError } from "../errors.ts";
import { decodeModel, encodeModel, type ModelProto } from "./index.ts";

describe("a hostile file", () => {
  test.each(["attributes", "functions", "torch-tracing"])("%s cut anywhere is one clear line", (name) => {
    const { bytes } = golden(name);
    const complete = completeLengths(name, bytes);
    for (let length = 0; length < bytes.length; length++) {
      const outcome = attempt(bytes.subarray(0, length));
      if (!complete.has(length)) expect(outcome, `cut at ${length}`).toBeInstanceOf(InputError);
    }
  });

  test.each([
    ["empty", "not-onnx", []],
    ["a PNG", "not-onnx", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]],
    ["a ZIP", "not-onnx", [0x50, 0x4b, 3, 4, 20, 0, 0, 0, 8, 0]],
    ["text", "not-onnx", [...Buffer.from("hello, this is not a model\n")]],
    ["zeros", "not-onnx", new Array(64).fill(0)],
    ["a varint of eleven bytes", "malformed-onnx", [8, 10, 0x28, ...new Array(10).fill(0x80), 1]],
    ["an unknown varint of eleven bytes", "malformed-onnx", [8, 10, 0x78, ...new Array(10).fill(0x80), 1]],
    ["an endless varint", "truncated-onnx", [8, 10, 0x28, 0x80]],
    ["a length beyond the file", "truncated-onnx", [8, 10, 0x3a, 0xff, 0xff, 0xff, 0x7f]],
    ["a negative length", "malformed-onnx", [8, 10, 0x3a, ...new Array(9).fill(0xff), 1]],
    ["a length beyond 2^32", "malformed-onnx", [8, 10, 0x3a, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ["a value that outgrows its message", "malformed-onnx", [8, 10, 0x42, 2, 0x10, 0x80, 1]],
    ["a group that never ends", "truncated-onnx", [8, 10, 0x7b]],
    ["the end of no group", "malformed-onnx", [8, 10, 0x7c]],
    ["field number zero", "malformed-onnx", [8, 10, 0, 0]],
    ["wire type 7", "malformed-onnx", [8, 10, 0x0f]],
    ["text that is not UTF-8", "malformed-onnx", [8, 10, 0x12, 1, 0xff]],
    ["two graphs", "malformed-onnx", [8, 10, 0x3a, 0, 0x3a, 0]],
    ["no graph", "truncated-onnx", [8, 10, 0x42, 0]],
    ["no operator set", "truncated-onnx", [8, 10, 0x3a, 0]],
    ["a version beyond 2^53", "malformed-onnx", [8, 10, 0x42, 10, 0x10, ...new Array(8).fill(0xff), 0x7f]],
    ["packed floats of three bytes", "malformed-onnx", [8, 10, 0x3a, 7, 0x2a, 5, 0x22, 3, 0, 0, 0]],
    ["packed integers cut short", "malformed-onnx", [8, 10, 0x3a, 6, 0x2a, 4, 0x3a, 2, 1, 0x80]],
  ])("that is %s is reported as %s", (_, code, bytes) => {
    const outcome = attempt(Uint8Array.from(bytes as number[]));
    expect(outcome).toMatchObject({ code, where: expect.stringContaining("hostile.onnx"), remedy: expect.any(String) });
  });

  test("reads as one line with place, expected, got and remedy", () => {
    const { bytes } = golden("functions");
    expect((attempt(bytes.subarray(0, 60)) as InputError).message).toMatchInlineSnapshot(
      `"hostile.onnx, graph: expected 84 bytes from byte 22, got 38; the file is cut short or damaged: download or export it again"`,
    );
  });

  test("nested too deep is refused before the stack ends", () => {
    expect(attempt(nestedGraphs(30))).not.toBeInstanceOf(Error);
    expect(attempt(nestedGraphs(5000))).toMatchObject({
      code: "malformed-onnx",
      message: expect.stringMatching("100"),
    });
  });

  test("of millions of empty messages or unknown fields is refused", () => {
    const pairs = (first: number) => new Uint8Array(2 * (2 ** 21 + 1)).map((_, i) => (i % 2 ? 0 : first));
    const nodes = new BinaryWriter().raw(Uint8Array.of(8, 10)).tag(7, 2).bytes(pairs(0x0a)).finish();
    expect(attempt(nodes)).toMatchObject({ code: "malformed-onnx", message: expect.stringMatching("more than") });
    const unknown = new BinaryWriter().raw(Uint8Array.of(8, 10)).raw(pairs(0x78)).finish();
    expect(attempt(unknown)).toMatchObject({ code: "malformed-onnx", message: expect.stringMatching("more than") });
  });

  test("of known and unknown fields in turn keeps the unknown ones together", () => {
    const turns = new Uint8Array(400_000);
    for (let i = 0; i < turns.length; i += 4) turns.set([8, 10, 0x78, 1], i);
    const model = attempt(Uint8Array.from([...turns, 0x3a, 0, 0x42, 0])) as ModelProto;
    expect(model.unknown).toEqual([{ after: 1, bytes: new Uint8Array(200_000).map((_, i) => (i % 2 ? 1 : 0x78)) }]);
  });
});

test("damage to a file gives a model or one InputError", () => {
  const files = goldens.map(({ bytes }) => bytes);
  fc.assert(
    fc.property(fc.constantFrom(...files), damage(), fc.constantFrom(...files), (file, { at, kind, byte }, other) => {
      const bytes = damaged(file, { at, kind, byte }, other);
      const outcome = attempt(bytes);
      if (outcome instanceof InputError)
        return outcome.message.split("\n").length === 1 && outcome.remedy !== undefined;
      expect(copiedBytes(outcome, bytes)).toBeLessThanOrEqual(8 * bytes.length);
      const canonical = encodeModel(outcome);
      expect(encodeModel(decodeModel(canonical))).toEqual(canonical);
      return true;
    }),
    { numRuns: 1500, seed: 1 },
  );
});

interface Damage {
  readonly kind: "cut" | "flip" | "splice" | "insert" | "drop";
  readonly at: number;
  readonly byte: number;
}

function damage(): fc.Arbitrary<Damage> {
  return fc.record({
    kind: fc.constantFrom("cut", "flip", "splice", "insert", "drop"),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    byte: fc.integer({ min: 1, max: 255 }),
  });
}

function damaged(file: Uint8Array, { kind, at, byte }: Damage, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const position = Math.floor(at * file.length);
  const [head, tail] = [[...file.subarray(0, position)], [...file.subarray(position)]];
  switch (kind) {
    case "cut":
      return Uint8Array.from(head);
    case "flip":
      return Uint8Array.from([...head, tail[0]! ^ byte, ...tail.slice(1)]);
    case "splice":
      return Uint8Array.from([...head, ...other.subarray(Math.floor(at * other.length))]);
    case "insert":
      return Uint8Array.from([...head, byte, ...tail]);
    case "drop":
      return Uint8Array.from([...head, ...tail.slice(byte)]);
  }
}

/** The model, or the InputError; anything else is a failure of the test. */
function attempt(bytes: Uint8Array<ArrayBuffer>): ModelProto | InputError {
  try {
    return decodeModel(bytes, "hostile.onnx");
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

/** Bytes of all typed arrays that are not views of the file. */
function copiedBytes(value: unknown, file: Uint8Array): number {
  if (ArrayBuffer.isView(value)) return value.buffer === file.buffer ? 0 : value.buffer.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, field) => sum + copiedBytes(field, file), 0);
}

/** Lengths at which the file is cut behind a whole field, so that what is left is a model too. */
function completeLengths(name: string, bytes: Uint8Array<ArrayBuffer>): Set<number> {
  const model = decodeModel(bytes, name);
  const imports = model.opsetImport!.map((_, i) => model.opsetImport!.slice(0, i + 1));
  return new Set(imports.map((opsetImport) => encodeModel({ ...model, opsetImport, functions: [] }).length));
}

/** A model whose node's attribute is a graph whose node's attribute is a graph ... */
function nestedGraphs(depth: number): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter().raw(Uint8Array.of(8, 10)).tag(7, 2).fork();
  for (let i = 0; i < depth; i++) writer.tag(1, 2).fork().tag(5, 2).fork().tag(6, 2).fork();
  for (let i = 0; i < 3 * depth; i++) writer.join();
  return writer.join().tag(8, 2).bytes(new Uint8Array()).finish() as Uint8Array<ArrayBuffer>;
}
