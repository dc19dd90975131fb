import type { SymmetryGroup } from "../../symmetry/index.ts";

/**
 * Factors that permute whole blocks of other units, as heads of attention do. How much two blocks are alike is known only
 * once the units inside are matched, so blocks are matched by their fingerprints, and then stay unless they are heads in
 * which matrices act.
 */
export function blockFactors({ factors }: SymmetryGroup): ReadonlySet<number> {
  return new Set(factors.flatMap(({ within }) => within.flatMap(({ factor }) => factor ?? [])));
}

/** Factors whose units are matched one set after another. */
export function freeFactors(group: SymmetryGroup): number[] {
  const blocks = blockFactors(group);
  return [...group.factors.keys()].filter((factor) => group.factors[factor]?.permutes && !blocks.has(factor));
}
