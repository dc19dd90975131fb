import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bfloat16Bits,
  bfloat16Value,
  convert,
  float16Bits,
  float16Value,
  fromNumbers,
  tensor,
  tensorBytes,
  toNumbers,
} from "./index.ts";

function golden(name: string): string[][] {
  return JSON.parse(readFileSync(new URL(`../../test/golden/tensor/${name}.json`, import.meta.url), "utf8"));
}

/** A narrow float as its bit patterns without a sign, in which larger numbers have larger patterns. */
interface Format {
  readonly dtype: "float16" | "bfloat16" | "float32";
  /** The pattern of infinity. */
  readonly infinity: number;
  /** Where infinity would be if it were a number: twice the largest power of two. */
  readonly limit: number;
  readonly sign: number;
}

const formats: readonly Format[] = [
  { dtype: "float16", infinity: 0x7c00, limit: 2 ** 16, sign: 0x8000 },
  { dtype: "bfloat16", infinity: 0x7f80, limit: 2 ** 128, sign: 0x8000 },
  { dtype: "float32", infinity: 0x7f800000, limit: 2 ** 128, sign: 0x80000000 },
];

const halves = [
  { dtype: "float16", infinity: 0x7c00, encode: float16Bits, decode: float16Value },
  { dtype: "bfloat16", infinity: 0x7f80, encode: bfloat16Bits, decode: bfloat16Value },
] as const;

function bitsOf(format: Format, value: number): number {
  const { data } = convert(fromNumbers("float64", [value]), format.dtype);
  return (format.dtype === "float32" ? new Uint32Array(data.buffer)[0] : data[0]) as number;
}

function magnitudeOf({ dtype, infinity, limit }: Format, pattern: number): number {
  if (pattern === infinity) return limit;
  const bits = dtype === "float32" ? Uint32Array.of(pattern) : Uint16Array.of(pattern);
  const narrow = tensor(dtype, [1], dtype === "float32" ? new Float32Array(bits.buffer) : (bits as never));
  return toNumbers(narrow)[0] as number;
}

/** A finite non-negative float64 in units of 2^-1074, in which all of them are whole. */
function exact(value: number): bigint {
  const bits = new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;
  const exponent = bits >> 52n;
  const fraction = bits & ((1n << 52n) - 1n);
  return exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
}

function distance(a: bigint, b: bigint): bigint {
  return a < b ? b - a : a - b;
}

/** Whether `pattern` is nearest to the magnitude, and even where a neighbour is as near. */
function isNearest(format: Format, magnitude: bigint, pattern: number): boolean {
  const away = distance(magnitude, exact(magnitudeOf(format, pattern)));
  const neighbours = [pattern - 1, pattern + 1].filter((other) => other >= 0 && other <= format.infinity);
  if (pattern === format.infinity && magnitude >= exact(format.limit)) return true;
  return neighbours.every((other) => {
    const otherAway = distance(magnitude, exact(magnitudeOf(format, other)));
    return away < otherAway || (away === otherAway && pattern % 2 === 0);
  });
}

/** Numbers at, beside and between the numbers of a format, of all sizes. */
function around(format: Format): fc.Arbitrary<number> {
  const fractions = fc.constantFrom(0, 2 ** -40, 0.25, 0.5 - 2 ** -26, 0.5, 0.5 + 2 ** -26, 0.75, 1 - 2 ** -26);
  return fc
    .tuple(fc.integer({ min: 0, max: format.infinity - 1 }), fractions, fc.boolean())
    .map(([pattern, fraction, negative]) => {
      const below = magnitudeOf(format, pattern);
      const value = below + fraction * (magnitudeOf(format, pattern + 1) - below);
      return negative ? -value : value;
    });
}

