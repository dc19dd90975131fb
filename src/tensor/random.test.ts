import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fold, normal, permutation, rngKey, tensorBytes, threefry2x32, toNumbers, uniform } from "./index.ts";
import { normalQuantile } from "./normal-quantile.ts";

const key = rngKey(2024);

/** The asymptotic 99.9 % quantile of sqrt(n) times the distance between two distribution functions (Kolmogorov). */
const kolmogorovBound = 1.95;

/** sqrt(n) times the largest distance between the draws' distribution function and `expected`. */
function kolmogorov(draws: ArrayLike<number>, expected: (x: number) => number): number {
  const sorted = Float64Array.from(draws).sort();
  const n = sorted.length;
  const distances = sorted.map((x, i) => Math.max(expected(x) - i / n, (i + 1) / n - expected(x)));
  return Math.sqrt(n) * distances.reduce((a, b) => Math.max(a, b));
}

/** The normal distribution function, to 1e-7 (Abramowitz and Stegun 26.2.17). */
function normalDistribution(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const coefficients = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.31938153];
  const polynomial = coefficients.reduce((sum, c) => sum * t + c, 0) * t;
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return x > 0 ? 1 - tail : tail;
}

function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

function moments(draws: ArrayLike<number>): { mean: number; variance: number } {
  const values = Array.from(draws);
  const mean = values.reduce((a, b) => a + b) / values.length;
  return { mean, variance: values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length };
}

describe("threefry2x32", () => {
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as const)("gives Random123's known answer for key %j", (words, counter, expected) => {
    expect(threefry2x32(words, counter)).toEqual(expected);
  });

  it("gives what JAX gives", () => {
    const text = readFileSync(new URL("../../test/golden/tensor/threefry.json", import.meta.url), "utf8");
    for (const row of JSON.parse(text) as string[][][]) {
      const [words, counter, expected] = row.map((pair) => pair.map((word) => Number.parseInt(word, 16)));
      expect(threefry2x32(words as [number, number], counter as [number, number])).toEqual(expected);
    }
  });
});

describe("fold", () => {
  it("gives every path a key of its own", () => {
    const paths: (string | number)[][] = [
      [],
      [""],
      [0],
      ["0"],
      [1],
      ["1"],
      [-1],
      [2 ** 32],
      [-(2 ** 32)],
      [2 ** 32 - 1],
      [Number.MAX_SAFE_INTEGER],
      [Number.MIN_SAFE_INTEGER],
      [1, 2],
      [2, 1],
      [12],
      ["12"],
      ["1", "2"],
      ["a", "b"],
      ["b", "a"],
      ["ab"],
      ["ab", "c"],
      ["a", "bc"],
      ["abc"],
      ["abc", ""],
      ["", "abc"],
      ["abc\0"],
      ["abcd"],
      ["abcde"],
      ["epoch", 3],
      ["epoch", 30],
      ["epoch3"],
      ["é"],
      ["e\u0301"],
    ];
    const words = paths.map((path) => fold(key, ...path).words.join());
    expect(new Set(words).size).toBe(paths.length);
    expect(fold(key).words).toEqual(key.words);
  });

  it("step by step is fold at once", () => {
    expect(fold(fold(key, "layer", 3), "bias")).toEqual(fold(key, "layer", 3, "bias"));
  });

  it("gives thousands of numbers and seeds keys of their own", () => {
    const numbers = Array.from({ length: 20_000 }, (_, i) => fold(key, i - 10_000).words.join());
    const seeds = Array.from({ length: 20_000 }, (_, seed) => rngKey(seed).words.join());
    expect(new Set([...numbers, ...seeds]).size).toBe(40_000);
  });

  it.each([0.5, Number.NaN, 2 ** 53])("refuses %s", (part) => {
    expect(() => fold(key, part)).toThrow(`fold: expected a whole number, got ${part}`);
  });
});

it.each([-1, 0.5, Number.NaN, 2 ** 53])("rngKey refuses %s", (seed) => {
  expect(() => rngKey(seed)).toThrow(`seed: expected a whole number from 0 to 2^53 - 1, got ${seed}`);
});

