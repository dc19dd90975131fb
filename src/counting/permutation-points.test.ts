import { describe, expect, it } from "vitest";
import {
  binomial,
  criticalCount,
  factorial,
  log10,
  log10OfPermutationPoints,
  permutationPointCount,
  permutationPointRatio,
  permutationPointRatioWithinLayers,
  surjectionPointCount,
} from "./index.ts";

/** Every map of n units to the neurons below `neurons` that uses each, as how often it uses each. */
function surjections(n: number, neurons: number): number[][] {
  const maps = Array.from({ length: neurons ** n }, (_, code) =>
    Array.from({ length: n }, (_, unit) => Math.floor(code / neurons ** unit) % neurons),
  );
  return maps
    .map((map) => Array.from({ length: neurons }, (_, neuron) => map.filter((each) => each === neuron).length))
    .filter((uses) => uses.every((count) => count > 0));
}

const ratioOf = (widths: readonly number[], order: number) => {
  const { numerator, denominator } = permutationPointRatio(widths, order);
  return Number(numerator) / Number(denominator);
};

describe("permutation points", () => {
  it.each([
    [4, 2, 6n, 14n],
    [5, 2, 90n, 150n],
    [6, 2, 1080n, 1560n],
    [6, 3, 90n, 540n],
  ])("in %i units with %i pairs are as many as an enumeration finds", (n, order, pairs, all) => {
    const found = surjections(n, n - order);
    expect(BigInt(found.filter((uses) => Math.max(...uses) <= 2).length)).toBe(pairs);
    expect(BigInt(found.length)).toBe(all);
    expect(permutationPointCount([n], order)).toBe(pairs);
    expect(surjectionPointCount([n], order)).toBe(all);
    expect(criticalCount(n - order, n)).toBe(all);
  });

  it("of one layer are n! C(n - K, K) / 2^K", () => {
    for (const n of [1, 2, 7, 12, 31]) {
      for (let order = 0; 2 * order <= n; order++) {
        const expected = (factorial(n) * binomial(n - order, order)) / 2n ** BigInt(order);
        expect(permutationPointCount([n], order)).toBe(expected);
        expect(Math.abs(log10OfPermutationPoints([n], order) - log10(expected))).toBeLessThan(1e-9);
      }
    }
  });

  it("spread over layers as published", () => {
    const exact = (numerator: bigint, denominator: bigint) => ({ numerator, denominator });
    expect(permutationPointRatio([10, 10], 2)).toEqual(exact(137n, 4n));
    expect(permutationPointRatio([10, 10], 3)).toEqual(exact(287n, 4n));
    expect([ratioOf([10, 10], 2), ratioOf([10, 10], 3)]).toEqual([34.25, 71.75]);
    expect(permutationPointRatioWithinLayers([10, 10], 2)).toEqual(exact(14n, 1n));
    expect(permutationPointRatioWithinLayers([10, 10], 3)).toEqual(exact(35n, 4n));
  });

  it("of several layers are the sum over all ways to spread the pairs", () => {
    const [a, b, c] = [5, 4, 7] as const;
    for (let order = 0; order <= 7; order++) {
      let [pairs, all] = [0n, 0n];
      for (let i = 0; i <= order; i++) {
        for (let j = 0; i + j <= order; j++) {
          const parts = [
            [a, i],
            [b, j],
            [c, order - i - j],
          ] as const;
          if (parts.every(([n, k]) => 2 * k <= n)) {
            pairs += parts.map(([n, k]) => permutationPointCount([n], k)).reduce((x, y) => x * y);
          }
          if (parts.every(([n, k]) => k < n)) {
            all += parts.map(([n, k]) => criticalCount(n - k, n)).reduce((x, y) => x * y);
          }
        }
      }
      expect(permutationPointCount([a, b, c], order)).toBe(pairs);
      expect(surjectionPointCount([a, b, c], order)).toBe(all);
      expect(Math.abs(log10OfPermutationPoints([a, b, c], order) - log10(pairs))).toBeLessThan(1e-9);
    }
  });

  it("of no pair are the minima, and more pairs than fit are refused", () => {
    expect(permutationPointCount([4, 3], 0)).toBe(144n);
    expect(permutationPointRatioWithinLayers([4, 3], 0)).toEqual({ numerator: 1n, denominator: 1n });
    expect(permutationPointRatioWithinLayers([4, 4], 3)).toEqual({ numerator: 0n, denominator: 1n });
    expect(() => permutationPointCount([5, 3], 4)).toThrow("order: expected at most 3 pairs among 5 + 3 units, got 4");
    expect(() => permutationPointRatio([], 0)).toThrow("widths: expected a layer, got none");
  });
});
