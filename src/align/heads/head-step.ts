import { act, type Factor, type GroupElement } from "../../symmetry/index.ts";
import { assignUnits, gainsOf, innerProduct, type Matching, withBestSigns, withSigns } from "../matching/index.ts";
import { assignHeads } from "./head-gains.ts";
import type { HeadSet } from "./heads.ts";

/**
 * The element with heads where what no matrix inside them changes assigns them, and the units of each then assigned anew;
 * null where the objective does not rise.
 */
export async function withBetterHeads(
  matching: Matching,
  sets: readonly HeadSet[],
  element: GroupElement,
): Promise<GroupElement | null> {
  let best = element;
  for (const set of sets) {
    const moved = await movedHeads(matching, set, best);
    if (valueIn(matching, set, moved) > valueIn(matching, set, best) * (1 + 1e-9)) best = moved;
  }
  return best === element ? null : best;
}

async function movedHeads(matching: Matching, set: HeadSet, element: GroupElement): Promise<GroupElement> {
  const { group } = matching;
  const { heads, queries } = await assignHeads(matching, set, element);
  const permutations = element.permutations.map((units, factor) => {
    if (factor === set.heads) return heads;
    return factor === set.queries ? queries : units;
  });
  let moved: GroupElement = { ...element, permutations };
  const inside = set.shares.map(({ factor }) => factor).filter((factor) => group.factors[factor]?.permutes);
  for (const factor of inside) {
    const gains = await gainsOf(matching, factor, moved);
    const own = group.factors[factor] as Factor;
    const { units } = assignUnits(withBestSigns(gains), own);
    const placed = { ...moved, permutations: moved.permutations.with(factor, units) };
    moved = withSigns(gains, placed, { factor, size: own.size });
  }
  if (set.heads === null) return moved;
  const gains = await gainsOf(matching, set.heads, moved);
  return withSigns(gains, moved, { factor: set.heads, size: set.count });
}

/** The part of the objective in the tensors of a set of heads. */
function valueIn({ group, a, b }: Matching, { shares }: HeadSet, element: GroupElement): number {
  const names = [...new Set(shares.flatMap(({ sites }) => sites.map(({ tensor }) => tensor)))];
  const parts = Object.fromEntries(names.map((name) => [name, b[name]] as const)) as Matching["b"];
  return innerProduct(a, act(group, element, parts), names);
}
