import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { mlp, type Parameters, resnet18 } from "../../nets/index.ts";
import { act, discoverSymmetry, identity, randomElement, type SymmetryGroup } from "../../symmetry/index.ts";
import { fold, normal, rngKey, type Tensor, tensor, toNumbers } from "../../tensor/index.ts";
import { siteRuns } from "../matching/sites.ts";
import { blockFactors } from "../weights/free-factors.ts";
import { type SoftUnits, softAction } from "./sinkhorn-action.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());
const key = rngKey(14);

/** Products of matrices of zeros and ones add zeros only. */
const ROUNDING = 1e-12;

function matricesOf(units: Int32Array, size: number): Float64Array {
  const matrices = new Float64Array(units.length * size);
  for (const [place, unit] of units.entries()) matrices[place * size + unit] = 1;
  return matrices;
}

function softFactors(group: SymmetryGroup): number[] {
  const blocks = blockFactors(group);
  return [...group.factors.keys()].filter((factor) => group.factors[factor]?.permutes && !blocks.has(factor));
}

function squaredDistance(x: Parameters, y: Parameters): number {
  return Object.entries(x).reduce((sum, [name, own]) => {
    const other = toNumbers(y[name] as Tensor);
    return sum + toNumbers(own).reduce((part, each, i) => part + (each - (other[i] as number)) ** 2, 0);
  }, 0);
}

describe.each(architectures.map(({ name, network }) => [name, network] as const))("on %s", (_, network) => {
  it("matrices of permutations act as the permutations do", async () => {
    const group = discoverSymmetry(network);
    const parameters = randomParameters(network, key);
    const drawn = randomElement(group, fold(key, "element"), { spread: 1 });
    const still = identity(group);
    const free = softFactors(group);
    const permutations = still.permutations.map((units, factor) =>
      free.includes(factor) ? (drawn.permutations[factor] as Int32Array) : units,
    );
    const units = new Map(
      free.map((factor) => [
        factor,
        matricesOf(permutations[factor] as Int32Array, group.factors[factor]?.size as number),
      ]),
    );
    await using action = softAction(siteRuns(group), engine);
    const { parameters: moved } = await action.apply(parameters, units);
    const expected = act(group, { ...still, permutations }, parameters);
    expect(squaredDistance(moved, expected)).toBeLessThan(ROUNDING);
    expect(squaredDistance(moved, parameters)).toBeGreaterThan(1e-3);
  });
});

describe.each([
  ["an mlp", mlp({ input: [3], widths: [4, 3], outputs: 2 })],
  ["a residual network", resnet18({ input: [1, 4, 4], outputs: 2, width: 2 })],
] as const)("the gradient of the distance on %s", (_, network) => {
  it("is that of finite differences, through all sites of every factor", async () => {
    const group = discoverSymmetry(network);
    const [a, b] = ["a", "b"].map((name) => randomParameters(network, fold(key, name))) as [Parameters, Parameters];
    const units: SoftUnits = new Map(
      group.factors.map(({ size, copies }, factor) => [
        factor,
        normal(fold(key, factor), [copies * size * size], { dtype: "float64" }).data,
      ]),
    );
    await using action = softAction(siteRuns(group), engine);
    const { parameters, gradient } = await action.apply(b, units);
    const slopes = Object.entries(parameters).map(([name, moved]) => {
      const other = toNumbers(a[name] as Tensor);
      const slope = toNumbers(moved).map((x, i) => 2 * (x - (other[i] as number)));
      return [name, tensor("float64", moved.shape, slope)] as const;
    });
    const found = await gradient(Object.fromEntries(slopes));
    const distanceAt = async (factor: number, k: number, shift: number) => {
      const own = units.get(factor) as Float64Array;
      const shifted = new Map(units).set(factor, own.with(k, (own[k] as number) + shift));
      return squaredDistance(a, (await action.apply(b, shifted)).parameters);
    };
    for (const [factor, own] of units) {
      const slope = found.get(factor) as Float64Array;
      const largest = Math.max(...slope.map(Math.abs));
      for (const k of [0, own.length - 2]) {
        // No factor has a tensor twice: the distance is a quadratic function of each entry.
        const expected = (await distanceAt(factor, k, 0.5)) - (await distanceAt(factor, k, -0.5));
        expect(Math.abs((slope[k] as number) - expected)).toBeLessThan(1e-9 * largest);
      }
    }
  });
});
