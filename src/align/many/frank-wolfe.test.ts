import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import type { Parameters } from "../../nets/index.ts";
import {
  act,
  discoverSymmetry,
  type GroupElement,
  identity,
  randomElement,
  type SymmetryGroup,
} from "../../symmetry/index.ts";
import { rngKey, type Tensor } from "../../tensor/index.ts";
import { gramEngine } from "../matching/gram-engine.ts";
import { innerProduct } from "../matching/match.ts";
import { freeFactors } from "../weights/free-factors.ts";
import { alongLine, frankWolfe, gradientAt } from "./frank-wolfe.ts";
import { stackNetworks } from "./network-stack.ts";
import { blend, noElements, softEngine } from "./soft-element.ts";

const engine = referenceEngine();
const [softs, grams] = [softEngine(engine), gramEngine(engine)];
afterAll(async () => {
  for (const each of [softs, grams, engine]) await each[Symbol.asyncDispose]();
});

/** Permutations and signs of the factors that Frank-Wolfe moves. */
function drawnElement(group: SymmetryGroup, free: readonly number[], seed: number): GroupElement {
  const [drawn, still] = [randomElement(group, rngKey(seed), { spread: 1 }), identity(group)];
  const isFree = (factor: number | undefined) => factor !== undefined && free.includes(factor);
  return {
    permutations: still.permutations.map((units, i) => (isFree(i) ? (drawn.permutations[i] as Int32Array) : units)),
    scales: still.scales.map((ones, i) =>
      isFree(group.generators[i]?.factor) ? (drawn.scales[i] as Float64Array).map(Math.sign) : ones,
    ),
  };
}

/** The sum over all pairs of their inner products. */
function pairwise(group: SymmetryGroup, models: readonly Parameters[]): number {
  const names = Object.keys(group.layouts);
  return models.reduce(
    (sum, b, i) => models.slice(0, i).reduce((before, a) => before + innerProduct(a, b, names), sum),
    0,
  );
}

/** The wide layers of LeNet take long on the reference engine. */
const chosen = architectures.filter(({ name }) => name !== "lenet");

describe.each(chosen.map(({ name, network }) => [name, network] as const))("the relaxation of %s", (_, network) => {
  const group = discoverSymmetry(network);
  const free = freeFactors(group);
  const models = [1, 2, 3].map((seed) => randomParameters(network, rngKey(seed)));
  const stack = stackNetworks(models, group, free);
  const [from, to] = [0, 10].map((start) => models.map((_, i) => drawnElement(group, free, start + i))) as [
    GroupElement[],
    GroupElement[],
  ];
  const acted = (elements: readonly GroupElement[]) =>
    models.map((model, i) => act(group, elements[i] as GroupElement, model));
  const soft = blend(stack, noElements(stack), { elements: from, weight: 1 });
  const line = alongLine(stack, { soft, elements: to }, softs);

  it("agrees with the group at both ends of a line", async () => {
    const coefficients = await line;
    const end = coefficients.reduce((sum, c) => sum + c, 0);
    expect(coefficients[0]).toBeCloseTo(pairwise(group, acted(from)), 9);
    expect(end).toBeCloseTo(pairwise(group, acted(to)), 9);
  });

  it("has a gradient that is the slope of the line", async () => {
    const coefficients = await line;
    const gradient = await gradientAt(stack, soft, { softs, grams });
    const ends = blend(stack, noElements(stack), { elements: to, weight: 1 });
    const slope = gradient.reduce((sum, each, slot) => {
      const [x, y] = [soft[slot] as Tensor, ends[slot] as Tensor].map(({ data }) => data as Float64Array) as [
        Float64Array,
        Float64Array,
      ];
      return sum + each.reduce((total, g, i) => total + g * ((y[i] as number) - (x[i] as number)), 0);
    }, 0);
    expect(slope).toBeCloseTo(coefficients[1] ?? 0, 8);
  });

  it("is improved by every step, and ends in permutations", async () => {
    const { steps, elements } = await frankWolfe(stack, soft, { softs, grams, iterations: 2 });
    for (const [i, { objective, gap, step }] of steps.entries()) {
      expect(gap).toBeGreaterThanOrEqual(-1e-9);
      expect(step).toBeGreaterThanOrEqual(0);
      expect(objective).toBeGreaterThanOrEqual((steps[i - 1]?.objective ?? Number.NEGATIVE_INFINITY) - 1e-9);
    }
    expect(steps[0]?.objective).toBeCloseTo(pairwise(group, acted(from)), 9);
    for (const { permutations } of elements) {
      for (const [factor, units] of permutations.entries()) {
        const { size, copies } = group.factors[factor] as SymmetryGroup["factors"][number];
        for (let copy = 0; copy < copies; copy++) {
          expect(new Set(units.subarray(copy * size, (copy + 1) * size)).size).toBe(size);
        }
      }
    }
  });
});
