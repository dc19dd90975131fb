import {
  type Factor,
  innerFactor,
  type Layout,
  type StrandUnfolding,
  type SymmetryGroup,
  strandUnfoldings,
} from "../../symmetry/index.ts";

/** Heads of attention: blocks of units in each of which matrices act. */
export interface HeadSet {
  /** The factor that permutes the heads, of keys and values where these are fewer; null where there is but one. */
  readonly heads: number | null;
  readonly count: number;
  /** The factor that permutes the heads of queries of one head of keys and values; null where there is one of each. */
  readonly queries: number | null;
  readonly queryCount: number;
  /** What matrices act on inside a head: queries and keys, values and outputs. */
  readonly shares: readonly HeadShare[];
}

/** The units inside heads that are mixed together, and where they are written and read. */
export interface HeadShare {
  readonly factor: number;
  readonly sites: readonly (StrandUnfolding & { readonly tensor: string; readonly layout: Layout })[];
}

/** The sets of heads of a group: all that share the factor of their copies, or of their queries. */
export function headSets(group: SymmetryGroup): HeadSet[] {
  const sets = new Map<string, HeadSet>();
  for (const [index, factor] of group.factors.entries()) {
    const heads = headsOf(group, factor);
    if (heads === undefined) continue;
    const inner = innerFactor(group, index);
    if (heads === null && inner === null) continue;
    const key = heads === null ? `queries ${inner}` : `heads ${heads}`;
    const known = sets.get(key);
    const queries = known?.queries ?? inner;
    sets.set(key, {
      heads,
      count: factor.copies,
      queries,
      queryCount: queries === null ? 1 : (group.factors[queries] as Factor).size,
      shares: [...(known?.shares ?? []), shareOf(group, index, queries)],
    });
  }
  return [...sets.values()];
}

/** The factor of the heads in which matrices act on the units of a factor; undefined where these are in no heads. */
function headsOf({ factors }: SymmetryGroup, { matrix, within }: Factor): number | null | undefined {
  if (matrix !== "general-linear" && matrix !== "rotary") return undefined;
  const [outer] = within;
  if (!outer) return null;
  const isSimple = within.length === 1 && outer.factor !== null && factors[outer.factor]?.within.length === 0;
  return isSimple ? outer.factor : undefined;
}

function shareOf(group: SymmetryGroup, factor: number, queries: number | null): HeadShare {
  const tensors = [...new Set(group.factors[factor]?.sites.map(({ tensor }) => tensor))];
  const sites = tensors.flatMap((tensor) => {
    const layout = group.layouts[tensor] as Layout;
    return strandUnfoldings(group, factor, layout, queries).map((strand) => ({ ...strand, tensor, layout }));
  });
  return { factor, sites };
}
