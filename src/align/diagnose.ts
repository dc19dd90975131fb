import type { Parameters } from "../nets/index.ts";
import { compareOrbits, type SymmetryGroup } from "../symmetry/index.ts";
import { type Chance, type LayerCosines, layerCosines, type Match } from "./matching/index.ts";
import { type MatchOptions, matchWeights } from "./weights/index.ts";

/** How two checkpoints are related, as far as their weights tell. */
export type Verdict = "same-orbit" | "same-ancestor" | "aligned" | "different-basins";

export interface Diagnosis {
  readonly verdict: Verdict;
  /** What averaging the two as they are would do, in a sentence. */
  readonly advice: string;
  /** Whether their coordinates differ: an average of both as they are would mix units of different meaning. */
  readonly alignFirst: boolean;
  /** The cosine of both weight vectors as stored, and after matching; vectors such as biases are left out. */
  readonly cosine: number;
  readonly matchedCosine: number;
  /** The cosine that units numbered at random have, and how far beyond it that as stored is, in its deviations. */
  readonly chance: Chance;
  readonly deviations: number;
  /** The part of what matching finds beyond chance that is there as stored. */
  readonly kept: number;
  /** Units that matching moves, as a fraction. */
  readonly moved: number;
  /** By tensor of weights. */
  readonly layers: readonly LayerCosines[];
  readonly classes: Match["classes"];
}

export interface DiagnoseOptions extends MatchOptions {
  /** How b is matched to a, where that is known. */
  readonly match?: Match | undefined;
}

/** Says from the weights alone whether two checkpoints are of one orbit, of one ancestor, aligned, or none of these. */
export async function diagnose(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  { match, ...options }: DiagnoseOptions,
): Promise<Diagnosis> {
  const { parameters: matched, classes } = match ?? (await matchWeights(a, b, group, options));
  const { layers, whole } = layerCosines({ a, b, matched }, group, options.key);
  const evidence = { ...whole, ...evidenceOf(whole) };
  const units = classes.reduce((sum, { size, copies }) => sum + size * copies, 0);
  const moved = classes.reduce((sum, each) => sum + each.moved, 0) / Math.max(1, units);
  const verdict = compareOrbits(group, a, b).sameOrbit ? "same-orbit" : verdictOn(evidence);
  const isCopy = verdict === "same-orbit" && evidence.cosine > 1 - 1e-9;
  const alignFirst = !isCopy && (verdict === "same-orbit" || !isNumberedAlike(evidence));
  const words = isCopy ? copied : verdict === "same-ancestor" && alignFirst ? renumbered : advice[verdict];
  return { verdict, advice: words, alignFirst, ...evidence, moved, layers, classes };
}

type Evidence = Pick<Diagnosis, "cosine" | "matchedCosine" | "deviations" | "kept">;

function evidenceOf({ cosine, matchedCosine, chance }: Pick<Diagnosis, "cosine" | "matchedCosine" | "chance">) {
  const beyond = cosine - chance.mean;
  const found = matchedCosine - chance.mean;
  return {
    deviations: chance.deviation > 0 ? beyond / chance.deviation : 0,
    kept: found > 0 ? Math.max(0, Math.min(1, beyond / found)) : 1,
  };
}

// Thresholds half-way between what pairs of known relation come to: bench/diagnose-calibration.ts, docs/align.md.
/** Cosine after matching: fine-tunes 0.9 and more, independent networks 0.1 to 0.5. */
const KINSHIP = 0.7;
/** Deviations: independent networks fewer than 3, aligned ones more than 10. */
const BEYOND_CHANCE = 6;
/** Of units that are numbered alike matching finds hardly better places. */
const MOST = 0.9;

function isNumberedAlike({ deviations, kept }: Evidence): boolean {
  return deviations >= BEYOND_CHANCE && kept >= MOST;
}

function verdictOn(evidence: Evidence): Verdict {
  if (evidence.matchedCosine >= KINSHIP) return "same-ancestor";
  return isNumberedAlike(evidence) ? "aligned" : "different-basins";
}

const copied = "They are the same weights: averaging changes nothing.";

const renumbered =
  "They share an ancestor, but their units are numbered differently: averaging them as they are would ruin both; align, then average.";

const advice: { readonly [V in Verdict]: string } = {
  "same-orbit":
    "They are one function in other coordinates: averaging them as they are would ruin both; canonicalize both, and the average is the same network again.",
  "same-ancestor": "They share an ancestor and its numbering: averaging them as they are is likely to work.",
  aligned:
    "Their units are numbered alike, but their weights are not alike: averaging them as they are may cost little or much; measure the barrier.",
  "different-basins":
    "Their units are numbered differently: averaging them as they are would ruin both; align them first, and measure the barrier.",
};
