import { describe, expect, it } from "vitest";
import { fold, normal, permutation, rngKey } from "../../tensor/index.ts";
import { sortedBound } from "./match.ts";

/** The ranges of the bound are below 1/128 wide, for each of both factors. */
const WIDEST = (1 + 1 / 128) ** 2;

function sortedProduct(x: Float64Array, y: Float64Array): number {
  const [a, b] = [x, y].map((each) => each.map(Math.abs).sort()) as [Float64Array, Float64Array];
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
}

describe("the bound of an inner product under renumbering", () => {
  it.each([
    ["of one size", 1],
    ["of other sizes", 30],
    ["that are tiny", 1e-30],
  ])("is not below the sorted product and hardly above, for values %s", (_, deviation) => {
    for (const length of [1, 2, 63, 1000]) {
      const x = normal(fold(rngKey(1), length), [length], { dtype: "float64" }).data;
      const y = normal(fold(rngKey(2), length), [length], { dtype: "float64", deviation }).data;
      const exact = sortedProduct(x, y);
      for (const [a, b] of [
        [x, y],
        [Float32Array.from(x), Float32Array.from(y)],
      ] as const) {
        const bound = sortedBound(a, b);
        expect(bound).toBeGreaterThanOrEqual(exact * (1 - 1e-6));
        expect(bound).toBeLessThanOrEqual(exact * WIDEST * (1 + 1e-6));
      }
    }
  });

  it("is the square of the norm where one is the other renumbered and flipped", () => {
    const x = normal(rngKey(3), [500], { dtype: "float64" }).data;
    const order = permutation(rngKey(4), 500);
    const y = x.map((_, i) => (i % 2 === 0 ? 1 : -1) * (x[order[i] as number] as number));
    expect(sortedBound(x, y)).toBeCloseTo(sortedProduct(x, x), 10);
  });

  it("is nothing for zeros", () => {
    expect(sortedBound(new Float64Array(5), Float64Array.of(1, 2, 3, 4, 5))).toBeLessThan(1e-30);
  });
});
