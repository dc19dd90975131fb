import type { Parameters } from "../../nets/index.ts";
import { actOnTensor, type GroupElement, unfold } from "../../symmetry/index.ts";
import {
  allocate,
  byteLength,
  convert,
  type DType,
  elementCount,
  isLazy,
  letGo,
  release,
  stack,
  type Tensor,
  tensor,
} from "../../tensor/index.ts";
import type { GramEngine } from "./gram-engine.ts";
import { type Scratch, type Scratches, scratchOf, spare } from "./scratch.ts";
import type { OneUnit, SiteRun } from "./sites.ts";

/** What products of the units of a and b are computed from. */
export interface SiteProducts {
  readonly a: Parameters;
  readonly b: Parameters;
  readonly grams: GramEngine;
  /** As many as there is room for. */
  readonly unfolded: Map<SiteRun, Unfolded>;
  readonly scratch: Scratches;
}

/** A site of both parameter sets: [copies, units, length], or [copies, length, units] where units are columns. */
interface Unfolded {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly areColumns: boolean;
}

/** Bytes of unfoldings that are kept of parameters that are not in memory themselves; others are made again. */
const ROOM = 2 ** 22;

function unfoldedOnce({ a, b, unfolded, scratch }: SiteProducts, site: SiteRun): Unfolded {
  const known = unfolded.get(site);
  if (known) return known;
  const [x, y] = bothAt({ a, b }, site);
  // Columns of b are moved in whole rows of memory, but rows may be there without a copy.
  const areColumns = site.columns.isPlain || !site.unfolding.isPlain || site.unfolding.copies > 1;
  const form = areColumns ? site.columns : site.unfolding;
  const taken = [...unfolded.values()].reduce((sum, each) => sum + 2 * byteLength(each.a), 0);
  const isKept = !isLazy(x) || taken + 2 * byteLength(x) <= ROOM;
  const rowsOf = (value: Tensor, own: Scratch) => {
    const floats = inFloats(value);
    const rows = unfold(form, floats, isKept ? undefined : (length) => scratchOf(own, floats.dtype, length));
    if (!form.isPlain) letGo(value);
    return rows;
  };
  const made = { a: rowsOf(x, scratch.a), b: rowsOf(y, scratch.b), areColumns };
  if (isKept) unfolded.set(site, made);
  return made;
}

/** The inner products of the units of a and b at a site, everything but these units moved by an element. */
export async function productAt(
  products: SiteProducts,
  { tensor: name, others, unfolding }: SiteRun,
  { element, into }: { readonly element: GroupElement; readonly into?: Room },
): Promise<Tensor> {
  const [x, y] = [products.a, products.b].map((each) => inFloats(each[name] as Tensor)) as [Tensor, Tensor];
  return products.grams.gram(unfold(unfolding, x), unfold(unfolding, actOnTensor(others, element, y)), into?.(x.dtype));
}

/** For each place of a unit's entries the number of the entry that comes to it, negative where it is flipped. */
export type Sources = Float64Array;

export function sourcesOf({ unfolding, layout, numbers }: OneUnit, by: GroupElement): Sources {
  return unfold(unfolding, actOnTensor(layout, by, numbers)).data as Float64Array;
}

function bothAt({ a, b }: Pick<SiteProducts, "a" | "b">, { tensor: name }: SiteRun): [Tensor, Tensor] {
  return [a[name] as Tensor, b[name] as Tensor];
}

/** Where a product of a type is written. */
export type Room = (dtype: DType) => Tensor["data"];

/** The inner products at a site whose entries come from `sources`. */
export async function productFrom(
  products: SiteProducts,
  site: SiteRun,
  { sources, into }: { readonly sources: Sources; readonly into?: Room },
): Promise<Tensor> {
  const { a, b, areColumns } = unfoldedOnce(products, site);
  const { grams, scratch } = products;
  const moved = { ...b, data: scratchOf(scratch.moved, b.dtype, elementCount(b.shape)) };
  (areColumns ? moveColumns : moveRows)(b, sources, moved.data as Float64Array);
  const product = await (areColumns ? grams.gramOfColumns : grams.gram)(a, moved, into?.(a.dtype));
  spare(scratch.a, scratch.b, scratch.moved);
  if (!products.unfolded.has(site)) letGo(...bothAt(products, site));
  return product;
}

/** The inner products at sites with one entry to each unit, which stays in its place: one product for all of them. */
export async function productOfVectors(
  { a, b, grams }: SiteProducts,
  sites: readonly SiteRun[],
  into?: Room,
): Promise<Tensor> {
  const [x, y] = [a, b].map((parameters) => {
    const rows = sites.map((site) => unfold(site.unfolding, inFloats(parameters[site.tensor] as Tensor)));
    const { dtype, data } = stack(rows);
    return tensor(dtype, [1, sites.length, data.length / sites.length], data);
  }) as [Tensor, Tensor];
  return grams.gramOfColumns(x, y, into?.(x.dtype));
}

