import { describe, expect, it } from "vitest";
import { normal, rngKey } from "../../tensor/index.ts";
import { argmaxOnUnit, bernsteinTerm, valueAt } from "./polynomial.ts";

const grid = Array.from({ length: 2001 }, (_, i) => i / 2000);

describe("the greatest value on [0, 1]", () => {
  it.each([0, 1, 2, 3, 4, 6])("of polynomials of degree %d is no less than any on a fine grid", (degree) => {
    for (let seed = 0; seed < 30; seed++) {
      const coefficients = [...normal(rngKey(seed), [degree + 1], { dtype: "float64" }).data];
      const best = argmaxOnUnit(coefficients);
      expect(best >= 0 && best <= 1).toBe(true);
      const most = Math.max(...grid.map((t) => coefficients.reduce((sum, c, k) => sum + c * t ** k, 0)));
      expect(valueAt(coefficients, best)).toBeGreaterThanOrEqual(most - 1e-14);
      expect(valueAt(coefficients, best)).toBeLessThan(most + 1e-4);
    }
  });

  it.each([
    [[0, 1, -1], 0.5],
    [[3], 0],
    [[0, -1], 0],
    [[0, 1], 1],
    [[0, 0, -16, 32, -16], 0],
    // (t - 0.2) (t - 0.5) (t - 0.9), negated and integrated: the maximum at 0.9 is the higher.
    [[0, 0.09, -0.365, 1.6 / 3, -0.25], 0.9],
  ])("of %j is at %d", (coefficients, place) => {
    expect(argmaxOnUnit(coefficients)).toBeCloseTo(place, 12);
  });
});

describe("a Bernstein term", () => {
  it.each([
    [0, 0],
    [3, 0],
    [0, 2],
    [2, 3],
    [4, 1],
  ])("with exponents %d and %d has the values of the product", (a, b) => {
    for (const t of [0, 0.25, 0.5, 0.9, 1]) {
      expect(valueAt(bernsteinTerm(1.5, a, b), t)).toBeCloseTo(1.5 * (1 - t) ** a * t ** b, 13);
    }
  });
});
