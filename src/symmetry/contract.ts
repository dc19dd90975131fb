import { elementCount, stridesOf, type Tensor } from "../tensor/index.ts";
import type { Block, Layout, Run } from "./group.ts";
import { type Context, copyAt, keyOf, locate, rowAt, runsOf } from "./indexing.ts";

/** Numbers that describe one unit. */
export const FEATURES = 4;

/** The features of every index along a leaf: of unit i in copy c they start at (c size + i) FEATURES. */
export type FeaturesOf = (run: Run) => Float64Array;

export interface Contraction {
  readonly layout: Layout;
  readonly tensor: Tensor;
  readonly featuresOf: FeaturesOf;
  /** Sums the squares of the entries instead. */
  readonly squares?: boolean;
}

/**
 * For every unit along a leaf (in every copy) the sum over all other indices of the tensor's entries times the features
 * of those indices, feature by feature: an equivariant function of the tensor. Without a leaf, one sum over everything.
 */
export function contract(
  { layout, tensor, featuresOf, squares = false }: Contraction,
  target: Run | null,
): Float64Array {
  const { shape } = layout;
  const axes = shape.map((_, axis) => axisPart(layout, { axis, target, featuresOf }));
  const rows = target ? target.size * target.within.reduce((copies, { size }) => copies * size, 1) : 1;
  const sums = new Float64Array(rows * FEATURES);
  if (elementCount(shape) === 0) return sums;
  const tail = tailOf(axes, shape);
  const strides = stridesOf(shape);
  const indices = shape.map(() => 0);
  const weights = new Float64Array((shape.length + 1) * FEATURES).fill(1);
  const data = tensor.data as Float64Array;
  const visit = (axis: number, offset: number, row: number) => {
    const at = axis * FEATURES;
    if (axis === tail.axis) {
      addDot(sums, row * FEATURES, { data, squares, offset, features: tail.features, weights, at });
      return;
    }
    const { featuresAt, rows: own } = axes[axis] as AxisPart;
    const features = featuresAt(indices);
    if (axis === shape.length - 1) {
      addEach(sums, row, { data, squares, offset, features, weights, at, rows: own });
      return;
    }
    const stride = strides[axis] as number;
    for (let index = 0; index < own.length; index++) {
      const part = own[index] as number;
      if (part < 0) continue;
      indices[axis] = index;
      for (let i = 0; i < FEATURES; i++) {
        weights[at + FEATURES + i] = (weights[at + i] as number) * (features[index * FEATURES + i] as number);
      }
      visit(axis + 1, offset + index * stride, row + part);
    }
  };
  visit(0, 0, 0);
  return sums;
}

/** The sum over all entries of each unit along a leaf, in every copy, or over their squares. */
export function unitSums(
  { layout, tensor }: Pick<Contraction, "layout" | "tensor">,
  target: Run,
  { squares }: { readonly squares: boolean },
): Float64Array {
  const known = new Map<number, Float64Array>();
  const ones = ({ size, within }: Run) => {
    const count = within.reduce((copies, place) => copies * place.size, size) * FEATURES;
    const features = known.get(count) ?? new Float64Array(count).fill(1);
    known.set(count, features);
    return features;
  };
  return contract({ layout, tensor, featuresOf: ones, squares }, target).filter((_, i) => i % FEATURES === 0);
}

// A longer table of features would no longer stay in the processor's cache.
const LONGEST_TAIL = 2 ** 15;

/** The last axes that all contribute to the same row, as one axis with the product of their features. */
function tailOf(axes: readonly AxisPart[], shape: readonly number[]): { axis: number; features: Float64Array } {
  let [axis, features] = [axes.length, new Float64Array(FEATURES).fill(1)];
  while (axis > 0) {
    const part = axes[axis - 1] as AxisPart;
    const isMergeable = part.isWhole && part.isFixed;
    if (!isMergeable || (shape[axis - 1] as number) * features.length > LONGEST_TAIL * FEATURES) break;
    features = outerProduct(part.featuresAt([]), features);
    axis--;
  }
  // Without a tail the innermost axis is summed entry by entry.
  return axis === axes.length && axes.length > 0 ? { axis: -1, features } : { axis, features };
}

function outerProduct(outer: Float64Array, inner: Float64Array): Float64Array<ArrayBuffer> {
  const product = new Float64Array((outer.length * inner.length) / FEATURES);
  for (let i = 0; i < outer.length; i += FEATURES) {
    for (let j = 0; j < inner.length; j++) {
      product[(i * inner.length) / FEATURES + j] = (outer[i + (j % FEATURES)] as number) * (inner[j] as number);
    }
  }
  return product;
}

interface Stretch {
  readonly data: Float64Array;
  readonly squares: boolean;
  readonly offset: number;
  readonly features: Float64Array;
  /** What the indices of the outer axes contribute, from `at` on. */
  readonly weights: Float64Array;
  readonly at: number;
}

