import { afterAll, describe, expect, it } from "vitest";
import { type Architecture, architectures, randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { act, discoverSymmetry, identity, randomElement } from "../../symmetry/index.ts";
import { fold, fromNumbers, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { matchingOf } from "../matching/gains.ts";
import { gramEngine } from "../matching/gram-engine.ts";
import { matchWeights } from "../weights/match-weights.ts";
import { withBetterHeads } from "./head-step.ts";
import { headSets } from "./heads.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

describe.each(["vit", "gpt2", "llama-gqa"])("heads of %s", (name) => {
  const { network } = architectures.find((each) => each.name === name) as Architecture;
  const group = discoverSymmetry(network);
  const a = randomParameters(network, rngKey(3));
  const inHeads = new Set(
    headSets(group).flatMap(({ heads, shares }) => [heads, ...shares.map(({ factor }) => factor)]),
  );

  it("in the wrong places are brought to the right ones, with their units", async () => {
    const drawn = randomElement(group, fold(rngKey(3), name), { spread: 1 });
    const still = identity(group);
    const swapped = still.permutations.map((units, factor) => {
      const { size } = group.factors[factor] ?? { size: 0 };
      if (!inHeads.has(factor) || !group.factors[factor]?.permutes) return units;
      return group.factors[factor]?.matrix === null
        ? units.map((unit) => size - 1 - unit)
        : (drawn.permutations[factor] as Int32Array);
    });
    const b = act(group, { ...still, permutations: swapped }, a);
    await using grams = gramEngine(engine);
    const matching = matchingOf(group, [a, b], { grams });
    const better = await withBetterHeads(matching, headSets(group), still);
    expect(better && act(group, better, b)).toEqual(a);
    expect(better && (await withBetterHeads(matching, headSets(group), better))).toBe(null);
  });

  // The streams of the others have several optima then, even with heads told apart.
  it.runIf(name === "vit")("are matched by weights where their fingerprints say nothing", async () => {
    // In every head of one layer the same sizes, which only their places tell apart.
    const names = new Set(
      headSets(group).flatMap(({ shares }) => shares.flatMap(({ sites }) => sites.map(({ tensor }) => tensor))),
    );
    const alike = Object.entries(a).map(([tensor, value]) => {
      const signs = [...toNumbers(value)].map((x) => Math.sign(x));
      return [tensor, names.has(tensor) ? fromNumbers("float64", signs, value.shape) : value] as const;
    });
    const x = Object.fromEntries(alike);
    const drawn = randomElement(group, fold(rngKey(4), name), { spread: 1 });
    const b = act(group, { ...drawn, scales: identity(group).scales }, x);
    const { parameters } = await matchWeights(x, b, group, { engine, key: rngKey(1) });
    for (const tensor of names) expect(toNumbers(parameters[tensor] as Tensor)).toEqual(toNumbers(x[tensor] as Tensor));
  });
});
