import { afterAll, expect, it } from "vitest";
import { referenceEngine } from "../../engine/index.ts";
import { initializeParameters, mlp, type Parameters } from "../../nets/index.ts";
import { act, discoverSymmetry, identity } from "../../symmetry/index.ts";
import { fold, rngKey } from "../../tensor/index.ts";
import { matchingOf } from "../matching/gains.ts";
import { gramEngine } from "../matching/gram-engine.ts";
import { innerProduct } from "../matching/match.ts";
import { gapsAt } from "./gaps.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

/** Every permutation of 0..n-1. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) => Array.from({ length: n }, (_, at) => rest.toSpliced(at, 0, n - 1)));
}

it.each(["relu", "tanh"] as const)(
  "the gaps of a %s network are those of all orders of each layer",
  async (activation) => {
    const network = mlp({ input: [3], widths: [4, 3], outputs: 2, activation });
    const group = discoverSymmetry(network);
    const [a, b] = ["a", "b"].map((name) => initializeParameters(network, fold(rngKey(3), name), "float64")) as [
      Parameters,
      Parameters,
    ];
    await using grams = gramEngine(engine);
    const still = identity(group);
    const gaps = await gapsAt(matchingOf(group, [a, b], { grams }), still);
    const names = Object.keys(group.layouts);
    const signs = (n: number) => (activation === "relu" ? [1] : Array.from({ length: 2 ** n }, (_, bits) => bits));
    for (const [factor, { size }] of group.factors.entries()) {
      const best = permutations(size).flatMap((units) =>
        signs(size).map((bits) => {
          const scales = still.scales.map((own, generator) =>
            group.generators[generator]?.factor === factor && activation === "tanh"
              ? own.map((_, unit) => ((bits >> unit) % 2 === 0 ? 1 : -1))
              : own,
          );
          const element = { permutations: still.permutations.with(factor, Int32Array.from(units)), scales };
          return innerProduct(a, act(group, element, b), names);
        }),
      );
      expect(gaps[factor]).toBeGreaterThan(0.01);
      expect(gaps[factor]).toBeCloseTo(Math.max(...best) - innerProduct(a, b, names), 10);
    }
  },
);
