import { describe, expect, it } from "vitest";
import { expansionGoldens } from "../../test/golden/counting/goldens.ts";
import {
  bellNumbers,
  binomial,
  criticalCount,
  crossing,
  expansionCount,
  expansionCounts,
  expansionSubspaces,
  factorial,
  layeredExpansion,
  log10,
  ratioCurve,
  stirlingRow,
  subspaceDimension,
  subspacesByZeroGroups,
  zeroGroupCount,
} from "./index.ts";

const upTo = (n: number) => Array.from({ length: n + 1 }, (_, i) => i);
const sum = (values: readonly bigint[]) => values.reduce((a, b) => a + b, 0n);
const pairs = upTo(12)
  .flatMap((m) => upTo(m).map((r) => [r, m] as const))
  .filter(([r]) => r > 0);

/** m! times the coefficients of (e^x - 1)^r exp(e^x - 1), from power series in exact fractions over a common m!. */
function generatingFunction(r: number, most: number): bigint[] {
  // f[n] holds n! times the coefficient, so that products become binomial convolutions.
  const times = (f: readonly bigint[], g: readonly bigint[]) =>
    upTo(most).map((n) => sum(upTo(n).map((i) => binomial(n, i) * (f[i] as bigint) * (g[n - i] as bigint))));
  const one = upTo(most).map((n) => (n === 0 ? 1n : 0n));
  const inner = upTo(most).map((n) => (n === 0 ? 0n : 1n));
  const powers = upTo(most).reduce<bigint[][]>((all) => [...all, times(all.at(-1) as bigint[], inner)], [one]);
  const exponential = upTo(most).map((n) => sum(upTo(n).map((k) => (powers[k]?.[n] as bigint) / factorial(k))));
  return times(powers[r] as bigint[], exponential);
}

describe("T and G", () => {
  it("are the published ones", () => {
    for (const { r, m, T, G } of expansionGoldens) {
      expect([r, m, String(expansionCount(r, m)), String(criticalCount(r, m))]).toEqual([r, m, T, G]);
    }
  });

  it("agree with their other formulas", () => {
    const bells = bellNumbers(13);
    for (const [r, m] of pairs) {
      const overGroups = upTo(m - r).map((u) => binomial(m, u) * criticalCount(r, m - u) * (bells[u] as bigint));
      expect(expansionCount(r, m)).toBe(sum(overGroups));
      const row = stirlingRow(m);
      const overStirling = upTo(m - r).map((j) => ((row[r + j] as bigint) * factorial(r + j)) / factorial(j));
      expect(subspacesByZeroGroups(r, m)).toEqual(overStirling);
      const signed = upTo(r).map((i) => (-1n) ** BigInt(r - i) * binomial(r, i) * BigInt(i) ** BigInt(m));
      expect(criticalCount(r, m)).toBe(sum(signed));
    }
    for (const m of upTo(12).slice(1)) {
      expect(expansionCount(1, m)).toBe((bells[m + 1] as bigint) - (bells[m] as bigint));
    }
    for (const r of upTo(30).slice(1)) {
      expect(expansionCount(r, r + 1)).toBe((factorial(r + 1) * BigInt(r + 2)) / 2n);
      expect(criticalCount(r, r + 1)).toBe((factorial(r + 1) * BigInt(r)) / 2n);
      expect(expansionCount(r, r)).toBe(factorial(r));
    }
  });

  it("are the coefficients of the generating function", () => {
    for (const r of [1, 2, 3, 5]) {
      const counts = upTo(10)
        .slice(r)
        .map((m) => expansionCount(r, m));
      expect(counts).toEqual(generatingFunction(r, 10).slice(r));
    }
  });

  it("follow from the derivative of the generating function at large widths", () => {
    // F_r' = (r + 1) F_r + r F_(r - 1) + F_(r + 1)
    for (const [r, m] of [
      [40, 90],
      [120, 125],
      [2, 150],
    ] as const) {
      const right = BigInt(r + 1) * expansionCount(r, m) + BigInt(r) * expansionCount(r - 1, m);
      expect(expansionCount(r, m + 1)).toBe(right + expansionCount(r + 1, m));
    }
  });

  it("come from one pass for all widths", () => {
    expect(expansionCounts(7, 20)).toEqual(upTo(20).map((extra) => expansionCount(7, 7 + extra)));
  });

  it("T(500, 1000) takes well under a second", () => {
    const start = performance.now();
    const count = expansionCount(500, 1000);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(log10(count)).toBeCloseTo(2661.839521, 6);
  });

  it("refuse a network that shrinks", () => {
    expect(() => expansionCount(4, 3)).toThrow("width: expected at least the minimal width 4, got 3");
    expect(() => criticalCount(0, 3)).toThrow("minimal width: expected a whole number from 1, got 0");
  });
});