describe.each(["float32", "float64"] as const)("uniform in %s", (dtype) => {
  it("is uniform", () => {
    const { data } = uniform(fold(key, "uniform"), [20_000], { dtype, low: -2, high: 3 });
    expect(kolmogorov(data, (x) => (x + 2) / 5)).toBeLessThan(kolmogorovBound);
    const { mean, variance } = moments(data);
    // Four standard errors of the mean and of the variance of 20 000 draws.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.041);
    expect(Math.abs(variance - 25 / 12)).toBeLessThan(0.053);
  });

  it("has independent neighbours", () => {
    const { data } = uniform(fold(key, "pairs"), [40_000], { dtype });
    const counts = new Array<number>(64).fill(0);
    for (let i = 0; i < data.length; i += 2) {
      const cell = Math.floor((data[i] as number) * 8) * 8 + Math.floor((data[i + 1] as number) * 8);
      counts[cell] = (counts[cell] as number) + 1;
    }
    // The 99.9 % quantile of chi-square with 63 degrees of freedom.
    expect(chiSquare(counts)).toBeLessThan(103.4);
  });

  it("never reaches its upper end, however coarse the numbers are there", () => {
    const top = 2 ** (dtype === "float32" ? 23 : 52);
    const { data } = uniform(fold(key, "coarse"), [4000], { dtype, low: top, high: top + 4 });
    const counts = [0, 1, 2, 3, 4].map((offset) => data.filter((x) => x === top + offset).length);
    expect(counts[4]).toBe(0);
    // The 99.9 % quantile of chi-square with 3 degrees of freedom: what would round up to the end is not lost.
    expect(chiSquare(counts.slice(0, 4))).toBeLessThan(16.3);
  });

  it("may have bounds that are no numbers of its type", () => {
    const { data } = uniform(fold(key, "bounds"), [4000], { dtype, low: 0.1, high: 0.10000004 });
    for (const x of data) {
      expect(x).toBeLessThan(0.10000004);
      expect(x).toBeGreaterThanOrEqual(0.1);
    }
  });
});

describe.each(["float32", "float64"] as const)("normal in %s", (dtype) => {
  it("is normal", () => {
    const { data } = normal(fold(key, "normal"), [20_001], { dtype, mean: 3, deviation: 2 });
    const standard = Array.from(data, (x) => (x - 3) / 2);
    expect(kolmogorov(standard, normalDistribution)).toBeLessThan(kolmogorovBound);
    const { mean, variance } = moments(standard);
    // Four standard errors.
    expect(Math.abs(mean)).toBeLessThan(0.0283);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
  });

  it("draws neighbouring numbers independently", () => {
    const data = toNumbers(normal(fold(key, "pairs"), [20_000], { dtype }));
    const product = (lag: number) => data.subarray(lag).reduce((sum, x, i) => sum + x * (data[i] as number), 0) / 2e4;
    // Four standard errors.
    for (const lag of [1, 2, 3]) expect(Math.abs(product(lag))).toBeLessThan(0.0283);
  });
});

describe.each([
  ["uniform", uniform],
  ["normal", normal],
] as const)("%s", (_, draw) => {
  it("draws the same numbers, however many follow and whatever their shape", () => {
    const all = draw(key, [3, 33], { dtype: "float64" }).data;
    for (const length of [0, 1, 2, 7, 98]) {
      expect(draw(key, [length], { dtype: "float64" }).data).toEqual(all.slice(0, length));
    }
  });

  it("draws float32 unless asked", () => {
    expect(draw(key, [2]).dtype).toBe("float32");
    expect(draw(key, []).shape).toEqual([]);
    expect(draw(key, [2, 0]).data).toHaveLength(0);
  });

  it("draws other numbers from other keys", () => {
    expect(draw(fold(key, "a"), [8]).data).not.toEqual(draw(fold(key, "b"), [8]).data);
  });

  it("refuses a shape that is none", () => {
    expect(() => draw(key, [-1])).toThrow("expected a shape of non-negative whole numbers, got [-1]");
  });
});

describe("permutation", () => {
  it("draws the 24 orders of four equally often", () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const order = permutation(fold(key, i), 4).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // The 99.9 % quantile of chi-square with 23 degrees of freedom.
    expect(chiSquare([...counts.values()])).toBeLessThan(49.7);
  });

  it.each([0, 1, 2, 5, 1000])("of %s is a permutation", (length) => {
    expect([...permutation(key, length)].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
  });
});

it("streams stay what they are", () => {
  const hash = createHash("sha256");
  hash.update(tensorBytes(uniform(key, [1000])));
  hash.update(tensorBytes(uniform(key, [1000], { dtype: "float64", low: -1 })));
  hash.update(permutation(fold(key, "order", 3), 1000));
  hash.update(tensorBytes(normal(key, [1000])));
  hash.update(tensorBytes(normal(key, [1000], { dtype: "float64", mean: 2, deviation: 3 })));
  expect(hash.digest("hex")).toBe("330a61a025ebf79773beb601517167e4c8a0a23020b394cde23c7a725167bf42");
});

it("normal quantiles agree with SciPy", () => {
  const goldens: [number, number][] = JSON.parse(
    readFileSync(new URL("../../test/golden/tensor/normal-quantiles.json", import.meta.url), "utf8"),
  );
  for (const [p, x] of goldens) expect(Math.abs(normalQuantile(p) - x)).toBeLessThan(4e-16 * (1 + Math.abs(x)));
  expect(normalQuantile(1, 2 ** -54)).toBe(-normalQuantile(2 ** -54));
});
