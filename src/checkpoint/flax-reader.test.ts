import { describe, expect, it } from "vitest";
import { goldenBytes, goldenNames, goldenTensors } from "../../test/golden/flax/goldens.ts";
import { InputError } from "../errors.ts";
import { type ByteSource, bytesSource } from "./byte-source.ts";
import { readAll } from "./checkpoint.ts";
import { openFlax } from "./flax-reader.ts";

const openGolden = (name: string) => openFlax(bytesSource(name, goldenBytes(name)));

/** The bytes of numbers, texts (with their short heads) and pieces of both. */
function bytesOf(...pieces: (number | string | readonly number[])[]): Uint8Array<ArrayBuffer> {
  const encoded = pieces.map((piece) => {
    if (typeof piece !== "string") return typeof piece === "number" ? [piece] : piece;
    const text = new TextEncoder().encode(piece);
    return [0xa0 + text.length, ...text];
  });
  return Uint8Array.from(encoded.flat());
}

/** The extension of a float32 vector [1] of these bytes. */
function vector(...elements: number[]): number[] {
  const payload = bytesOf(0x93, 0x91, 1, "float32", 0xc4, elements.length, elements);
  return [0xc7, payload.length, 1, ...payload];
}

async function failure(bytes: Uint8Array<ArrayBuffer>): Promise<InputError> {
  const error = await openFlax(bytesSource("net.msgpack", bytes))
    .then(readAll)
    .then(String, (e) => e);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(/^net\.msgpack[^\n]*; .+$/);
  return error;
}

describe("openFlax", () => {
  it.each(goldenNames)("reads what flax wrote: %s", async (name) => {
    const checkpoint = await openGolden(name);
    const tensors = goldenTensors(name);
    expect([...checkpoint.entries.keys()]).toEqual(expect.arrayContaining(tensors.map(([key]) => key)));
    for (const [key, wanted] of tensors) {
      if (wanted) expect(await checkpoint.read(key)).toEqual(wanted);
      else await expect(checkpoint.read(key)).rejects.toThrow("elements cannot be read");
    }
  });

  it("lists no tensor beside those", async () => {
    for (const name of goldenNames.filter((name) => name !== "leaves")) {
      const { entries, metadata } = await openGolden(name);
      expect(new Set(entries.keys())).toEqual(new Set(goldenTensors(name).map(([key]) => key)));
      expect(metadata).toEqual({});
    }
  });

  it("takes leaves that are no arrays for metadata, and lists a complex number as what cannot be read", async () => {
    const { metadata, entries } = await openGolden("leaves");
    expect(metadata).toEqual({
      step: "1000",
      big: "9223372036854775808",
      least: "-9223372036854775808",
      small: "-3",
      rate: "0.1",
      done: "true",
      not: "false",
      none: "null",
      text: "a text of more than thirty-two bytes",
    });
    expect([...entries].map(([name, { storedType }]) => [name, storedType])).toEqual([
      ["complex", "complex"],
      ["w", "float32"],
    ]);
  });

  it("reads no elements before they are asked for, and then those of one tensor alone", async () => {
    const elements = new Uint8Array(1_000_000);
    const head = bytesOf(0x93, 0x91, [0xce, 0, 3, 208, 144], "float32", [0xc6, 0, 15, 66, 64]);
    const size = head.length + elements.length;
    const array = [0xc9, 0, (size >> 16) & 255, (size >> 8) & 255, size & 255, 1, ...head];
    const bytes = bytesOf(0x82, "a", array, [...elements], "b", array, [...elements]);
    const reads: number[] = [];
    const source: ByteSource = {
      ...bytesSource("net", bytes),
      read: async (offset, length) => {
        reads.push(length);
        return bytes.slice(offset, offset + length);
      },
    };
    const checkpoint = await openFlax(source);
    expect([...checkpoint.entries.values()].map(({ shape }) => shape)).toEqual([[250_000], [250_000]]);
    expect(reads.reduce((sum, length) => sum + length)).toBeLessThan(200_000);
    reads.length = 0;
    await checkpoint.read("b");
    expect(reads).toEqual([1_000_000]);
  });

  it("takes numbers for keys as text, and a value that is no array as what cannot be read", async () => {
    const bytes = bytesOf(0x82, 7, vector(0, 0, 128, 63), "raw", [0xc4, 2, 1, 2]);
    const { entries, read } = await openFlax(bytesSource("net", bytes));
    expect([...entries.keys()]).toEqual(["7", "raw"]);
    expect((await read("7")).data).toEqual(new Float32Array([1]));
    await expect(read("raw")).rejects.toThrow('net, tensor "raw": bytes elements cannot be read');
  });
});

