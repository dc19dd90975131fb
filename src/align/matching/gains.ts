import type { Parameters } from "../../nets/index.ts";
import type { Factor, GroupElement, SymmetryGroup } from "../../symmetry/index.ts";
import { bytesPerElement, isLazy, type Tensor, viewBytes } from "../../tensor/index.ts";
import type { GramEngine } from "./gram-engine.ts";
import { emptyScratches, scratchOf, spare } from "./scratch.ts";
import {
  changeFrom,
  productAt,
  productFrom,
  productOfVectors,
  type Room,
  type SiteProducts,
  type Sources,
  sourcesOf,
} from "./site-products.ts";
import { type SiteRun, siteRuns } from "./sites.ts";

/** What is known of a pair of parameter sets while the second is matched to the first. */
export interface Matching extends SiteProducts {
  readonly group: SymmetryGroup;
  readonly sites: readonly (readonly SiteRun[])[];
  /** By factor the last gains, which the next ones are made of. */
  readonly kept: Map<number, KeptGains>;
}

/** Gains, and which entries of b they were made of at every site that they hold. */
interface KeptGains {
  readonly gains: readonly Gains[];
  /** Null for those that no element moves. */
  readonly sources: ReadonlyMap<SiteRun, Sources | null>;
}

/** A pair of which nothing has been computed yet. */
export function matchingOf(
  group: SymmetryGroup,
  [a, b]: readonly [Parameters, Parameters],
  { grams, sites = siteRuns(group) }: { readonly grams: GramEngine; readonly sites?: Matching["sites"] },
): Matching {
  return { group, a, b, sites, grams, unfolded: new Map(), kept: new Map(), scratch: emptyScratches() };
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

/**
 * The gains of a factor, at all of its sites or some, where everything else of b is moved by `element`, and its own units
 * are not; they hold until the next are asked for. Of most neighbours few units move from one time to the next: then only
 * what these change is computed, and added. How the sums are rounded depends on what is kept, therefore.
 */
export async function gainsOf(
  matching: Matching,
  factor: number,
  element: GroupElement,
  sites = matching.sites[factor] ?? [],
): Promise<readonly Gains[]> {
  const isKept = canKeep(matching, factor);
  const known = isKept ? matching.kept.get(factor) : undefined;
  const gains = [...(known?.gains ?? [])];
  const roomFor = roomsFor(matching, factor, { sites, gains, isKept });
  const all = new Map(known?.sources);
  for (const vectors of newVectors(sites, all)) {
    const { signs } = vectors[0] as SiteRun;
    const product = await productOfVectors(matching, vectors, roomFor(signs));
    addTo(gains, signs, product.data as Gains["values"]);
    for (const site of vectors) all.set(site, null);
  }
  for (const site of sites.filter((each) => all.get(each) !== null)) {
    const sources = site.one && sourcesOf(site.one, element);
    const into = roomFor(site.signs);
    const product = await productOf(matching, site, { element, sources, before: all.get(site), ...(into && { into }) });
    if (product) addTo(gains, site.signs, product.data as Gains["values"]);
    if (sources) all.set(site, sources);
  }
  if (isKept) matching.kept.set(factor, { gains, sources: all });
  return gains;
}

/** Ends the use of gains. */
export function releaseGains({ scratch }: Matching): void {
  spare(scratch.gains, scratch.terms);
}

interface Rooms {
  readonly sites: readonly SiteRun[];
  readonly gains: readonly Gains[];
  readonly isKept: boolean;
}

/** By signs where the next product goes: the first of each to the gains, all of them one block, others to where terms do. */
function roomsFor({ group, a, scratch }: Matching, factor: number, { sites, gains, isKept }: Rooms) {
  const { size, copies } = group.factors[factor] as Factor;
  const count = copies * size * size;
  const isWide = sites.some(({ tensor }) => a[tensor]?.dtype === "float64");
  const bytes = count * bytesPerElement(isWide ? "float64" : "float32");
  const classes = new Set(sites.map(({ signs }) => signs.join())).size;
  return (signs: Signs): Room | undefined => {
    if (sumsOf(gains, signs)) return (dtype) => scratchOf(scratch.terms, dtype, count);
    if (isKept) return undefined;
    return (dtype) => {
      const block = scratchOf(scratch.gains, "uint8", classes * bytes);
      const start = gains.length * bytes;
      return viewBytes(dtype, block.subarray(start, start + count * bytesPerElement(dtype)));
    };
  };
}

/** The sites of biases and norms that the gains do not hold, apart by their signs. */
function newVectors(sites: readonly SiteRun[], held: KeptGains["sources"]): SiteRun[][] {
  const vectors = sites.filter((site) => isVector(site) && !held.has(site));
  return [...Map.groupBy(vectors, ({ signs }) => signs.join()).values()];
}

function isVector({ isFixed, unfolding }: SiteRun): boolean {
  return isFixed && unfolding.copies === 1 && unfolding.length === 1;
}

function canKeep({ a, sites }: Matching, factor: number): boolean {
  const own = sites[factor] ?? [];
  return own.every(({ one, unfolding, tensor }) => one && unfolding.copies === 1 && !isLazy(a[tensor] as Tensor));
}

interface Moved {
  readonly element: GroupElement;
  readonly sources: Sources | null;
  /** Of which the gains hold the product already. */
  readonly before: Sources | null | undefined;
  readonly into?: Room;
}

async function productOf(matching: Matching, site: SiteRun, { element, sources, before, ...room }: Moved) {
  if (!sources) return productAt(matching, site, { element, ...room });
  if (before) return changeFrom(matching, site, { before, after: sources, ...room });
  return productFrom(matching, site, { sources, ...room });
}

type Signs = Gains["signs"];

function sumsOf(gains: readonly Gains[], signs: Signs): Gains["values"] | undefined {
  return gains.find((each) => each.signs.join() === signs.join())?.values;
}

function addTo(gains: Gains[], signs: Signs, terms: Gains["values"]): void {
  const sums = sumsOf(gains, signs);
  if (!sums) {
    gains.push({ signs, values: terms });
    return;
  }
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (terms[i] as number);
}
