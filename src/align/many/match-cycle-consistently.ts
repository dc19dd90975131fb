import { check } from "../../errors.ts";
import type { Parameters } from "../../nets/index.ts";
import { act, compose, type GroupElement, identity, type SymmetryGroup } from "../../symmetry/index.ts";
import { freeFactors } from "../weights/index.ts";
import { type FrankWolfeOptions, type FrankWolfeStep, frankWolfe } from "./frank-wolfe.ts";
import {
  ascend,
  type ManyMatching,
  type ManyMerge,
  type ManyOptions,
  matchMany,
  type StartOutcome,
} from "./match-many.ts";
import { stackNetworks } from "./network-stack.ts";
import { blend, noElements, softEngine } from "./soft-element.ts";

export interface CycleConsistentOptions extends ManyOptions {
  /** Steps of Frank-Wolfe at most; defaults to 100. */
  readonly iterations?: number;
}

/** Several networks matched through one numbering, with the way there. */
export interface CycleConsistentMerge extends ManyMerge {
  readonly starts: readonly (StartOutcome & { readonly steps: readonly FrankWolfeStep[] })[];
}

/**
 * Matches the units of several networks so that their pairwise maps compose, and averages them (C2M3, Crisostomi 2024,
 * arXiv 2405.17897): every network goes to one common numbering. The sum over all pairs of their inner products is
 * maximised over soft permutations by Frank-Wolfe, all factors and networks at once; from the nearest permutations on, one
 * network after another is matched to the sum of the others. Soft permutations take the square of the units of each factor.
 */
export async function matchCycleConsistently(
  models: readonly Parameters[],
  group: SymmetryGroup,
  options: CycleConsistentOptions,
): Promise<CycleConsistentMerge> {
  const { iterations = 100, signal, onProgress } = options;
  check(Number.isInteger(iterations) && iterations >= 0, () => ({
    code: "bad-option",
    where: "iterations",
    message: `expected a whole number from 0, got ${iterations}`,
  }));
  await using softs = softEngine(options.engine);
  return await matchMany(models, group, {
    options,
    improve: async (matching, start, restart) => {
      const onStep = (round: number) => onProgress?.({ restart, stage: "frank-wolfe", round });
      const relaxed = await relax(matching, start, { softs, iterations, signal, onStep });
      const ascent = await ascend(matching, relaxed.elements, { ...options, restart });
      return { ...ascent, outcome: { ...ascent.outcome, steps: relaxed.steps } };
    },
  });
}

/** Frank-Wolfe over all factors but those that move whole blocks of units, which stay where the start has them. */
async function relax(
  { group, models, grams }: ManyMatching,
  start: readonly GroupElement[],
  options: Omit<FrankWolfeOptions, "grams">,
) {
  const free = freeFactors(group);
  const still = identity(group);
  const fixed = start.map(({ permutations }) => ({
    ...still,
    permutations: still.permutations.map((units, factor) =>
      free.includes(factor) ? units : (permutations[factor] as Int32Array),
    ),
  }));
  const placed = models.map((model, i) => act(group, fixed[i] as GroupElement, model));
  const stack = stackNetworks(placed, group, free);
  const soft = blend(stack, noElements(stack), { elements: start, weight: 1 });
  const { elements, steps } = await frankWolfe(stack, soft, { ...options, grams });
  return { elements: elements.map((element, i) => compose(group, element, fixed[i] as GroupElement)), steps };
}