const one = vector(0, 0, 128, 63);
const chunked = "__msgpack_chunked_array__";
/** {w: an array in chunks of this shape and these chunks}. */
const inChunks = (...rest: (number | string | readonly number[])[]) =>
  bytesOf(0x81, "w", 0x83, [0xd9, chunked.length, ...new TextEncoder().encode(chunked)], 0xc3, ...rest);

const hostile: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] = [
  ["nothing", bytesOf(), "truncated"],
  ["a map of four billion", bytesOf([0xdf, 255, 255, 255, 255]), "truncated"],
  ["a list of four billion", bytesOf([0xdd, 255, 255, 255, 255], 1), "truncated"],
  ["a text of four billion bytes", bytesOf(0x81, [0xdb, 255, 255, 255, 255], 1), "bad-msgpack"],
  ["a text beyond the end", bytesOf(0x81, [0xd9, 255], 1), "truncated"],
  ["an array beyond the end", bytesOf(0x81, "w", one.slice(0, -1)), "truncated"],
  ["bytes after the end", bytesOf(0x81, "w", one, 0), "bad-msgpack"],
  ["the reserved byte", bytesOf(0x81, "w", 0xc1), "bad-msgpack"],
  ["levels without end", bytesOf(Array(100_000).fill(0x91)), "bad-msgpack"],
  ["more values than any model has", bytesOf([0xdd, 0, 16, 0, 0], Array(2 ** 19).fill(0)), "bad-msgpack"],
  ["a text that is not UTF-8", bytesOf(0x81, [0xa1, 0xff], 1), "bad-msgpack"],
  ["a key twice", bytesOf(0x82, "w", one, "w", one), "duplicate-key"],
  ["a list as a key", bytesOf(0x81, 0x90, one), "bad-msgpack"],
  ["two names alike", bytesOf(0x82, "a", 0x81, "b", one, "a.b", one), "bad-flax"],
  ["an array of two parts", bytesOf(0x81, "w", [0xc7, 2, 1, 0x92, 0]), "bad-msgpack"],
  ["a shape of null", bytesOf(0x81, "w", [0xc7, 5, 1, 0x93, 0x91, 0xc0, 0xa0, 0xc4, 0]), "bad-msgpack"],
  ["a negative size", bytesOf(0x81, "w", [0xc7, 6, 1, 0x93, 0x91, 0xff, 0xa0, 0xc4, 0]), "bad-msgpack"],
  ["a thousand axes", bytesOf(0x81, "w", [0xc7, 5, 1, 0x93, 0xdc, 3, 232, 0]), "bad-msgpack"],
  ["elements that end before the array", bytesOf(0x81, "w", one.with(1, 20), 0, 0, 0), "bad-msgpack"],
  [
    "a type whose name a terminal would obey",
    bytesOf(0x81, "w", [0xc7, 7, 1, 0x93, 0x90], "\u001b[", [0xc4, 0]),
    "bad-msgpack",
  ],
  ["too few elements", bytesOf(0x81, "w", vector(1, 2, 3)), "bad-shape"],
  ["chunks without a shape", inChunks("shapes", 0x80, "chunks", 0x80), "bad-flax"],
  ["chunks with a gap", inChunks("shape", 0x81, "0", 1, "chunks", 0x81, "1", one), "bad-flax"],
  ["chunks of another number", inChunks("shape", 0x81, "0", 2, "chunks", 0x81, "0", one), "bad-shape"],
  ["a chunk that is a number", inChunks("shape", 0x81, "0", 1, "chunks", 0x81, "0", 1), "bad-flax"],
  ["a size that is a text", inChunks("shape", 0x81, "0", "1", "chunks", 0x81, "0", one), "bad-flax"],
];

describe("a hostile file", () => {
  it.each(hostile)("of %s is one clear error", async (_, bytes, code) => {
    expect((await failure(bytes)).code).toBe(code);
  });

  it("of few keys that make long names, or many, is an error", async () => {
    const under = (length: number, count: number) => {
      const key = [0xda, length >> 8, length & 255, ...Array(length).fill(0x78)];
      const leaves = Array.from({ length: count }, (_, i) => [0xcd, i >> 8, i & 255, 0]).flat();
      return bytesOf(0x81, key, [0xde, count >> 8, count & 255], leaves);
    };
    for (const bytes of [under(16_000, 1), under(10_000, 10_000)]) {
      expect((await failure(bytes)).message).toContain("names of at most 16000 characters");
    }
  });

  it("is an error when cut anywhere", async () => {
    const whole = goldenBytes("chunked");
    for (let length = 0; length < whole.length; length++) await failure(whole.slice(0, length));
  });
});