describe.each(formats)("float64 to $dtype", (format) => {
  it("rounds once, to the nearest, ties to even", () => {
    fc.assert(
      fc.property(fc.oneof(around(format), fc.double({ noNaN: true, noDefaultInfinity: true })), (value) => {
        const bits = bitsOf(format, value);
        const pattern = bits % format.sign;
        expect(bits >= format.sign).toBe(value < 0 || Object.is(value, -0));
        expect(isNearest(format, exact(Math.abs(value)), pattern)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps signed zeros, infinities and NaN", () => {
    const { infinity, sign } = format;
    expect([0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((x) => bitsOf(format, x))).toEqual([
      0,
      sign,
      infinity,
      infinity + sign,
    ]);
    expect(bitsOf(format, Number.NaN) % sign).toBeGreaterThan(infinity);
  });

  it("overflows half a unit beyond its largest number and underflows at half its smallest", () => {
    const largest = magnitudeOf(format, format.infinity - 1);
    const edge = largest + (format.limit - largest) / 2;
    const smallest = magnitudeOf(format, 1);
    const below = (x: number) => x * (1 - 2 ** -52);
    expect(bitsOf(format, edge)).toBe(format.infinity);
    expect(bitsOf(format, below(edge))).toBe(format.infinity - 1);
    expect(bitsOf(format, -edge)).toBe(format.sign + format.infinity);
    expect(bitsOf(format, smallest / 2)).toBe(0);
    expect(bitsOf(format, (smallest / 2) * (1 + 2 ** -52))).toBe(1);
    expect(bitsOf(format, -smallest / 2)).toBe(format.sign);
  });
});

describe.each(halves)("$dtype", ({ dtype, infinity, encode, decode }) => {
  const patterns = Array.from({ length: 65536 }, (_, bits) => bits);

  it("gives back all of its bit patterns", () => {
    const changed = patterns.filter((bits) => bits % 0x8000 <= infinity && encode(decode(bits)) !== bits);
    const notNaN = patterns.filter((bits) => bits % 0x8000 > infinity && !(encode(decode(bits)) % 0x8000 > infinity));
    expect(changed).toEqual([]);
    expect(notNaN).toEqual([]);
  });

  it("has the values it has in NumPy", () => {
    const values = convert(tensor(dtype, [65536], Uint16Array.from(patterns)), "float32");
    const words = new Uint32Array(values.data.buffer).map((word) =>
      word % 0x80000000 > 0x7f800000 ? 0x7fc00000 : word,
    );
    const digest = createHash("sha256").update(words).digest("hex");
    expect(digest).toBe(Object.fromEntries(golden("decoded") as [string, string][])[dtype]);
  });

  it("rounds as NumPy does", () => {
    const rows = golden("rounded").map((row) => row.map((word) => Number.parseInt(word, 16)));
    const inputs = new Float32Array(Uint32Array.from(rows, ([word]) => word as number).buffer);
    const { data } = convert(tensor("float32", [inputs.length], inputs), dtype);
    expect([...data]).toEqual(rows.map((row) => row[dtype === "float16" ? 1 : 2]));
  });
});

it("does not round to float32 on the way to a half", () => {
  // One unit of float64 beyond a tie: through float32 it would become the tie, and be rounded down.
  expect(float16Bits(1 + 2 ** -11 + 2 ** -52)).toBe(0x3c01);
  expect(bfloat16Bits(1 + 2 ** -8 + 2 ** -52)).toBe(0x3f81);
});

describe.each([
  { from: "int64", range: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { from: "uint64", range: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
] as const)("$from", ({ from, range }) => {
  const small = fc.bigInt({ min: from === "int64" ? -5000n : 0n, max: 5000n });
  // A power of two and half a unit in the last place of some format, to within one.
  const nearTies = fc
    .tuple(fc.integer({ min: 54, max: 62 }), fc.constantFrom(8, 11, 24, 53), fc.bigInt({ min: -1n, max: 1n }))
    .map(([power, bits, more]) => 2n ** BigInt(power) + 2n ** BigInt(power - bits) + more);
  const wide = (value: bigint) =>
    from === "int64" ? tensor("int64", [1], BigInt64Array.of(value)) : tensor("uint64", [1], BigUint64Array.of(value));

  it.each(formats)("becomes the nearest $dtype", (format) => {
    fc.assert(
      fc.property(fc.oneof(range, small, nearTies), (value) => {
        const bytes = tensorBytes(convert(wide(value), format.dtype));
        const bits = bytes.toReversed().reduce((word, byte) => word * 256 + byte, 0);
        const magnitude = (value < 0n ? -value : value) << 1074n;
        expect(bits >= format.sign).toBe(value < 0n);
        expect(isNearest(format, magnitude, bits % format.sign)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it("becomes the nearest float64", () => {
    fc.assert(
      fc.property(fc.oneof(range, nearTies), (value) => {
        const got = BigInt(toNumbers(wide(value))[0] as number);
        const unit = 2n ** BigInt(Math.max(0, value.toString(2).replace("-", "").length - 53));
        expect(2n * distance(got, value) <= unit).toBe(true);
        if (2n * distance(got, value) === unit) expect((got / unit) % 2n).toBe(0n);
      }),
    );
  });

  it("comes back from every float64 that is one of its whole numbers", () => {
    fc.assert(
      fc.property(fc.oneof(range, small), (value) => {
        const whole = Number(value);
        fc.pre(BigInt(whole) <= (from === "int64" ? 2n ** 63n - 1n : 2n ** 64n - 1n));
        expect(convert(fromNumbers("float64", [whole]), from).data[0]).toBe(BigInt(whole));
      }),
    );
  });
});
