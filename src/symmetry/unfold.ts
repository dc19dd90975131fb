import { allocate, stridesOf, type Tensor } from "../tensor/index.ts";
import type { Block, Layout, Run } from "./group.ts";
import { type Context, locate, rowAt, sizeOf } from "./indexing.ts";

/** How the entries of a parameter are laid out as a matrix for each copy of some units: [copies, units, the rest]. */
export interface Unfolding {
  readonly copies: number;
  readonly units: number;
  /** Entries that belong to one unit. */
  readonly length: number;
  /** What each index of the first and of all further axes adds to the place of an entry; -1 where it has none of the units. */
  readonly outer: Int32Array;
  readonly inner: Int32Array;
  /** Whether every entry stays where it is. */
  readonly isPlain: boolean;
}

/** The unfolding of a parameter along one run of its axes. */
export function unfoldingOf({ axes, shape }: Layout, run: Run): Unfolding {
  const rows = axes.map((blocks, axis) =>
    Int32Array.from({ length: shape[axis] as number }, (_, index) => {
      const context: Context = new Map();
      locate(blocks, index, context);
      return rowAt(run, axis, context);
    }),
  );
  const copies = run.within.reduce((count, { size }) => count * size, 1);
  return unfoldingByRows(rows, { copies, units: run.size });
}

/** The unfolding whose rows are what the indices of all axes add up to, -1 for none; each row is in the order of memory. */
export function unfoldingByRows(
  rows: readonly Int32Array[],
  { copies, units }: Pick<Unfolding, "copies" | "units">,
): Unfolding {
  const columns = rows.map(columnsAmong);
  const length = columns.reduce((product, { width }) => product * width, 1);
  const weights = stridesOf(columns.map(({ width }) => width));
  const [outer = Int32Array.of(0), ...others] = rows.map((own, axis) =>
    own.map((row, index) =>
      row < 0 ? -1 : row * length + (columns[axis]?.numbers[index] as number) * (weights[axis] as number),
    ),
  );
  const inner = others.reduce(sums, Int32Array.of(0));
  const isPlain =
    outer.every((place, i) => place === i * inner.length) && inner.every((place, index) => place === index);
  return { copies, units, length, outer, inner, isPlain };
}

/** Every sum of one of `a` and one of `b`, -1 where one of them is. */
function sums(a: Int32Array, b: Int32Array): Int32Array {
  const all = new Int32Array(a.length * b.length);
  for (const [i, x] of a.entries()) {
    for (const [j, y] of b.entries()) all[i * b.length + j] = x < 0 || y < 0 ? -1 : x + y;
  }
  return all;
}

/** The number of each index among those of the same row, and how many such numbers there are. */
function columnsAmong(rows: Int32Array): { readonly numbers: Int32Array; readonly width: number } {
  const seen = new Map<number, number>();
  const numbers = rows.map((row) => {
    const count = seen.get(row) ?? 0;
    seen.set(row, count + 1);
    return count;
  });
  seen.delete(-1);
  return { numbers, width: Math.max(0, ...seen.values()) };
}

/**
 * The entries of a tensor in the order of an unfolding; shares its memory where that is its own order, and otherwise is
 * written to that of `room`, zeroed, where it is given.
 */
export function unfold(
  { copies, units, length, outer, inner, isPlain }: Unfolding,
  tensor: Tensor,
  room?: (length: number) => Tensor["data"],
): Tensor {
  const { dtype } = tensor;
  const shape = [copies, units, length];
  if (isPlain) return { dtype, shape, data: tensor.data };
  const count = copies * units * length;
  const data = (room ? room(count).fill(0 as never) : allocate(dtype, count)) as Float64Array<ArrayBuffer>;
  const from = tensor.data as Float64Array;
  for (const [i, start] of outer.entries()) {
    if (start < 0) continue;
    const offset = i * inner.length;
    for (let k = 0; k < inner.length; k++) {
      const place = inner[k] as number;
      if (place >= 0) data[start + place] = from[offset + k] as number;
    }
  }
  return { dtype, shape, data };
}

/** A tensor with the entries of an unfolding back in their places, and its own where that has none. */
export function refold({ outer, inner, isPlain }: Unfolding, unfolded: Tensor, tensor: Tensor): Tensor {
  if (isPlain) return { ...tensor, data: unfolded.data };
  const data = tensor.data.slice() as Float64Array<ArrayBuffer>;
  const from = unfolded.data as Float64Array;
  for (const [i, start] of outer.entries()) {
    if (start < 0) continue;
    const offset = i * inner.length;
    for (let k = 0; k < inner.length; k++) {
      const place = inner[k] as number;
      if (place >= 0) data[offset + k] = from[start + place] as number;
    }
  }
  return { ...tensor, data };
}

/** The layout of those entries that belong to the first unit of a run, with that unit left as it is. */
export function layoutOfOne({ axes }: Layout, run: Run): { readonly layout: Layout; readonly run: Run } {
  const one: Run = { ...run, size: 1, place: { ...run.place, size: 1 }, factor: null, powers: [] };
  const narrowed = (block: Block): Block => {
    if (block === run) return one;
    if (!("sum" in block)) return block;
    const sum = block.sum.map((part) => part.map(narrowed));
    return { sum, size: sum.reduce((size, part) => size + sizeOf(part), 0) };
  };
  const narrow = axes.map((blocks) => blocks.map(narrowed));
  return { layout: { shape: narrow.map(sizeOf), axes: narrow, offset: 0 }, run: one };
}
