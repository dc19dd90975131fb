import type { Parameters } from "../nets/index.ts";
import { compareOrbits, type SymmetryGroup } from "../symmetry/index.ts";
import { elementCount } from "../tensor/index.ts";
import { cosine, type Match } from "./match.ts";
import { type MatchOptions, matchWeights } from "./match-weights.ts";

/** How two checkpoints are related, as far as their weights tell. */
export type Verdict = "same-orbit" | "same-ancestor" | "aligned" | "different-basins";

export interface Diagnosis {
  readonly verdict: Verdict;
  /** What averaging the two as they are would do, in a sentence. */
  readonly advice: string;
  /** The cosine of both weight vectors as stored, and after matching. */
  readonly cosine: number;
  readonly matchedCosine: number;
  /** The cosine as stored in standard deviations of what independent weights of this size would have. */
  readonly deviations: number;
  /** Units that matching moves, as a fraction. */
  readonly moved: number;
  readonly classes: Match["classes"];
}

/** Units that matching may move by chance among two checkpoints that are numbered alike. */
const FEW = 0.05;
/** Fine-tunes keep most of their ancestor's weights. */
const KINSHIP = 0.8;
/** Far beyond chance: the weights of independent networks are all but orthogonal. */
const BEYOND_CHANCE = 8;

const advice: { readonly [V in Verdict]: string } = {
  "same-orbit":
    "They are one function in other coordinates: align them first, and the average is the same network again.",
  "same-ancestor": "They share an ancestor: averaging them as they are is likely to work.",
  aligned: "Their units are numbered alike: averaging them as they are may work; measure the barrier.",
  "different-basins":
    "Their units are numbered differently: averaging them as they are would ruin both; align them first.",
};

/** Says from the weights alone whether two checkpoints are of one orbit, of one ancestor, aligned, or none of these. */
export async function diagnose(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  options: MatchOptions,
): Promise<Diagnosis> {
  const weights = Object.keys(group.layouts).filter((name) => (group.layouts[name]?.shape.length ?? 0) > 1);
  const match = await matchWeights(a, b, group, options);
  const [stored, matchedCosine] = [cosine(a, b, weights), cosine(a, match.parameters, weights)];
  const count = weights.reduce((sum, name) => sum + elementCount(group.layouts[name]?.shape ?? []), 0);
  const deviations = stored * Math.sqrt(count);
  const units = match.classes.reduce((sum, { size, copies }) => sum + size * copies, 0);
  const moved = match.classes.reduce((sum, each) => sum + each.moved, 0) / Math.max(1, units);
  const verdict = compareOrbits(group, a, b).sameOrbit
    ? "same-orbit"
    : verdictOn({ cosine: stored, deviations, moved });
  const isCopy = stored > 1 - 1e-9;
  return {
    verdict,
    advice: isCopy ? "They are the same weights: averaging changes nothing." : advice[verdict],
    cosine: stored,
    matchedCosine,
    deviations,
    moved,
    classes: match.classes,
  };
}

function verdictOn({ cosine, deviations, moved }: Pick<Diagnosis, "cosine" | "deviations" | "moved">): Verdict {
  if (deviations < BEYOND_CHANCE || moved > FEW) return "different-basins";
  return cosine > KINSHIP ? "same-ancestor" : "aligned";
}
