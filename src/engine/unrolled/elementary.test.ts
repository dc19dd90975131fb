import { describe, expect, it } from "vitest";
import { input, type Value } from "../../graph/index.ts";
import { rngKey, type Tensor, tensor, toNumbers, uniform, zeros } from "../../tensor/index.ts";
import { referenceEngine } from "../index.ts";
import { unrolledLoop } from "./program.ts";

/** The function at these numbers, by the instructions it becomes. */
async function valuesOf(f: (x: Value) => Value, at: Float64Array<ArrayBuffer>): Promise<Float64Array> {
  const program = await unrolledLoop(
    { y: f(input("x", "float64", [])), sum: input("samples", "float64", [40]).sum() },
    ["x"],
  );
  const results = await program?.run(at.length, {
    x: tensor("float64", [at.length], at),
    samples: zeros("float64", [40]),
  });
  return toNumbers(results?.y as Tensor);
}

function log1p(x: number): number {
  return Math.log1p(x);
}

const functions = [
  ["exp", (x: Value) => x.exp(), Math.exp, [-700, 709]],
  ["exp near 0", (x: Value) => x.exp(), Math.exp, [-1, 1]],
  ["log", (x: Value) => x.log(), Math.log, [0, 1e200]],
  ["log near 1", (x: Value) => x.log(), Math.log, [0.5, 2]],
  ["sigmoid", (x: Value) => x.sigmoid(), (x: number) => 1 / (1 + Math.exp(-x)), [-690, 690]],
  ["sigmoid near 0", (x: Value) => x.sigmoid(), (x: number) => 1 / (1 + Math.exp(-x)), [-4, 4]],
  ["tanh", (x: Value) => x.tanh(), Math.tanh, [-30, 30]],
  ["tanh near 0", (x: Value) => x.tanh(), Math.tanh, [-1e-3, 1e-3]],
  ["softplus", (x: Value) => x.softplus(), (x: number) => Math.max(x, 0) + log1p(Math.exp(-Math.abs(x))), [-690, 690]],
  [
    "softplus near 0",
    (x: Value) => x.softplus(),
    (x: number) => Math.max(x, 0) + log1p(Math.exp(-Math.abs(x))),
    [-5, 5],
  ],
] as const;

describe("elementary functions", () => {
  it.each(functions)("%s is right to some units of the last place", async (_, build, exact, [low, high]) => {
    const at = uniform(rngKey(7), [20_000], { dtype: "float64", low, high }).data;
    const found = await valuesOf(build, at);
    const worst = found.reduce((most, y, i) => {
      const right = exact(at[i] as number);
      return Math.max(most, Math.abs(y - right) / Math.abs(right));
    }, 0);
    expect(worst).toBeLessThan(4 * Number.EPSILON);
  });

  const special = Float64Array.of(
    ...[0, -0, 1, -1, 5e-324, 1e-310, -1e-310, 2 ** -1022, 709.7, 709.79, 710, 1e308, -745, -800],
    ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
  );

  it.each([
    ["exp", (x: Value) => x.exp(), Math.exp],
    ["log", (x: Value) => x.log(), Math.log],
    ["sigmoid", (x: Value) => x.sigmoid(), (x: number) => 1 / (1 + Math.exp(-x))],
    ["tanh", (x: Value) => x.tanh(), Math.tanh],
    ["softplus", (x: Value) => x.softplus(), (x: number) => Math.max(x, 0) + log1p(Math.exp(-Math.abs(x)))],
    ["relu", (x: Value) => x.relu(), (x: number) => Math.max(x, 0)],
  ] as const)("%s keeps to the limits, as the oracle does", async (_, build, exact) => {
    const found = await valuesOf(build, special);
    const oracle = await referenceEngine().compile({ y: build(input("x", "float64", [special.length])) });
    const { y: expected } = await oracle.run({ x: tensor("float64", [special.length], special) });
    for (const [i, y] of found.entries()) {
      const right = exact(special[i] as number);
      // What is less than the smallest normal numbers may be 0.
      if (!Number.isFinite(special[i])) expect([y, expected?.data[i]]).toEqual([right, right]);
      else if (Math.abs(right) < 1e-300) expect(Math.abs(y)).toBeLessThan(1e-300);
      else if (Number.isFinite(right)) expect(Math.abs(y / right - 1)).toBeLessThan(4 * Number.EPSILON);
      else expect(y).toBe(right);
    }
  });
});
