import type { Parameters } from "../../nets/index.ts";
import { actOnTensor, type GroupElement, unfold } from "../../symmetry/index.ts";
import { allocate, byteLength, convert, isLazy, release, type Tensor, tensor } from "../../tensor/index.ts";
import type { GramEngine } from "./gram-engine.ts";
import type { OneUnit, SiteRun } from "./sites.ts";

/** Products of the units of a and b at every site, and what is kept of them. */
export interface SiteProducts {
  readonly a: Parameters;
  readonly b: Parameters;
  readonly grams: GramEngine;
  /** As many as there is room for. */
  readonly unfolded: Map<SiteRun, Unfolded>;
  /** The last products, which the next ones are made of. */
  readonly last: Map<SiteRun, Product>;
}

/** A product, and which entries of b, by their number and sign, it was made of. */
interface Product {
  readonly sources: Float64Array;
  readonly product: Tensor;
}

/** A site of both parameter sets: units of the first as rows, those of the second as columns. */
interface Unfolded {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** Bytes of unfoldings that are kept of parameters that are not in memory themselves; others are made again. */
const ROOM = 2 ** 25;

function unfoldedOnce({ a, b, unfolded }: SiteProducts, site: SiteRun): Unfolded {
  const known = unfolded.get(site);
  if (known) return known;
  const [x, y] = [a, b].map((each) => each[site.tensor]) as [Tensor, Tensor];
  const rows = unfold(site.unfolding, inFloats(x));
  const made = { a: rows, b: turned(unfold(site.unfolding, inFloats(y))) };
  const taken = [...unfolded.values()].reduce((sum, each) => sum + 2 * byteLength(each.a), 0);
  if (!isLazy(x) || taken + 2 * byteLength(rows) <= ROOM) unfolded.set(site, made);
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

/**
 * What a site contributes to the gains, everything but its own units moved by an element; kept where `isKept`. Of most
 * neighbours few units move from one time to the next: then only what these change is computed, and added. How the sums
 * are rounded depends on what is kept, therefore.
 */
export async function productAt(
  products: SiteProducts,
  site: SiteRun,
  element: GroupElement,
): Promise<{ readonly product: Tensor; readonly isKept: boolean }> {
  const { grams, last, a, b } = products;
  const { one, others, unfolding } = site;
  if (!one) {
    const [x, y] = [a, b].map((each) => inFloats(each[site.tensor] as Tensor)) as [Tensor, Tensor];
    const moved = actOnTensor(others, element, y);
    return { product: await grams.gram(unfold(unfolding, x), unfold(unfolding, moved)), isKept: false };
  }
  const both = unfoldedOnce(products, site);
  const sources = sourcesOf(one, element);
  const known = last.get(site);
  const changed = known ? placesOfChange(known.sources, sources) : null;
  if (known && changed && changed.length <= sources.length * FEW) {
    if (changed.length > 0) await addChange(known, both, { changed, sources, grams });
    last.set(site, { sources, product: known.product });
    return { product: known.product, isKept: true };
  }
  const moved = movedColumns(both.b, sources);
  const product = await grams.product(both.a, moved);
  release(moved.data);
  const isKept = !site.isFixed && unfolding.copies === 1 && !isLazy(a[site.tensor] as Tensor);
  if (isKept) last.set(site, { sources, product });
  return { product, isKept };
}

/** The part of the places up to which adding what they change is less work than computing the product anew. */
const FEW = 1 / 3;

/** For each place the number of the entry that comes to it, negative where it is flipped. */
function sourcesOf(one: OneUnit, by: GroupElement): Float64Array {
  return unfold(one.unfolding, actOnTensor(one.layout, by, one.numbers)).data as Float64Array;
}

function placesOfChange(before: Float64Array, after: Float64Array): Int32Array {
  const changed = new Int32Array(after.length);
  let count = 0;
  for (let i = 0; i < after.length; i++) if (before[i] !== after[i]) changed[count++] = i;
  return changed.subarray(0, count);
}

interface Change {
  readonly changed: Int32Array;
  readonly sources: Float64Array;
  readonly grams: GramEngine;
}

async function addChange(known: Product, { a, b }: Unfolded, { changed, sources, grams }: Change): Promise<void> {
  const units = b.shape[2] as number;
  const length = paddedLength(changed.length);
  const x = allocate(a.dtype, units * length) as Float64Array<ArrayBuffer>;
  const y = allocate(b.dtype, units * length) as Float64Array<ArrayBuffer>;
  const [from, columns] = [a.data as Float64Array, b.data as Float64Array];
  const all = a.shape[2] as number;
  for (let i = 0; i < units; i++) {
    for (let k = 0; k < changed.length; k++) x[i * length + k] = from[i * all + (changed[k] as number)] as number;
  }
  for (const [k, place] of changed.entries()) {
    addSigned(y, k * units, { columns, units, source: sources[place] as number });
    addSigned(y, k * units, { columns, units, source: -(known.sources[place] as number) });
  }
  const change = await grams.product(tensor(a.dtype, [1, units, length], x), tensor(b.dtype, [1, length, units], y));
  const [sums, terms] = [known.product.data as Float64Array, change.data as Float64Array];
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (terms[i] as number);
  release(x, y, terms);
}

/** Few lengths, so that few programs are compiled. */
function paddedLength(length: number): number {
  const power = 2 ** Math.ceil(Math.log2(Math.max(16, length)));
  return length <= 0.75 * power ? 0.75 * power : power;
}

interface Row {
  readonly columns: Float64Array;
  readonly units: number;
  readonly source: number;
}

function addSigned(to: Float64Array, at: number, { columns, units, source }: Row): void {
  const start = (Math.abs(source) - 1) * units;
  const sign = Math.sign(source);
  for (let i = 0; i < units; i++) to[at + i] = (to[at + i] as number) + sign * (columns[start + i] as number);
}

/** The columns of b at their places. */
function movedColumns({ dtype, shape, data }: Tensor, sources: Float64Array): Tensor {
  const units = shape[2] as number;
  const from = data as Float64Array;
  const to = allocate(dtype, data.length) as Float64Array<ArrayBuffer>;
  for (let row = 0; row < sources.length; row++) {
    const source = sources[row] as number;
    const start = (Math.abs(source) - 1) * units;
    const at = row * units;
    if (source > 0) to.set(from.subarray(start, start + units), at);
    else for (let i = 0; i < units; i++) to[at + i] = -(from[start + i] as number);
  }
  return tensor(dtype, shape, to);
}

/** A tensor in the type that is computed in. */
export function inFloats(tensor: Tensor): Tensor {
  return tensor.dtype === "float64" ? tensor : convert(tensor, "float32");
}
