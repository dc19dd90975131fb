import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { InputError } from "../errors.ts";
import { fold, type RngKey, rngKey, tensorBytes, uniform } from "../tensor/index.ts";
import { type ByteSource, bytesSource } from "./byte-source.ts";
import { openCheckpoint } from "./open.ts";
import { readZipDirectory, type ZipEntry } from "./zip-directory.ts";
import { readZipEntry } from "./zip-entry.ts";
import { encodeZip } from "./zip-writer.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** More runs, or others: ORBIFOLD_FUZZ_RUNS=100000 ORBIFOLD_FUZZ_SEED=1. */
const RUNS = Number(process.env.ORBIFOLD_FUZZ_RUNS ?? 200);
const key = rngKey(Number(process.env.ORBIFOLD_FUZZ_SEED ?? 0));

const LONGEST_CASE_MS = 2000;

/** What may be read of a file and made of it: several times its length, for views, directories and deflate. */
const MOST_READ = { perByte: 64, atLeast: 2 ** 20 };
const MOST_MADE = { perByte: 1100, atLeast: 2 ** 26 };

/** A file, or a part of one that is damaged before the rest is put round it, so that what is inside is reached. */
interface Sample {
  readonly damageable: Bytes;
  readonly wrap?: (damaged: Bytes) => Bytes;
}

const names = ["scalar", "empty", "empty.matrix", "fc1.weight", "fc1.bias", "odd"];
const index = JSON.stringify({
  metadata: { total_size: 1 },
  weight_map: Object.fromEntries(names.map((name) => [name, "shapes"])),
});

const samples: ReadonlyMap<string, Sample> = new Map<string, Sample>([
  ...wholeFiles([
    "safetensors/shapes.safetensors",
    "safetensors/names.safetensors",
    "pytorch/small.pt",
    "pytorch/views.pt",
    "pytorch/legacy-small.pt",
    "npz/dtypes.npz",
    "npz/compressed.npz",
    "npz/version-3.npy",
    "flax/chunked.msgpack",
    "flax/variables.msgpack",
  ]),
  ["index", { damageable: new TextEncoder().encode(index) }],
  ["header of safetensors", insideSafetensors("safetensors/shapes.safetensors")],
  ["pickle of a state dict", await insideZip("pytorch/small.pt", "data.pkl")],
  ["pickle of views", await insideZip("pytorch/views.pt", "data.pkl")],
  ["array of an npz", await insideZip("npz/layouts.npz", ".npy")],
]);

function wholeFiles(paths: readonly string[]) {
  return paths.map((path): [string, Sample] => [path, { damageable: golden(path) }]);
}

function insideSafetensors(path: string): Sample {
  const bytes = golden(path);
  const end = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const wrap = (header: Bytes) => {
    const prefix = new DataView(new ArrayBuffer(8));
    prefix.setBigUint64(0, BigInt(header.length), true);
    return joined(new Uint8Array(prefix.buffer), header, bytes.subarray(end));
  };
  return { damageable: bytes.slice(8, end), wrap };
}

/** The first entry of an archive whose name ends so. */
async function insideZip(path: string, ending: string): Promise<Sample> {
  const source = bytesSource(path, golden(path));
  const directory = await readZipDirectory(source);
  const read = async (entry: ZipEntry) => ({ name: entry.name, pieces: [await readZipEntry(source, entry)] });
  const files = await Promise.all([...directory.values()].map(read));
  const chosen = files.find(({ name }) => name.endsWith(ending)) as (typeof files)[number];
  const wrap = (damaged: Bytes) =>
    joined(...encodeZip(files.map((file) => (file === chosen ? { ...file, pieces: [damaged] } : file))));
  return { damageable: chosen.pieces[0] as Bytes, wrap };
}

function joined(...pieces: readonly Uint8Array[]): Bytes {
  return new Uint8Array(Buffer.concat(pieces));
}

