import { describe, expect, it } from "vitest";
import { rngKey, toNumbers } from "../tensor/index.ts";
import { fans, type Initializer, initialize } from "./index.ts";

const shape = [64, 32, 5, 5];
const { fanIn, fanOut } = { fanIn: 32 * 25, fanOut: 64 * 25 };

/** Five standard errors of the variance of 51,200 normal draws. */
const tolerance = 5 * Math.sqrt(2 / 51_200);

function moments(initializer: Initializer) {
  const draws = toNumbers(initialize(rngKey(3), shape, initializer, "float64"));
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
  return { mean, variance, largest: draws.reduce((most, x) => Math.max(most, Math.abs(x)), 0) };
}

const expected = { he: 2 / fanIn, lecun: 1 / fanIn, glorot: 2 / (fanIn + fanOut) } as const;

describe("initialize", () => {
  for (const kind of ["he", "lecun", "glorot"] as const) {
    it.each(["normal", "uniform"] as const)(`draws ${kind} weights of the right variance, %s`, (distribution) => {
      const { mean, variance, largest } = moments({ kind, distribution });
      expect(Math.abs(variance / expected[kind] - 1)).toBeLessThan(tolerance);
      expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(expected[kind] / 51_200));
      const bound = Math.sqrt(3 * expected[kind]);
      if (distribution === "uniform") expect(largest).toBeLessThanOrEqual(bound);
      else expect(largest).toBeGreaterThan(bound);
    });
  }

  it("draws from a normal and a uniform distribution of given width", () => {
    expect(Math.abs(moments({ kind: "normal", deviation: 0.02 }).variance / 0.02 ** 2 - 1)).toBeLessThan(tolerance);
    const { variance, largest } = moments({ kind: "uniform", bound: 0.3 });
    expect(Math.abs(variance / (0.3 ** 2 / 3) - 1)).toBeLessThan(tolerance);
    expect(largest).toBeLessThanOrEqual(0.3);
  });

  it("fills with a constant", () => {
    expect(initialize(rngKey(1), [2], { kind: "constant", value: 1 })).toMatchObject({ dtype: "float32", shape: [2] });
    expect([...toNumbers(initialize(rngKey(1), [2], { kind: "constant", value: 1 }))]).toEqual([1, 1]);
  });

  it("refuses to scale what has no fans", () => {
    expect(() => initialize(rngKey(1), [3], { kind: "he", distribution: "normal" })).toThrow(
      "initializer: expected weights [outputs, inputs, ...taps], got [3]",
    );
  });
});

describe("fans", () => {
  it("counts the weights of one unit, in its own group", () => {
    expect(fans([5, 3])).toEqual({ fanIn: 3, fanOut: 5 });
    expect(fans([8, 1, 3, 3])).toEqual({ fanIn: 9, fanOut: 72 });
  });
});
