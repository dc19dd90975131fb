import { type Factor, type GroupElement, sourceCopy, unfold } from "../../symmetry/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";
import { assignUnits, inFloats, type Matching } from "../matching/index.ts";

/**
 * The units of b whose incoming and outgoing weights, sorted by size, are most like those of the units of a: that does not
 * depend on how the neighbours are numbered.
 */
export async function sortedMatch(
  { group, a, b, sites, grams }: Matching,
  factor: number,
  element: GroupElement,
): Promise<Int32Array> {
  const own = group.factors[factor] as Factor;
  const { size, copies } = own;
  const gains = new Float32Array(copies * size * size);
  for (const { tensor: name, unfolding } of sites[factor] ?? []) {
    const [x, y] = [a, b].map((parameters) =>
      centred(quantiles(unfold(unfolding, inFloats(parameters[name] as Tensor)))),
    );
    const moved = copies > 1 ? inCopies(y as Tensor, { group, factor, element }) : (y as Tensor);
    const { data } = await grams.gram(x as Tensor, moved);
    for (let i = 0; i < gains.length; i++) gains[i] = (gains[i] as number) + ((data as Float32Array)[i] as number);
  }
  return assignUnits(gains, own).units;
}

/** How many quantiles stand for a row that is longer. */
const QUANTILES = 64;

/** Absolute values are put in order by their exponent and first bits: 16 ranges from each power of 2 to the next. */
const DROPPED_BITS = 19;

/**
 * The absolute values of each row in ascending order; of long rows the sums of equally many of them, so weighted that the
 * inner product of two rows is nearly the same.
 */
function quantiles({ shape, data }: Tensor): Tensor {
  const [copies, units, length] = shape as [number, number, number];
  if (length <= QUANTILES) {
    const rows = new Float32Array(data as Float32Array).map(Math.abs);
    for (let start = 0; start < rows.length; start += length) rows.subarray(start, start + length).sort();
    return tensor("float32", shape, rows);
  }
  const rows = data instanceof Float32Array ? data : new Float32Array(data as Float64Array);
  const sums = new Float32Array(copies * units * QUANTILES);
  const ranges = emptyRanges();
  for (let row = 0; row < copies * units; row++) {
    const own = sums.subarray(row * QUANTILES, (row + 1) * QUANTILES);
    sumQuantiles(rows.subarray(row * length, (row + 1) * length), ranges, own);
  }
  return tensor("float32", [copies, units, QUANTILES], sums);
}

/**
 * The rows without their mean, in place. The best assignment is the same, but is found several times faster: what all
 * units have in common no longer outweighs what tells them apart.
 */
function centred({ shape, data }: Tensor): Tensor {
  const [copies, units, length] = shape as [number, number, number];
  const rows = data as Float32Array<ArrayBuffer>;
  for (let copy = 0; copy < copies; copy++) {
    const own = rows.subarray(copy * units * length, (copy + 1) * units * length);
    const means = new Float64Array(length);
    for (let i = 0; i < own.length; i++) means[i % length] = (means[i % length] as number) + (own[i] as number) / units;
    for (let i = 0; i < own.length; i++) own[i] = (own[i] as number) - (means[i % length] as number);
  }
  return tensor("float32", shape, rows);
}

interface Ranges {
  readonly counts: Int32Array;
  readonly totals: Float64Array;
}

function emptyRanges(): Ranges {
  const count = 2 ** (31 - DROPPED_BITS);
  return { counts: new Int32Array(count), totals: new Float64Array(count) };
}

/** Counts the values by their ranges, and deals out the ranges in order; they are empty before and after. */
function sumQuantiles(values: Float32Array<ArrayBuffer>, { counts, totals }: Ranges, sums: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let first = counts.length;
  let last = 0;
  for (let i = 0; i < bits.length; i++) {
    const range = ((bits[i] as number) & 0x7fffffff) >>> DROPPED_BITS;
    if (range < first) first = range;
    if (range > last) last = range;
    counts[range] = (counts[range] as number) + 1;
    totals[range] = (totals[range] as number) + Math.abs(values[i] as number);
  }
  let [quantile, dealt, room] = [0, 0, Math.floor(values.length / QUANTILES)];
  for (let range = first; range <= last; range++) {
    const mean = (totals[range] as number) / (counts[range] as number);
    for (let left = counts[range] as number; left > 0; ) {
      const part = Math.min(left, room);
      sums[quantile] = (sums[quantile] as number) + part * mean;
      left -= part;
      room -= part;
      dealt += part;
      if (room === 0) room = Math.floor(((++quantile + 1) * values.length) / QUANTILES) - dealt;
    }
    counts[range] = totals[range] = 0;
  }
  const weight = Math.sqrt(QUANTILES / values.length);
  for (let k = 0; k < QUANTILES; k++) sums[k] = (sums[k] as number) * weight;
}

interface Copies {
  readonly group: Matching["group"];
  readonly factor: number;
  readonly element: GroupElement;
}

/** The copies in the order in which the outer factors have been matched. */
function inCopies({ dtype, shape, data }: Tensor, { group, factor, element }: Copies): Tensor {
  const block = (shape[1] as number) * (shape[2] as number);
  const moved = (data as Float64Array).slice();
  for (let copy = 0; copy < (shape[0] as number); copy++) {
    const from = sourceCopy(group, factor, { element, copy });
    moved.set((data as Float64Array).subarray(from * block, (from + 1) * block), copy * block);
  }
  return tensor(dtype, shape, moved as Float64Array<ArrayBuffer>);
}