/** Adds to one row the entries of a stretch of memory, each times its features. */
function addDot(sums: Float64Array, to: number, { data, squares, offset, features, weights, at }: Stretch): void {
  const length = features.length / FEATURES;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0, from = 0; i < length; i++, from += FEATURES) {
    const entry = data[offset + i] as number;
    const value = squares ? entry * entry : entry;
    a += value * (features[from] as number);
    b += value * (features[from + 1] as number);
    c += value * (features[from + 2] as number);
    d += value * (features[from + 3] as number);
  }
  sums[to] = (sums[to] as number) + a * (weights[at] as number);
  sums[to + 1] = (sums[to + 1] as number) + b * (weights[at + 1] as number);
  sums[to + 2] = (sums[to + 2] as number) + c * (weights[at + 2] as number);
  sums[to + 3] = (sums[to + 3] as number) + d * (weights[at + 3] as number);
}

/** Adds the entries of a stretch of memory to rows of their own. */
function addEach(
  sums: Float64Array,
  row: number,
  { data, squares, offset, features, weights, at, rows }: Stretch & { readonly rows: Int32Array },
): void {
  const a = weights[at] as number;
  const b = weights[at + 1] as number;
  const c = weights[at + 2] as number;
  const d = weights[at + 3] as number;
  for (let i = 0, from = 0; i < rows.length; i++, from += FEATURES) {
    const own = rows[i] as number;
    if (own < 0) continue;
    const entry = data[offset + i] as number;
    const value = squares ? entry * entry : entry;
    const to = (row + own) * FEATURES;
    sums[to] = (sums[to] as number) + a * value * (features[from] as number);
    sums[to + 1] = (sums[to + 1] as number) + b * value * (features[from + 1] as number);
    sums[to + 2] = (sums[to + 2] as number) + c * value * (features[from + 2] as number);
    sums[to + 3] = (sums[to + 3] as number) + d * value * (features[from + 3] as number);
  }
}

/** What an axis contributes: features by index, and the part of the row of the result, -1 where it has none. */
interface AxisPart {
  readonly featuresAt: (indices: readonly number[]) => Float64Array;
  readonly rows: Int32Array;
  /** Whether every index contributes to row 0. */
  readonly isWhole: boolean;
  /** Whether the features are the same wherever the other axes are. */
  readonly isFixed: boolean;
}

interface Target {
  readonly axis: number;
  readonly target: Run | null;
  readonly featuresOf: FeaturesOf;
}

function axisPart(layout: Layout, { axis, target, featuresOf }: Target): AxisPart {
  const blocks = layout.axes[axis] as readonly Block[];
  const size = layout.shape[axis] as number;
  const kept = new Set((target ? [target.place, ...target.within] : []).map(keyOf));
  const runs = runsOf(blocks).filter(({ place }) => !kept.has(keyOf(place)));
  const elsewhere = runs.flatMap(({ within }) => within).filter((place) => place.axis !== axis);
  const others = [...new Set(elsewhere.map((place) => place.axis))];
  const known = new Map<string, Float64Array>();
  const isFixed = elsewhere.length === 0;
  const fixed = isFixed ? axisFeatures(blocks, size, { runs, context: new Map(), featuresOf }) : null;
  const featuresAt = (indices: readonly number[]) => {
    if (fixed) return fixed;
    const context: Context = new Map();
    for (const other of others) locate(layout.axes[other] as readonly Block[], indices[other] as number, context);
    const key = elsewhere.map((place) => context.get(keyOf(place))).join();
    const features = known.get(key) ?? axisFeatures(blocks, size, { runs, context, featuresOf });
    known.set(key, features);
    return features;
  };
  const rows = target ? rowsAlong(blocks, size, { target, axis }) : new Int32Array(size);
  return { featuresAt, rows, isWhole: rows.every((row) => row === 0), isFixed };
}

/** The product of the features of all leaves, at every index of an axis. */
function axisFeatures(
  blocks: readonly Block[],
  size: number,
  {
    runs,
    context,
    featuresOf,
  }: { readonly runs: readonly Run[]; readonly context: Context; readonly featuresOf: FeaturesOf },
): Float64Array {
  const features = new Float64Array(size * FEATURES).fill(1);
  const sources = runs.map((run) => ({ run, own: featuresOf(run) }));
  for (let index = 0; index < size; index++) {
    const here: Context = new Map(context);
    locate(blocks, index, here);
    for (const { run, own } of sources) {
      const unit = here.get(keyOf(run.place));
      if (unit === undefined) continue;
      const from = (copyAt(run.within, here) * run.size + unit) * FEATURES;
      for (let i = 0; i < FEATURES; i++) {
        features[index * FEATURES + i] = (features[index * FEATURES + i] as number) * (own[from + i] as number);
      }
    }
  }
  return features;
}

/** What each index of an axis adds to the row. */
function rowsAlong(
  blocks: readonly Block[],
  size: number,
  { target, axis }: { readonly target: Run; readonly axis: number },
) {
  return Int32Array.from({ length: size }, (_, index) => {
    const context: Context = new Map();
    locate(blocks, index, context);
    return rowAt(target, axis, context);
  });
}
