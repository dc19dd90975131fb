import { check } from "../errors.ts";
import { normalQuantile } from "./normal-quantile.ts";
import type { Shape } from "./shape.ts";
import { type Tensor, zeros } from "./tensor.ts";

/** A key of the counter-based generator: the only source of randomness. The same key always draws the same numbers. */
export interface RngKey {
  readonly words: readonly [number, number];
}

/** Threefry-2x32 with 20 rounds (Salmon et al. 2011): two words of key and two of counter to two random words. */
export function threefry2x32(key: readonly [number, number], counter: readonly [number, number]): [number, number] {
  const out = new Uint32Array(2);
  threefryInto(out, 0, key[0], key[1], counter[0], counter[1]);
  return [out[0] as number, out[1] as number];
}

function threefryInto(out: Uint32Array, at: number, k0: number, k1: number, c0: number, c1: number): void {
  const k2 = k0 ^ k1 ^ 0x1bd11bda;
  let a = (c0 + k0) | 0;
  let b = (c1 + k1) | 0;
  for (let group = 1; group <= 5; group++) {
    const odd = group & 1;
    a = (a + b) | 0;
    b = (odd ? (b << 13) | (b >>> 19) : (b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = (odd ? (b << 15) | (b >>> 17) : (b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = (odd ? (b << 26) | (b >>> 6) : (b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = (odd ? (b << 6) | (b >>> 26) : (b << 24) | (b >>> 8)) ^ a;
    const phase = group % 3;
    a = (a + (phase === 0 ? k0 : phase === 1 ? k1 : k2)) | 0;
    b = (b + (phase === 0 ? k1 : phase === 1 ? k2 : k0) + group) | 0;
  }
  out[at] = a;
  out[at + 1] = b;
}

/** The key of a whole-number seed. */
export function rngKey(seed: number): RngKey {
  check(Number.isSafeInteger(seed) && seed >= 0, () => ({
    code: "bad-seed",
    where: "seed",
    message: `expected a whole number from 0 to 2^53 - 1, got ${seed}`,
  }));
  return fold({ words: [0, 0] }, seed);
}

/** An independent key named by `parts`, such as `fold(key, "epoch", 3)`. */
export function fold(key: RngKey, ...parts: readonly (string | number)[]): RngKey {
  let words = key.words;
  for (const part of parts) {
    for (const counter of typeof part === "number" ? numberWords(part) : stringWords(part)) {
      words = threefry2x32(words, counter);
    }
  }
  return { words };
}

function numberWords(part: number): [number, number][] {
  check(Number.isSafeInteger(part), () => ({
    code: "bad-seed",
    where: "fold",
    message: `expected a whole number, got ${part}`,
  }));
  return [[part >>> 0, (Math.floor(part / 2 ** 32) & 0x7fffffff) >>> 0]];
}

/** Packs UTF-8 bytes four at a time; the high bit of the second word keeps strings apart from numbers. */
function stringWords(part: string): [number, number][] {
  const bytes = new TextEncoder().encode(part);
  const words: [number, number][] = [[bytes.length, 0x80000000]];
  for (let i = 0; i < bytes.length; i += 4) {
    const at = (offset: number) => bytes[i + offset] ?? 0;
    words.push([(at(0) | (at(1) << 8) | (at(2) << 16) | (at(3) << 24)) >>> 0, (0x80000000 + i + 1) >>> 0]);
  }
  return words;
}

/** The first `count` numbers of the key's stream in [0, 1), each with 53 random bits. */
function units(key: RngKey, count: number): Float64Array {
  const words = new Uint32Array(2);
  const [k0, k1] = key.words;
  const draws = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    threefryInto(words, 0, k0, k1, index >>> 0, Math.floor(index / 2 ** 32));
    draws[index] = (((words[0] as number) >>> 5) * 0x4000000 + ((words[1] as number) >>> 6)) * 2 ** -53;
  }
  return draws;
}

export interface DrawOptions<D extends "float32" | "float64"> {
  readonly dtype?: D;
}

/** Independent draws from [low, high). */
export function uniform<D extends "float32" | "float64" = "float32">(
  key: RngKey,
  shape: Shape,
  options: DrawOptions<D> & { readonly low?: number; readonly high?: number } = {},
): Tensor<D> {
  const { low = 0, high = 1, dtype = "float32" as D } = options;
  const draw = zeros(dtype, shape);
  const { data } = draw;
  const grain = dtype === "float32" ? 2 ** 24 : 2 ** 53;
  const draws = units(key, data.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = low + ((high - low) * Math.floor((draws[i] as number) * grain)) / grain;
    // What rounds up to `high` would be missing at `low`, to which only numbers above it round.
    if ((data[i] as number) >= high) data[i] = low;
  }
  return draw;
}

/** Independent draws from a normal distribution, one per number of the key's stream. */
export function normal<D extends "float32" | "float64" = "float32">(
  key: RngKey,
  shape: Shape,
  options: DrawOptions<D> & { readonly mean?: number; readonly deviation?: number } = {},
): Tensor<D> {
  const { mean = 0, deviation = 1, dtype = "float32" as D } = options;
  const result = zeros(dtype, shape);
  const { data } = result;
  const draws = units(key, data.length);
  for (let i = 0; i < data.length; i++) {
    // The middle of the draw's interval, which is never 0 or 1.
    const draw = draws[i] as number;
    data[i] = mean + deviation * normalQuantile(draw + 2 ** -54, 1 - draw - 2 ** -54);
  }
  return result;
}

/** A uniformly random ordering of 0..length-1 (Fisher-Yates). */
export function permutation(key: RngKey, length: number): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length }, (_, i) => i);
  const draws = units(key, length);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor((draws[i] as number) * (i + 1));
    const swapped = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swapped;
  }
  return order;
}
