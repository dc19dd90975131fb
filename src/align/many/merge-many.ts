import type { Parameters } from "../../nets/index.ts";
import type { SymmetryGroup } from "../../symmetry/index.ts";
import { ascend, type ManyMerge, type ManyOptions, matchMany } from "./match-many.ts";

/**
 * Matches the units of several networks by their weights and averages them (MergeMany of Git Re-Basin, arXiv 2209.04836):
 * one network after another, in random order, is matched to the mean of the others, until none improves.
 */
export async function mergeMany(
  models: readonly Parameters[],
  group: SymmetryGroup,
  options: ManyOptions,
): Promise<ManyMerge> {
  return await matchMany(models, group, {
    options,
    improve: (matching, elements, restart) => ascend(matching, elements, { ...options, restart }),
  });
}