/** What other sources add to the inner products at a site with one copy; null where they are the same. */
export async function changeFrom(
  products: SiteProducts,
  site: SiteRun,
  { before, after, into }: { readonly before: Sources; readonly after: Sources; readonly into?: Room },
): Promise<Tensor | null> {
  const changed = placesOfChange(before, after);
  if (changed.length === 0) return null;
  const { a, b, areColumns } = unfoldedOnce(products, site);
  const parts = (areColumns ? changedColumns : changedRows)([a, b], { changed, before, after });
  const { grams } = products;
  const product = await (areColumns ? grams.gramOfColumns : grams.gram)(...parts, into?.(a.dtype));
  release(...parts.map(({ data }) => data));
  return product;
}

function placesOfChange(before: Sources, after: Sources): Int32Array {
  const changed = new Int32Array(after.length);
  let count = 0;
  for (let i = 0; i < after.length; i++) if (before[i] !== after[i]) changed[count++] = i;
  return changed.subarray(0, count);
}

interface Change {
  readonly changed: Int32Array;
  readonly before: Sources;
  readonly after: Sources;
}

/** Of a the columns that change, and of b what they change by. */
function changedColumns([a, b]: readonly [Tensor, Tensor], { changed, before, after }: Change): [Tensor, Tensor] {
  const units = a.shape[2] as number;
  const [x, y] = emptyChange(a, [1, paddedLength(changed.length), units]);
  const [from, columns] = [a.data, b.data] as [Float64Array, Float64Array];
  const [kept, change] = [x.data, y.data] as [Float64Array, Float64Array];
  for (const [k, place] of changed.entries()) {
    kept.set(from.subarray(place * units, (place + 1) * units), k * units);
    const [out, into] = [before[place] as number, after[place] as number];
    const [first, second] = [(Math.abs(out) - 1) * units, (Math.abs(into) - 1) * units];
    const [less, more] = [Math.sign(out), Math.sign(into)];
    for (let i = 0; i < units; i++) {
      change[k * units + i] = more * (columns[second + i] as number) - less * (columns[first + i] as number);
    }
  }
  return [x, y];
}

/** The same where units are rows. */
function changedRows([a, b]: readonly [Tensor, Tensor], { changed, before, after }: Change): [Tensor, Tensor] {
  const [, units, length] = a.shape as [number, number, number];
  const padded = paddedLength(changed.length);
  const [x, y] = emptyChange(a, [1, units, padded]);
  const [from, rows] = [a.data, b.data] as [Float64Array, Float64Array];
  const [kept, change] = [x.data, y.data] as [Float64Array, Float64Array];
  const [out, into] = [before, after].map((sources) => changed.map((place) => sources[place] as number)) as [
    Int32Array,
    Int32Array,
  ];
  for (let i = 0; i < units; i++) {
    const [start, at] = [i * length, i * padded];
    for (let k = 0; k < changed.length; k++) {
      const [less, more] = [out[k] as number, into[k] as number];
      kept[at + k] = from[start + (changed[k] as number)] as number;
      change[at + k] = signedEntry(rows, start, more) - signedEntry(rows, start, less);
    }
  }
  return [x, y];
}

function signedEntry(entries: Float64Array, start: number, source: number): number {
  return source > 0 ? (entries[start + source - 1] as number) : -(entries[start - source - 1] as number);
}

function emptyChange({ dtype }: Tensor, shape: [number, number, number]): [Tensor, Tensor] {
  const count = shape[0] * shape[1] * shape[2];
  return [tensor(dtype, shape, allocate(dtype, count)), tensor(dtype, shape, allocate(dtype, count))];
}

/** Few lengths, so that few programs are compiled. */
function paddedLength(length: number): number {
  if (length > 256) return 256 * Math.ceil(length / 256);
  return [16, 64].find((few) => length <= few) ?? 256;
}

/** The columns of b with their entries at their places. */
function moveColumns({ shape, data }: Tensor, sources: Sources, to: Float64Array): void {
  const units = shape[2] as number;
  const from = data as Float64Array;
  for (let row = 0; row < sources.length; row++) {
    const source = sources[row] as number;
    const start = (Math.abs(source) - 1) * units;
    const at = row * units;
    if (source > 0) to.set(from.subarray(start, start + units), at);
    else for (let i = 0; i < units; i++) to[at + i] = -(from[start + i] as number);
  }
}

/** The rows of b with their entries at their places. */
function moveRows({ data }: Tensor, sources: Sources, to: Float64Array): void {
  const from = data as Float64Array;
  const { length } = sources;
  const places = Int32Array.from(sources, (source) => Math.abs(source) - 1);
  for (let start = 0; start < to.length; start += length) {
    for (let k = 0; k < length; k++) to[start + k] = from[start + (places[k] as number)] as number;
  }
  for (const [k, source] of sources.entries()) {
    if (source < 0) for (let at = k; at < to.length; at += length) to[at] = -(to[at] as number);
  }
}

/** A tensor in the type that is computed in. */
export function inFloats(tensor: Tensor): Tensor {
  return tensor.dtype === "float64" ? tensor : convert(tensor, "float32");
}
