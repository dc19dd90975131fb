import { elementCount, stridesOf, type Tensor } from "../tensor/index.ts";
import type { Block, Layout, Run } from "./group.ts";
import { type Context, copyAt, keyOf, locate, runsOf } from "./indexing.ts";

/** Numbers that describe one unit. */
export const FEATURES = 4;

/** The features of every index along a leaf: of unit i in copy c they start at (c size + i) FEATURES. */
export type FeaturesOf = (run: Run) => Float64Array;

export interface Contraction {
  readonly layout: Layout;
  readonly tensor: Tensor;
  readonly featuresOf: FeaturesOf;
}

/**
 * For every unit along a leaf (in every copy) the sum over all other indices of the tensor's entries times the features
 * of those indices, feature by feature: an equivariant function of the tensor. Without a leaf, one sum over everything.
 */
export function contract({ layout, tensor, featuresOf }: Contraction, target: Run | null): Float64Array {
  const rank = layout.shape.length;
  const axes = layout.axes.map((_, axis) => axisPart(layout, { axis, target, featuresOf }));
  const rows = target ? target.size * target.within.reduce((copies, { size }) => copies * size, 1) : 1;
  const sums = new Float64Array(rows * FEATURES);
  if (elementCount(layout.shape) === 0) return sums;
  const strides = stridesOf(layout.shape);
  const indices = layout.shape.map(() => 0);
  const data = tensor.data as Float64Array;
  const visit = (axis: number, offset: number, { row, weights }: { row: number; weights: Weights }) => {
    if (axis === rank) {
      addScaled(sums, row, { value: data[offset] as number, weights });
      return;
    }
    const part = axes[axis] as AxisPart;
    const features = part.featuresAt(indices);
    if (axis === rank - 1 && part.isWhole) {
      addDot(sums, row, { data, offset, features, weights });
      return;
    }
    for (let index = 0; index < part.rows.length; index++) {
      const own = part.rows[index] as number;
      if (own < 0) continue;
      indices[axis] = index;
      const scaled = times(weights, features, index);
      visit(axis + 1, offset + index * (strides[axis] as number), { row: row + own, weights: scaled });
    }
  };
  visit(0, 0, { row: 0, weights: [1, 1, 1, 1] });
  return sums;
}

type Weights = readonly [number, number, number, number];

function times([a, b, c, d]: Weights, features: Float64Array, index: number): Weights {
  const at = index * FEATURES;
  return [
    a * (features[at] as number),
    b * (features[at + 1] as number),
    c * (features[at + 2] as number),
    d * (features[at + 3] as number),
  ];
}

function addScaled(
  sums: Float64Array,
  row: number,
  { value, weights: [a, b, c, d] }: { readonly value: number; readonly weights: Weights },
): void {
  const at = row * FEATURES;
  sums[at] = (sums[at] as number) + a * value;
  sums[at + 1] = (sums[at + 1] as number) + b * value;
  sums[at + 2] = (sums[at + 2] as number) + c * value;
  sums[at + 3] = (sums[at + 3] as number) + d * value;
}

interface Dot {
  readonly data: Float64Array;
  readonly offset: number;
  readonly features: Float64Array;
  readonly weights: Weights;
}

/** Adds the entries of the innermost axis, each times its features. */
function addDot(sums: Float64Array, row: number, { data, offset, features, weights }: Dot): void {
  const length = features.length / FEATURES;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0, at = 0; i < length; i++, at += FEATURES) {
    const value = data[offset + i] as number;
    a += value * (features[at] as number);
    b += value * (features[at + 1] as number);
    c += value * (features[at + 2] as number);
    d += value * (features[at + 3] as number);
  }
  addScaled(sums, row, { value: 1, weights: [weights[0] * a, weights[1] * b, weights[2] * c, weights[3] * d] });
}

/** What an axis contributes: features by index, and the part of the row of the result, -1 where it has none. */
interface AxisPart {
  readonly featuresAt: (indices: readonly number[]) => Float64Array;
  readonly rows: Int32Array;
  /** Whether every index contributes to row 0. */
  readonly isWhole: boolean;
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
  const featuresAt = (indices: readonly number[]) => {
    const context: Context = new Map();
    for (const other of others) locate(layout.axes[other] as readonly Block[], indices[other] as number, context);
    const key = elsewhere.map((place) => context.get(keyOf(place))).join();
    const features = known.get(key) ?? axisFeatures(blocks, size, { runs, context, featuresOf });
    known.set(key, features);
    return features;
  };
  const rows = Int32Array.from({ length: size }, (_, index) => (target ? rowAt(blocks, index, { target, axis }) : 0));
  return { featuresAt, rows, isWhole: rows.every((row) => row === 0) };
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
  for (let index = 0; index < size; index++) {
    const here: Context = new Map(context);
    locate(blocks, index, here);
    for (const run of runs) {
      const unit = here.get(keyOf(run.place));
      if (unit === undefined) continue;
      const from = (copyAt(run.within, here) * run.size + unit) * FEATURES;
      const own = featuresOf(run);
      for (let i = 0; i < FEATURES; i++) {
        features[index * FEATURES + i] = (features[index * FEATURES + i] as number) * (own[from + i] as number);
      }
    }
  }
  return features;
}

/** What one index of an axis adds to the row: units count singly, copies by the number of units. */
function rowAt(
  blocks: readonly Block[],
  index: number,
  { target, axis }: { readonly target: Run; readonly axis: number },
): number {
  const context: Context = new Map();
  locate(blocks, index, context);
  let [row, weight] = [0, target.size];
  for (const place of target.within.toReversed()) {
    if (place.axis === axis) row += weight * (context.get(keyOf(place)) as number);
    weight *= place.size;
  }
  if (target.place.axis !== axis) return row;
  const unit = context.get(keyOf(target.place));
  return unit === undefined ? -1 : row + unit;
}