describe("expansion in several layers", () => {
  it("has at least as many subspaces as the layers together", () => {
    const found = layeredExpansion([
      { minimal: 2, width: 3 },
      { minimal: 3, width: 4 },
    ]);
    expect(found).toEqual({ expansion: 720n, critical: 216n, isConnected: true });
  });

  it("is connected only with an extra unit in every layer that has several", () => {
    const isConnected = (...layers: [number, number][]) =>
      layeredExpansion(layers.map(([minimal, width]) => ({ minimal, width }))).isConnected;
    expect([isConnected([2, 3], [3, 3]), isConnected([2, 2]), isConnected([1, 1], [3, 4])]).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe("saddles against minima", () => {
  it.each([
    [3, 1],
    [5, 1],
    [8, 2],
    [10, 2],
    [15, 4],
    [20, 5],
    [40, 10],
  ])("cross at the published width for r = %i", (r, h) => {
    expect(crossing(r, 1)).toBe(h);
  });

  it("cross where a search without the curve finds it, also beyond its first stretch", () => {
    for (const [r, k] of [
      [6, 0],
      [12, 3],
      [100, 1],
    ] as const) {
      let h = 0;
      while (criticalCount(r - k, r + h) >= expansionCount(r, r + h)) h++;
      expect(crossing(r, k)).toBe(h);
    }
  });

  it("follow the ratio of the exact counts", () => {
    for (const { extra, critical, expansion, ratio, log10Ratio } of ratioCurve(10, { fewer: 2, most: 15 })) {
      expect([critical, expansion]).toEqual([criticalCount(8, 10 + extra), expansionCount(10, 10 + extra)]);
      expect(ratio).toBeCloseTo(Number(critical) / Number(expansion), 12);
      expect(log10Ratio).toBeCloseTo(Math.log10(ratio), 10);
    }
  });

  it("approach r^k h! / (2^k (h + k)!) as the minimal network grows", () => {
    for (const [k, h] of [
      [1, 0],
      [1, 3],
      [2, 2],
    ] as const) {
      const factorialRatio = Number(factorial(h)) / Number(factorial(h + k));
      const errors = [100, 1000].map((r) => {
        const point = ratioCurve(r, { fewer: k, most: h }).at(-1) as { ratio: number; asymptotic: number };
        expect(point.asymptotic).toBeCloseTo((r / 2) ** k * factorialRatio, 6);
        return Math.abs(point.ratio / point.asymptotic - 1);
      }) as [number, number];
      expect(errors[1]).toBeLessThan(0.02);
      expect(errors[1]).toBeLessThan(errors[0] / 5);
    }
  });

  it("give way to minima in vastly overparameterised networks", () => {
    const last = ratioCurve(4, { fewer: 1, most: 100 }).at(-1);
    expect(last?.ratio).toBeLessThan(1e-30);
  });

  it("refuse saddles of no unit", () => {
    expect(() => ratioCurve(3, { fewer: 3, most: 1 })).toThrow(
      "fewer units: expected fewer than the minimal width 3, got 3",
    );
  });
});

describe("the dimension of a subspace", () => {
  it("counts the free weights of every subspace, one by one", () => {
    for (const [inputs, outputs] of [
      [3, 2],
      [1, 4],
    ] as const) {
      for (const roles of expansionSubspaces(2, 5)) {
        const zeroGroups = zeroGroupCount(roles, 2);
        const sizes = [...Map.groupBy(roles, (role) => role).values()].map(({ length }) => length);
        const outgoing = sizes.map((size) => (size - 1) * outputs).reduce((a, b) => a + b);
        const dimension = subspaceDimension({ minimal: 2, width: 5, zeroGroups, inputs, outputs });
        expect(dimension).toBe(outgoing + zeroGroups * inputs);
        expect(dimension).toBeGreaterThanOrEqual(Math.min(inputs, outputs) * 3);
      }
    }
  });

  it("refuses more zero-type groups than extra units", () => {
    const shape = { minimal: 2, width: 3, zeroGroups: 2, inputs: 1, outputs: 1 };
    expect(() => subspaceDimension(shape)).toThrow("zero-type groups: expected at most 1, one per extra unit, got 2");
  });
});
