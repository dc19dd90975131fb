import type { Engine, Program } from "../engine/index.ts";
import { input } from "../graph/index.ts";
import type { Parameters } from "../nets/index.ts";
import {
  actOnTensor,
  type Block,
  type GroupElement,
  type Layout,
  layoutOfOne,
  type Run,
  refold,
  runsOf,
  type SymmetryGroup,
  type Unfolding,
  unfold,
  unfoldingOf,
} from "../symmetry/index.ts";
import {
  allocate,
  byteLength,
  convert,
  elementCount,
  isLazy,
  release,
  type Tensor,
  tensor,
  zeros,
} from "../tensor/index.ts";

/** One place of a factor's units in a parameter. */
export interface SiteRun {
  readonly tensor: string;
  readonly layout: Layout;
  readonly run: Run;
  readonly unfolding: Unfolding;
  /** The layout with these units left in their places and unflipped, whatever an element does to all others. */
  readonly others: Layout;
  /** Null where the units are blocks of others, which an element may move differently in each. */
  readonly one: OneUnit | null;
  /** Sign generators that flip the entries along this run. */
  readonly signs: readonly number[];
}

/** Every place of every factor's units. */
export function siteRuns(group: SymmetryGroup): SiteRun[][] {
  const sites: SiteRun[][] = group.factors.map(() => []);
  for (const [tensor, layout] of Object.entries(group.layouts)) {
    for (const run of layout.axes.flatMap(runsOf)) {
      if (run.factor === null) continue;
      const signs = run.powers
        .filter(({ generator, exponent }) => group.generators[generator]?.kind === "sign" && exponent % 2 !== 0)
        .map(({ generator }) => generator);
      const others = {
        ...layout,
        axes: layout.axes.map((blocks) => blocks.map((block) => without(block, run, signs))),
      };
      const unfolding = unfoldingOf(layout, run);
      const one = isOuter(layout, run) ? null : oneUnit(layout, run, unfolding);
      sites[run.factor]?.push({ tensor, layout, run, unfolding, others, one, signs });
    }
  }
  return sites;
}

function without(block: Block, run: Run, signs: readonly number[]): Block {
  if ("sum" in block) return { ...block, sum: block.sum.map((part) => part.map((each) => without(each, run, signs))) };
  if (block !== run) return block;
  return { ...block, factor: null, powers: block.powers.filter(({ generator }) => !signs.includes(generator)) };
}

/** The entries of one unit, numbered from 1 in the order of their unfolding: as an element moves these, so it moves all. */
interface OneUnit {
  readonly layout: Layout;
  readonly unfolding: Unfolding;
  readonly numbers: Tensor;
}

function oneUnit(of: Layout, run: Run, { copies, length }: Unfolding): OneUnit {
  const { layout, run: own } = layoutOfOne(of, run);
  const unfolding = unfoldingOf(layout, own);
  const numbers = tensor(
    "float64",
    [copies, 1, length],
    Float64Array.from({ length: copies * length }, (_, i) => i + 1),
  );
  return { layout, unfolding, numbers: refold(unfolding, numbers, zeros("float64", layout.shape)) };
}

function isOuter({ axes }: Layout, { place }: Run): boolean {
  const within = axes.flatMap(runsOf).flatMap((run) => [...run.within, ...run.powers.flatMap((power) => power.within)]);
  return within.some(({ axis, leaf }) => axis === place.axis && leaf === place.leaf);
}

/** Products of unfolded tensors, each compiled once for its sizes. */
export interface GramEngine extends AsyncDisposable {
  /** For each copy the product of matrices, [copies, units, length] by [copies, length, units]. */
  product(a: Tensor, b: Tensor): Promise<Tensor>;
  /** For each copy the matrix of inner products of the rows of `a` and `b`, [copies, units, units]. */
  gram(a: Tensor, b: Tensor): Promise<Tensor>;
}

/** Computes inner products on an engine. */
export function gramEngine(engine: Engine): GramEngine {
  const programs = new Map<string, Promise<Program>>();
  const multiply = async (a: Tensor, b: Tensor, isTurned: boolean): Promise<Tensor> => {
    const key = `${a.dtype} ${a.shape} ${b.shape} ${isTurned}`;
    const program = programs.get(key) ?? compileProduct(engine, [a, b], isTurned);
    programs.set(key, program);
    return (await (await program).run({ a, b })).product as Tensor;
  };
  return {
    product: (a, b) => multiply(a, b, false),
    gram: (a, b) => multiply(a, b, true),
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
    },
  };
}

function compileProduct(engine: Engine, [x, y]: readonly [Tensor, Tensor], isTurned: boolean): Promise<Program> {
  const [a, b] = [input("a", x.dtype, x.shape), input("b", y.dtype, y.shape)];
  return engine.compile({ product: a.matmul(isTurned ? b.transpose([0, 2, 1]) : b) });
}

/** What is known of a pair of parameter sets while the second is matched to the first. */
export interface Matching {
  readonly group: SymmetryGroup;
  readonly a: Parameters;
  readonly b: Parameters;
  readonly sites: readonly (readonly SiteRun[])[];
  readonly grams: GramEngine;
  /** Unfoldings of `a` by site, which no step changes, as many as there is room for. */
  readonly unfolded: Map<SiteRun, Unfolded>;
  /** Products at sites that no element changes, with the tensor of b that they were made of. */
  readonly fixed: Map<SiteRun, { readonly product: Tensor; readonly of: Tensor }>;
}

