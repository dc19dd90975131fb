import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { goldenBytes, goldenNames, goldenTensors } from "../../test/golden/safetensors/goldens.ts";
import { InputError } from "../errors.ts";
import { tensorBytes } from "../tensor/index.ts";
import { type ByteSource, blobSource, bytesSource } from "./byte-source.ts";
import { readAll } from "./checkpoint.ts";
import { openSafetensors } from "./safetensors-reader.ts";

const LONGEST_HEADER = 100_000_000;
/** Long enough to show what takes quadratic time. */
const LONG_HEADER = 10_000_000;

/** Some 60 ms on an idle machine. */
const SLOWEST_REFUSAL_MS = 2000;

const one = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';

/** A file with this header and `dataBytes` bytes after it. */
function file(header: string | Uint8Array, dataBytes = 0): Uint8Array<ArrayBuffer> {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function tensorHeader(dtype: string, shape: string, offsets: string): string {
  return `{"w":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;
}

async function failure(bytes: Uint8Array<ArrayBuffer>): Promise<InputError> {
  const error = await openSafetensors(bytesSource("net.safetensors", bytes))
    .then(readAll)
    .then(String, (e) => e);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(/^net\.safetensors.*; .+$/);
  expect(error.message.length).toBeLessThan(600);
  return error;
}

describe("openSafetensors", () => {
  it.each(goldenNames)("reads what the reference wrote: %s", async (name) => {
    const checkpoint = await openSafetensors(bytesSource(name, goldenBytes(name)));
    const { tensors, metadata } = goldenTensors(name);
    expect(new Set(checkpoint.entries.keys())).toEqual(new Set(tensors.map(([key]) => key)));
    expect(checkpoint.metadata).toEqual(metadata ?? {});
    for (const [key, wanted] of tensors) {
      if (wanted) expect(await checkpoint.read(key)).toEqual(wanted);
    }
  });

  it("lists 8-bit floats and refuses to read them, while the others stay readable", async () => {
    const checkpoint = await openSafetensors(bytesSource("q.safetensors", goldenBytes("float8")));
    expect(checkpoint.entries.get("quantised")).toMatchObject({ storedType: "F8_E4M3", dtype: null, shape: [4] });
    await expect(checkpoint.read("quantised")).rejects.toThrow(
      'q.safetensors, tensor "quantised": F8_E4M3 elements cannot be read; convert them to float16 or float32 first',
    );
    expect((await checkpoint.read("plain")).data).toEqual(new Float32Array([0.5]));
  });

  it("reads one tensor by a read of its own bytes", async () => {
    const bytes = goldenBytes("shapes");
    const reads: [number, number][] = [];
    const source: ByteSource = {
      ...bytesSource("shapes", bytes),
      read: async (offset, length) => {
        reads.push([offset, length]);
        return bytes.slice(offset, offset + length);
      },
    };
    const checkpoint = await openSafetensors(source);
    const entry = checkpoint.entries.get("fc1.weight");
    reads.length = 0;
    await checkpoint.read("fc1.weight");
    expect(reads).toEqual([[entry?.offset, 48]]);
  });

  it("names some tensors when one is missing", async () => {
    const checkpoint = await openSafetensors(bytesSource("net.safetensors", file(`{"w":${one}}`, 4)));
    await expect(checkpoint.read("v")).rejects.toThrow(
      'net.safetensors: no tensor "v" among its 1 ("w", ...); check the name',
    );
  });

  it("keeps keys that name members of every object", async () => {
    const header = `{"__metadata__":{"__proto__":"a","toString":"b"},"__proto__":${one},"constructor":${one.replace("0,4", "4,8")}}`;
    const checkpoint = await openSafetensors(bytesSource("net", file(header, 8)));
    const tensors = await readAll(checkpoint);
    expect(Object.entries(checkpoint.metadata)).toEqual(Object.entries(JSON.parse('{"__proto__":"a","toString":"b"}')));
    expect(Object.keys(tensors)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(tensors)).toBe(Object.prototype);
  });

  it("accepts offsets in any order of keys, unaligned data, and white space", async () => {
    const header = `{ "b" : {"dtype":"F32","shape":[1],"data_offsets":[1, 5]},\n"a":{"data_offsets":[0,1],"shape":[],"dtype":"U8"} }\n\t `;
    const bytes = file(header, 5);
    bytes.set(new Uint8Array(new Float32Array([2.5]).buffer), bytes.length - 4);
    const { b } = await readAll(await openSafetensors(bytesSource("net", bytes)));
    expect(b?.data).toEqual(new Float32Array([2.5]));
  });

  it("reads from a Blob", async () => {
    const bytes = goldenBytes("shapes");
    const fromBlob = await readAll(await openSafetensors(blobSource(new File([bytes], "shapes.safetensors"))));
    expect(fromBlob).toEqual(await readAll(await openSafetensors(bytesSource("shapes", bytes))));
  });
});

const hostileHeaders: readonly (readonly [string, string, number, string])[] = [
  ["an empty header", "", 0, "not-safetensors"],
  ["a leading space", " {}", 0, "not-safetensors"],
  ["an array", "[]", 0, "not-safetensors"],
  ["a byte order mark", "\ufeff{}", 0, "not-safetensors"],
  ["an unfinished object", "{", 0, "bad-header"],
  ["a trailing comma", `{"w":${one},}`, 4, "bad-header"],
  ["text after the object", "{}x", 0, "bad-header"],
  ["a second object", "{}{}", 0, "bad-header"],
  ["zeros as padding", "{}\0\0", 0, "bad-header"],
  ["a name longer than any", `{"${"x".repeat(16_001)}":${one}}`, 4, "bad-header"],
  ["a field that every object has", one.replace("}", ',"constructor":1}').replace(/.*/, '{"w":$&}'), 4, "bad-header"],
  ["two numbers without a comma", tensorHeader("F32", "[1 1]", "[0,4]"), 4, "bad-header"],
  ["a number that runs on", tensorHeader("F32", "[1x]", "[0,4]"), 4, "bad-header"],
  ["no number after a comma", tensorHeader("F32", "[1,]", "[0,4]"), 4, "bad-header"],
  ["a control character in a key", `{"a\u0001":${one}}`, 4, "bad-header"],
  ["half a surrogate pair in a key", `{"\\ud800":${one}}`, 4, "bad-header"],
  ["an unknown escape", `{"\\q":${one}}`, 4, "bad-header"],
  ["deep nesting of arrays", `{"w":${"[".repeat(1e6)}`, 0, "bad-header"],
  ["deep nesting of objects", '{"w":'.repeat(1e5), 0, "bad-header"],
  ["deep nesting in a field", `{"w":{"dtype":${'{"a":'.repeat(1e5)}`, 0, "bad-header"],
  ["deep nesting in a shape", tensorHeader("F32", "[".repeat(1e6), "[0,4]"), 4, "bad-header"],
  ["a repeated tensor", `{"w":${one},"w":${one}}`, 4, "duplicate-key"],
  ["a repeated tensor under another spelling", `{"w":${one},"\\u0077":${one}}`, 4, "duplicate-key"],
  ["a repeated field", `{"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4, "duplicate-key"],
  ["repeated metadata", '{"__metadata__":{},"__metadata__":{}}', 0, "duplicate-key"],
  ["a repeated metadata key", '{"__metadata__":{"a":"1","a":"2"}}', 0, "duplicate-key"],
  ["metadata that is null", '{"__metadata__":null}', 0, "bad-header"],
  ["a number as metadata", '{"__metadata__":{"epoch":3}}', 0, "bad-header"],
  ["nested metadata", '{"__metadata__":{"a":{}}}', 0, "bad-header"],
  ["a field too many", one.replace("}", ',"x":1}').replace(/.*/, '{"w":$&}'), 4, "bad-header"],
  ["a field too few", '{"w":{"dtype":"F32","shape":[1]}}', 4, "bad-header"],
  ["a tensor that is null", '{"w":null}', 0, "bad-header"],
  ["an unknown dtype", tensorHeader("F128", "[1]", "[0,16]"), 16, "unknown-dtype"],
  ["a dtype that names a member of objects", tensorHeader("constructor", "[1]", "[0,16]"), 16, "unknown-dtype"],
  ["a negative size", tensorHeader("F32", "[-1]", "[0,4]"), 4, "bad-header"],
  ["a fractional size", tensorHeader("F32", "[1.0]", "[0,4]"), 4, "bad-header"],
  ["an exponent", tensorHeader("F32", "[1e0]", "[0,4]"), 4, "bad-header"],
  ["a leading zero", tensorHeader("F32", "[01]", "[0,4]"), 4, "bad-header"],
  ["a size as a string", tensorHeader("F32", '["1"]', "[0,4]"), 4, "bad-header"],
  ["a size beyond 2^53", tensorHeader("F32", "[9007199254740993]", "[0,4]"), 4, "bad-header"],
  ["a size beyond 2^64", tensorHeader("F32", "[18446744073709551617]", "[0,4]"), 4, "bad-header"],
  [
    "sizes whose product wraps round 64 bits to 1",
    tensorHeader("U8", "[4294967297,6700417,641]", "[0,1]"),
    1,
    "bad-shape",
  ],
  ["sizes whose product overflows", tensorHeader("F32", "[4294967296,4294967296]", "[0,0]"), 0, "bad-shape"],
  ["sizes whose product is infinite", tensorHeader("F32", `[${Array(64).fill(2 ** 53 - 1)}]`, "[0,0]"), 0, "bad-shape"],
  ["a million axes", tensorHeader("F32", `[${Array(1e6).fill(1)}]`, "[0,4]"), 4, "bad-header"],
  ["too few bytes for the shape", tensorHeader("F32", "[2]", "[0,4]"), 4, "bad-shape"],
  ["too many bytes for the shape", tensorHeader("F32", "[]", "[0,8]"), 8, "bad-shape"],
  ["half a byte", tensorHeader("F4", "[3]", "[0,1]"), 1, "bad-shape"],
  ["negative offsets", tensorHeader("F32", "[1]", "[-4,0]"), 4, "bad-header"],
  ["reversed offsets", tensorHeader("F32", "[1]", "[4,0]"), 4, "bad-offsets"],
  ["one offset", tensorHeader("F32", "[1]", "[4]"), 4, "bad-offsets"],
  ["three offsets", tensorHeader("F32", "[1]", "[0,4,8]"), 4, "bad-header"],
  ["offsets beyond the file", tensorHeader("F32", "[1]", "[4,8]"), 4, "truncated"],
  ["huge offsets", tensorHeader("F32", "[2251799813685247]", "[0,9007199254740988]"), 4, "truncated"],
  ["a gap at the start", tensorHeader("F32", "[1]", "[4,8]"), 8, "bad-offsets"],
  ["bytes after the last tensor", tensorHeader("F32", "[1]", "[0,4]"), 5, "bad-offsets"],
  ["bytes without a tensor", "{}", 1, "bad-offsets"],
  ["overlapping tensors", `{"a":${one},"b":${one.replace("0,4", "2,6")}}`, 6, "bad-offsets"],
  ["the same bytes twice", `{"a":${one},"b":${one}}`, 4, "bad-offsets"],
  ["a gap between tensors", `{"a":${one},"b":${one.replace("0,4", "5,9")}}`, 9, "bad-offsets"],
  [
    "an empty tensor inside another",
    `{"a":${one},"b":{"dtype":"F32","shape":[0],"data_offsets":[2,2]}}`,
    4,
    "bad-offsets",
  ],
];

describe("a hostile header", () => {
  it.each(hostileHeaders)("%s is one clear error", async (_, header, dataBytes, code) => {
    expect((await failure(file(header, dataBytes))).code).toBe(code);
  });

  it("shows names out of the file as one short harmless line", async () => {
    const name = `\\u001b[2J\\n\u009b\u202e${"x".repeat(1e4)}`;
    const { message } = await failure(file(`{"${name}":null}`));
    expect(message).toMatch(
      /^net\.safetensors, tensor "\\u001b\[2J\\n\\u\{9b\}\\u\{202e\}x{70,80}\.\.\.": expected "\{"/,
    );
  });

  it("that is not UTF-8 is an error", async () => {
    expect((await failure(file(new Uint8Array([0x7b, 0x22, 0xff, 0x22])))).code).toBe("bad-header");
  });

  it("that lists more keys than any model has tensors is an error", async () => {
    const keys = Array.from({ length: 2 ** 19 + 1 }, (_, i) => `"${i}":""`);
    const { message } = await failure(file(`{"__metadata__":{${keys}}}`));
    expect(message).toContain("expected at most 524288 keys, got more");
  });

  it("that lists more tensors than any model has is an error, whatever they are called", async () => {
    const header = `{${'"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'.repeat(2 ** 19 + 1)}"v":null}`;
    expect((await failure(file(header))).message).toContain("expected at most 524288 tensors, got more");
  });

  it.each([
    ["opening brackets", "{", "["],
    ["spaces", "{", " "],
    ["one name", '{"', "x"],
    ["one name of escapes", '{"', '\\"'],
    ["objects in objects", "", '{"a":'],
    ["metadata", '{"__metadata__":{"', "\\u0041"],
    ["one number", '{"w":{"shape":[', "1"],
    ["sizes", '{"w":{"shape":[', "1,"],
  ])("of 10 MB of %s is refused at once", async (_, head, filler) => {
    const header = (head + filler.repeat(LONG_HEADER / filler.length)).slice(0, LONG_HEADER);
    const bytes = file(header);
    const start = performance.now();
    await failure(bytes);
    expect(performance.now() - start).toBeLessThan(SLOWEST_REFUSAL_MS);
  });

  it("longer than the file or than any reader accepts is an error, before anything is read", async () => {
    const bytes = file("{}");
    const lengths: [bigint, string][] = [
      [3n, "truncated"],
      [BigInt(LONGEST_HEADER), "truncated"],
      [BigInt(LONGEST_HEADER) + 1n, "not-safetensors"],
      [2n ** 64n - 1n, "not-safetensors"],
    ];
    for (const [length, code] of lengths) {
      new DataView(bytes.buffer).setBigUint64(0, length, true);
      expect((await failure(bytes)).code).toBe(code);
    }
  });
});

describe("a damaged file", () => {
  const whole = goldenBytes("shapes");

  it("is an error when cut anywhere", async () => {
    for (let length = 0; length < whole.length; length++) await failure(whole.slice(0, length));
  });

  it("is an InputError or still a consistent checkpoint, however it is flipped, cut and spliced", async () => {
    const position = fc.nat({ max: whole.length - 1 });
    const edits = fc.array(
      fc.oneof(
        fc.record({ at: position, remove: fc.constant(1), insert: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
        fc.record({ at: position, remove: fc.nat({ max: 20 }), insert: fc.uint8Array({ maxLength: 20 }) }),
        fc.record({ at: position, remove: fc.nat({ max: 3 }), insert: jsonPieces }),
      ),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(fc.asyncProperty(edits, survives), { numRuns: 1500 });
  });

  const jsonPieces = fc
    .constantFrom('"', "{", "}", "[", "]", ",", ":", "0", "9", "-", "\\", "null", '"F64"', '"w":', "\u0000")
    .map((text) => new TextEncoder().encode(text));

  async function survives(edits: { at: number; remove: number; insert: Uint8Array }[]): Promise<void> {
    const bytes = edits.reduce<number[]>(
      (all, { at, remove, insert }) => all.toSpliced(at, remove, ...insert),
      [...whole],
    );
    const source = bytesSource("net.safetensors", Uint8Array.from(bytes));
    try {
      const tensors = Object.values(await readAll(await openSafetensors(source)));
      const stored = tensors.reduce((sum, tensor) => sum + tensorBytes(tensor).length, 0);
      expect(stored).toBeLessThan(bytes.length);
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
    }
  }
});
