import type { Factor, GroupElement } from "../../symmetry/index.ts";
import { assignUnits, currentValue, gainsOf, type Matching, withBestSigns } from "../matching/index.ts";
import { freeFactors } from "./free-factors.ts";

/** For each factor how much its best assignment alone could gain at most where all others are as an element has them. */
export async function gapsAt(matching: Matching, element: GroupElement): Promise<number[]> {
  const { group } = matching;
  const gaps = group.factors.map(() => 0);
  for (const factor of freeFactors(group)) {
    const own = group.factors[factor] as Factor;
    const gains = await gainsOf(matching, factor, element);
    const best = withBestSigns(gains);
    const { units, gap } = assignUnits(best, own);
    const value = units.reduce((sum, unit, place) => sum + (best[place * own.size + unit] as number), 0);
    gaps[factor] = Math.max(0, value + gap - currentValue(gains, element, { factor, size: own.size }));
  }
  return gaps;
}
