import type { Parameters } from "../../nets/index.ts";
import type { Factor, GroupElement, SymmetryGroup } from "../../symmetry/index.ts";
import { elementCount, isLazy, release, type Tensor } from "../../tensor/index.ts";
import type { GramEngine } from "./gram-engine.ts";
import { productAt, type SiteProducts } from "./site-products.ts";
import { type SiteRun, siteRuns } from "./sites.ts";

/** What is known of a pair of parameter sets while the second is matched to the first. */
export interface Matching extends SiteProducts {
  readonly group: SymmetryGroup;
  readonly sites: readonly (readonly SiteRun[])[];
  /** Of each factor the gains at all sites that no element changes. */
  readonly fixed: Map<number, readonly Gains[]>;
}

/** A pair of which nothing has been computed yet. */
export function matchingOf(
  group: SymmetryGroup,
  [a, b]: readonly [Parameters, Parameters],
  { grams, sites = siteRuns(group) }: { readonly grams: GramEngine; readonly sites?: Matching["sites"] },
): Matching {
  return { group, a, b, sites, grams, unfolded: new Map(), last: new Map(), fixed: new Map() };
}

/** The same with another b, of which nothing has been computed yet. */
export function withSecond({ group, a, ...shared }: Matching, b: Parameters): Matching {
  return matchingOf(group, [a, b], shared);
}

/**
 * Gains of one factor: entry (copy, i, j) is what putting unit j of b in the place of unit i contributes, in the sites that
 * the same signs flip.
 */
export interface Gains {
  readonly signs: readonly number[];
  readonly values: Float32Array | Float64Array;
}

/** The gains of a factor where everything else of b is moved by `element`, and its own units are not. */
export async function gainsOf(matching: Matching, factor: number, element: GroupElement): Promise<Gains[]> {
  const sites = matching.sites[factor] ?? [];
  const moving = sites.filter(({ isFixed }) => !isFixed);
  const start = await fixedGains(matching, factor, element);
  return summed(matching, moving, { element, start });
}

async function fixedGains(matching: Matching, factor: number, element: GroupElement): Promise<readonly Gains[]> {
  const known = matching.fixed.get(factor);
  if (known) return known.map(({ signs, values }) => ({ signs, values: values.slice() }));
  const sites = matching.sites[factor] ?? [];
  const fixed = await summed(
    matching,
    sites.filter(({ isFixed }) => isFixed),
    { element, start: [] },
  );
  const { size, copies } = matching.group.factors[factor] as Factor;
  const weights = sites.reduce((sum, { layout }) => sum + elementCount(layout.shape), 0);
  const isKept = fixed.length * copies * size * size <= weights && !sites.some((site) => isLazy(at(matching.a, site)));
  if (isKept)
    matching.fixed.set(
      factor,
      fixed.map(({ signs, values }) => ({ signs, values: values.slice() })),
    );
  return fixed;
}

function at(parameters: Parameters, { tensor }: SiteRun): Tensor {
  return parameters[tensor] as Tensor;
}

interface Sum {
  readonly element: GroupElement;
  readonly start: readonly Gains[];
}

async function summed(matching: Matching, sites: readonly SiteRun[], { element, start }: Sum): Promise<Gains[]> {
  const bySigns = new Map(start.map((each) => [each.signs.join(), each]));
  for (const site of sites) {
    const { product, isKept } = await productAt(matching, site, element);
    const values = product.data as Gains["values"];
    const known = bySigns.get(site.signs.join());
    if (known) addTo(known.values, values);
    else bySigns.set(site.signs.join(), { signs: site.signs, values: isKept ? values.slice() : values });
    if (known && !isKept) release(values);
  }
  return [...bySigns.values()];
}

function addTo(sums: Gains["values"], terms: Gains["values"]): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (terms[i] as number);
}
