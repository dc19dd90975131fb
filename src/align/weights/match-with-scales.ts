import type { Parameters } from "../../nets/index.ts";
import { act, compose, inCanonicalGauge, inverse, type SymmetryGroup } from "../../symmetry/index.ts";
import { checkSame, describeMatch, gramEngine, type Match, matchingOf } from "../matching/index.ts";
import { type MatchOptions, matchWeights } from "./match-weights.ts";

/**
 * Matches units by their weights whatever their scales, and gives each the scale of the unit of a that it is matched to:
 * both networks are brought to the canonical gauge (arXiv 2202.03038, section 2), matched there, and b is taken from there
 * to the gauge of a. The inner product has no best scales of its own, it grows without bound along them: the objective is
 * that in the canonical gauge.
 */
export async function matchWithScales(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  options: MatchOptions,
): Promise<Match> {
  checkSame(a, b, group);
  const [own, other] = [a, b].map((each) => inCanonicalGauge(group, each).gauge) as [Gauge, Gauge];
  const found = await matchWeights(act(group, own, a), act(group, other, b), group, options);
  const element = compose(group, inverse(group, own), compose(group, found.element, other));
  await using grams = gramEngine(options.engine);
  const gaps = found.classes.map(({ gap }) => gap);
  const described = describeMatch(matchingOf(group, [a, b], { grams }), element, { starts: found.starts, gaps });
  return { ...described, objective: found.objective };
}

type Gauge = ReturnType<typeof inCanonicalGauge>["gauge"];
