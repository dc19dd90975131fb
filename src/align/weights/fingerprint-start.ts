import { type Factor, type GroupElement, identity } from "../../symmetry/index.ts";
import { assignGains, gainsOf, type Matching, releaseGains, withSigns } from "../matching/index.ts";
import { type Placing, placingOrder } from "./placing-order.ts";
import { sortedMatch } from "./sorted-match.ts";

/**
 * A start for coordinate descent that does not depend on how units are numbered. From inputs and outputs on, whose order
 * is fixed, units are matched by their weights to what has its place already; those of blocks, and those that too few
 * weights of that kind tell apart, by all their weights sorted by size.
 */
export async function fingerprintStart(matching: Matching, onFactor?: (done: number) => void): Promise<GroupElement> {
  const { group, sites } = matching;
  let element = identity(group);
  for (const [done, placing] of placingOrder(group, sites).entries()) {
    onFactor?.(done);
    if (placing.anchors.length > 0) element = await anchoredMatch(matching, placing, element);
    else {
      const units = await sortedMatch(matching, placing.factor, element);
      element = { ...element, permutations: element.permutations.with(placing.factor, units) };
    }
  }
  return element;
}

async function anchoredMatch(matching: Matching, { factor, anchors }: Placing, element: GroupElement) {
  const { size } = matching.group.factors[factor] as Factor;
  const gains = await gainsOf(matching, factor, element, anchors);
  const { units } = assignGains(matching, factor, { gains });
  const placed = { ...element, permutations: element.permutations.with(factor, units) };
  const better = withSigns(gains, placed, { factor, size });
  releaseGains(matching);
  return better;
}
