import { allocate, elementCount, stridesOf, type Tensor } from "../tensor/index.ts";
import type { Block, Layout, Run } from "./group.ts";
import { type Context, keyOf, locate, rowAt, runsOf } from "./indexing.ts";

/** How the entries of a parameter are laid out as a matrix for each copy of some units: [copies, units, the rest]. */
export interface Unfolding {
  readonly copies: number;
  readonly units: number;
  /** Entries that belong to one unit. */
  readonly length: number;
  readonly layout: Layout;
  readonly axes: readonly AxisUnfolding[];
}

/** What each index of an axis adds to the row and to the column; a row of -1 where it has none of the units. */
interface AxisUnfolding {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** The unfolding of a parameter along one run of its axes. */
export function unfoldingOf(layout: Layout, run: Run): Unfolding {
  const parts = layout.axes.map((blocks, axis) => axisParts(blocks, { run, axis, size: layout.shape[axis] as number }));
  let weight = 1;
  const axes = parts
    .toReversed()
    .map(({ rows, columns, width }) => {
      const scaled = columns.map((column) => column * weight);
      weight *= width;
      return { rows, columns: scaled };
    })
    .reverse();
  const copies = run.within.reduce((count, { size }) => count * size, 1);
  return { copies, units: run.size, length: weight, layout, axes };
}

interface AxisOf {
  readonly run: Run;
  readonly axis: number;
  readonly size: number;
}

/** The row and the number of the remaining digits at each index, and how many such numbers there are. */
function axisParts(blocks: readonly Block[], { run, axis, size }: AxisOf) {
  const kept = new Set([run.place, ...run.within].map(keyOf));
  const others = runsOf(blocks).filter(({ place }) => !kept.has(keyOf(place)));
  const numbers = new Map<string, number>();
  const [rows, columns] = [new Int32Array(size), new Int32Array(size)];
  for (let index = 0; index < size; index++) {
    const context: Context = new Map();
    locate(blocks, index, context);
    rows[index] = rowAt(run, axis, context);
    if ((rows[index] as number) < 0) continue;
    const key = others.map(({ place }) => context.get(keyOf(place))).join();
    columns[index] = numbers.get(key) ?? numbers.size;
    numbers.set(key, columns[index] as number);
  }
  return { rows, columns, width: numbers.size };
}

/** The entries of a tensor in the order of an unfolding. */
export function unfold({ copies, units, length, layout, axes }: Unfolding, tensor: Tensor): Tensor {
  const data = allocate(tensor.dtype, copies * units * length) as Float64Array<ArrayBuffer>;
  const from = tensor.data as Float64Array;
  const strides = stridesOf(layout.shape);
  const last = axes.length - 1;
  const visit = (axis: number, offset: number, to: number) => {
    const { rows, columns } = axes[axis] as AxisUnfolding;
    const stride = strides[axis] as number;
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] as number;
      if (row < 0) continue;
      const at = to + row * length + (columns[index] as number);
      if (axis === last) data[at] = from[offset + index] as number;
      else visit(axis + 1, offset + index * stride, at);
    }
  };
  if (axes.length > 0 && elementCount(layout.shape) > 0) visit(0, 0, 0);
  return { dtype: tensor.dtype, shape: [copies, units, length], data };
}