/** A pair of which nothing has been computed yet. */
export function matchingOf(
  group: SymmetryGroup,
  [a, b]: readonly [Parameters, Parameters],
  { grams, sites = siteRuns(group) }: { readonly grams: GramEngine; readonly sites?: Matching["sites"] },
): Matching {
  return { group, a, b, sites, grams, unfolded: new Map(), fixed: new Map() };
}

/** A site of both parameter sets: units of the first as rows, those of the second as columns. */
interface Unfolded {
  readonly a: Tensor;
  readonly b: Tensor;
  /** The tensor that b was made of. */
  readonly of: Tensor;
}

/** Bytes of unfoldings that are kept of parameters that are not in memory themselves; others are made again. */
const ROOM = 2 ** 25;

function unfoldedOnce({ a, b, unfolded }: Matching, site: SiteRun): Unfolded {
  const known = unfolded.get(site);
  const [x, y] = [a, b].map((each) => each[site.tensor]) as [Tensor, Tensor];
  if (known?.of === y) return known;
  const rows = known?.a ?? unfold(site.unfolding, inFloats(x));
  const made = { a: rows, b: turned(unfold(site.unfolding, inFloats(y))), of: y };
  const taken = [...unfolded.values()].reduce((sum, each) => sum + 2 * byteLength(each.a), 0);
  if (!isLazy(x) || known || taken + 2 * byteLength(rows) <= ROOM) unfolded.set(site, made);
  return made;
}

/** How many rows are turned at a time: as many entries as a line of the cache holds. */
const STRIP = 16;

/** [copies, units, length] as [copies, length, units]. */
function turned({ dtype, shape, data }: Tensor): Tensor {
  const [copies, units, length] = shape as [number, number, number];
  const to = allocate(dtype, data.length) as Float64Array<ArrayBuffer>;
  const from = data as Float64Array;
  for (let copy = 0; copy < copies; copy++) {
    const start = copy * units * length;
    for (let strip = 0; strip < units; strip += STRIP) {
      const end = Math.min(units, strip + STRIP);
      for (let k = 0; k < length; k++) {
        for (let i = strip; i < end; i++) to[start + k * units + i] = from[start + i * length + k] as number;
      }
    }
  }
  return tensor(dtype, [copies, length, units], to);
}

/** A site of b with everything but its own units moved by an element. */
function movedColumns({ one }: SiteRun & { readonly one: OneUnit }, { dtype, shape, data }: Tensor, by: GroupElement) {
  const sources = unfold(one.unfolding, actOnTensor(one.layout, by, one.numbers)).data as Float64Array;
  const units = shape[2] as number;
  const from = data as Float64Array;
  const to = allocate(dtype, data.length) as Float64Array<ArrayBuffer>;
  for (let row = 0; row < sources.length; row++) {
    const source = sources[row] as number;
    const start = (Math.abs(source) - 1) * units;
    const at = row * units;
    if (source > 0) for (let i = 0; i < units; i++) to[at + i] = from[start + i] as number;
    else for (let i = 0; i < units; i++) to[at + i] = -(from[start + i] as number);
  }
  return tensor(dtype, shape, to);
}

/** Whether no element moves anything at a site but the units themselves. */
function isFixed({ others }: SiteRun): boolean {
  return others.axes.flatMap(runsOf).every(({ factor, powers }) => factor === null && powers.length === 0);
}

/** What a site contributes; of fixed ones it is computed once and kept, as their units fit into the memory of their tensor. */
async function productAt(matching: Matching, site: SiteRun, element: GroupElement): Promise<Tensor> {
  const of = matching.b[site.tensor] as Tensor;
  const known = matching.fixed.get(site);
  if (known?.of === of) return known.product;
  const product = await computedAt(matching, site, element);
  const isSmall = elementCount(product.shape) <= elementCount(site.layout.shape);
  if (isSmall && isFixed(site)) matching.fixed.set(site, { product, of });
  return product;
}

async function computedAt(matching: Matching, site: SiteRun, element: GroupElement): Promise<Tensor> {
  const { one, others, unfolding } = site;
  const { grams, a, b } = matching;
  if (one) {
    const both = unfoldedOnce(matching, site);
    const moved = movedColumns({ ...site, one }, both.b, element);
    const product = await grams.product(both.a, moved);
    release(moved.data);
    return product;
  }
  const [x, y] = [a, b].map((each) => inFloats(each[site.tensor] as Tensor)) as [Tensor, Tensor];
  return grams.gram(unfold(unfolding, x), unfold(unfolding, actOnTensor(others, element, y)));
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
  const bySigns = new Map<string, Gains>();
  for (const site of matching.sites[factor] ?? []) {
    const { signs } = site;
    const own = (await productAt(matching, site, element)).data as Gains["values"];
    const isKept = matching.fixed.has(site);
    const known = bySigns.get(signs.join());
    if (known) addTo(known.values, own);
    else bySigns.set(signs.join(), { signs, values: isKept ? own.slice() : own });
    if (known && !isKept) release(own);
  }
  return [...bySigns.values()];
}

function addTo(sums: Gains["values"], terms: Gains["values"]): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (terms[i] as number);
}

/** A tensor in the type that is computed in. */
export function inFloats(tensor: Tensor): Tensor {
  return tensor.dtype === "float64" ? tensor : convert(tensor, "float32");
}