function golden(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../../test/golden/${path}`, import.meta.url)));
}

/** Whole numbers below a bound, one after another. */
type Draw = (below: number) => number;

function drawsOf(at: RngKey): Draw {
  const { data } = uniform(at, [64], { dtype: "float64" });
  let next = 0;
  return (below) => Math.floor((data[next++ % data.length] as number) * below);
}

function replaced(bytes: Bytes, at: number, removed: number, piece: Uint8Array): Bytes {
  return joined(bytes.subarray(0, at), piece, bytes.subarray(at + removed));
}

const tokens = [
  '"',
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  ",",
  ":",
  "0",
  "9",
  "-",
  "\\",
  "null",
  "\u0000",
  "'",
  ".",
  "/",
  "PK",
];
const hugeNumbers = [0n, 1n, 0x7fn, 0xffn, 0x7fffn, 0xffffn, 2n ** 31n - 1n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 64n - 1n];

type Mutation = (bytes: Bytes, draw: Draw, other: Bytes) => Bytes;

/** Changes that leave the length as it is. */
const overwritings: readonly Mutation[] = [
  (bytes, draw) => bytes.with(draw(bytes.length), draw(256)),
  (bytes, draw) => {
    const at = draw(bytes.length);
    return bytes.with(at, (bytes[at] as number) ^ (1 << draw(8)));
  },
  (bytes, draw) => {
    const number = new DataView(new ArrayBuffer(8));
    const isLittle = draw(2) === 0;
    number.setBigUint64(0, hugeNumbers[draw(hugeNumbers.length)] as bigint, isLittle);
    const width = 2 ** draw(4);
    return overwritten(bytes, draw, new Uint8Array(number.buffer, isLittle ? 0 : 8 - width, width));
  },
  (bytes, draw, other) => {
    const from = draw(other.length);
    return overwritten(bytes, draw, other.subarray(from, from + draw(20)));
  },
  (bytes, draw) => bytes.with(digitIn(bytes, draw), 0x30 + draw(10)),
  (bytes, draw) => overwritten(bytes, draw, new TextEncoder().encode(tokens[draw(tokens.length)] as string)),
];

const resizings: readonly Mutation[] = [
  (bytes, draw) => bytes.slice(0, draw(bytes.length + 1)),
  (bytes, draw, other) => joined(bytes.subarray(0, draw(bytes.length + 1)), other.subarray(draw(other.length + 1))),
  (bytes, draw, other) => {
    const from = draw(other.length);
    return replaced(bytes, draw(bytes.length), draw(40), other.subarray(from, from + draw(40)));
  },
  (bytes, draw) => replaced(bytes, digitIn(bytes, draw), 1, new Uint8Array(draw(20)).fill(0x30 + draw(10))),
];

/** A piece laid over bytes that are no shorter, somewhere. */
function overwritten(bytes: Bytes, draw: Draw, piece: Uint8Array): Bytes {
  const at = draw(bytes.length);
  const kept = piece.subarray(0, bytes.length - at);
  return replaced(bytes, at, kept.length, kept);
}

function digitIn(bytes: Bytes, draw: Draw): number {
  const digits = [...bytes.keys()].filter((at) => (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39);
  return digits[draw(digits.length)] ?? 0;
}

/** One to three changes. */
function mutated(whole: Bytes, at: RngKey): Bytes {
  const draw = drawsOf(at);
  const others = [...samples.values()].map(({ damageable }) => damageable);
  let bytes = whole;
  for (let left = 1 + draw(3); left > 0 && bytes.length > 0; left--) {
    const mutations = draw(4) > 0 ? overwritings : resizings;
    const mutate = mutations[draw(mutations.length)] as Mutation;
    bytes = mutate(bytes, draw, others[draw(others.length)] as Bytes);
  }
  return bytes;
}

/** A file that counts what is read of it and lets nothing beyond it be read. */
function watchedSource(name: string, bytes: Bytes) {
  const watched = { read: 0 };
  const source: ByteSource = {
    ...bytesSource(name, bytes),
    read: async (offset, length) => {
      const isInside = Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= bytes.length;
      if (!isInside || !Number.isInteger(length))
        throw new Error(`read ${length} bytes at ${offset} of ${bytes.length}`);
      watched.read += length;
      return bytes.slice(offset, offset + length);
    },
  };
  return { watched, source };
}

/** Opens and reads all; what is refused must be so by an InputError that is one harmless line. Resolves to the bytes of the tensors. */
async function readEverything(source: ByteSource, sibling: ByteSource): Promise<number> {
  let made = 0;
  const attempt = async <T>(work: Promise<T>) => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof InputError && !/\p{Cc}/u.test(error.message)) return null;
      throw error;
    }
  };
  const openSibling = async (name: string) => {
    if (/[/\\\0]|^\.*$/.test(name)) throw new Error(`opened ${JSON.stringify(name)}`);
    return sibling;
  };
  const checkpoint = await attempt(openCheckpoint(source, { openSibling }));
  for (const [name, { dtype, shape }] of checkpoint?.entries ?? []) {
    const tensor = await attempt((checkpoint as NonNullable<typeof checkpoint>).read(name));
    if (tensor === null) continue;
    expect([tensor.dtype, tensor.shape]).toEqual([dtype, shape]);
    made += tensorBytes(tensor).length;
  }
  return made;
}

it.each([...samples.keys()])(
  "a damaged %s is refused or read, in bounded time and memory",
  async (name) => {
    const { damageable, wrap = (damaged) => damaged } = samples.get(name) as Sample;
    for (let run = 0; run < RUNS; run++) {
      const bytes = wrap(mutated(damageable, fold(key, name, run)));
      const shard = watchedSource("shapes", golden("safetensors/shapes.safetensors"));
      const { watched, source } = watchedSource("net", bytes);
      const start = performance.now();
      try {
        const made = await readEverything(source, shard.source);
        expect(watched.read).toBeLessThan(Math.max(MOST_READ.atLeast, MOST_READ.perByte * bytes.length));
        expect(made).toBeLessThan(Math.max(MOST_MADE.atLeast, MOST_MADE.perByte * bytes.length));
        expect(performance.now() - start).toBeLessThan(LONGEST_CASE_MS);
      } catch (error) {
        throw new Error(`${name}, run ${run}: ${(error as Error).message}`, { cause: error });
      }
    }
  },
  20_000 + 20 * RUNS,
);

it.each([...samples.keys()])("an undamaged %s is read", async (name) => {
  const { damageable, wrap = (damaged) => damaged } = samples.get(name) as Sample;
  const shard = watchedSource("shapes", golden("safetensors/shapes.safetensors"));
  const { source } = watchedSource(name, wrap(damageable));
  expect(await readEverything(source, shard.source)).toBeGreaterThan(0);
});
