import { apply, type PoolAttributes, type Value, where } from "../../graph/index.ts";
import { type Arrangement, type Placed, withWindows } from "./arrangement.ts";
import { stack, unstack } from "./stack.ts";

/** Whether the windows of a pool of images tile them. */
export function tiles(
  { kernel, strides, pads, dilations }: PoolAttributes,
  [, , ...image]: readonly number[],
): boolean {
  return (
    image.length === 2 &&
    kernel.every((size, i) => size === strides[i] && (image[i] as number) % size === 0) &&
    pads.every((pad) => pad === 0) &&
    dilations.every((dilation) => dilation === 1)
  );
}

/** The arrangement in which every window's rows and columns are axes of their own; null where it has none. */
export function windowed(arrangement: Arrangement, kernel: readonly number[]): Arrangement | null {
  const rows = withWindows(arrangement, 2, kernel[0] as number);
  return rows && withWindows(rows, 3, kernel[1] as number);
}

/** The arrangement of the pooled tensor: that of the windows, without the digits inside of them. */
export function pooled(arrangement: Arrangement, kernel: readonly number[]): Arrangement {
  const size = (axis: number) => (axis > 1 ? (kernel[axis - 2] as number) : 1);
  return arrangement
    .filter(({ axis, stride }) => stride >= size(axis))
    .map((factor) => ({ ...factor, stride: factor.stride / size(factor.axis) }));
}

/** What a window sees, by rows and columns: one value for every place in it. */
type Places = readonly (readonly Value[])[];

interface Windows {
  readonly places: Places;
  /** Puts values for every place back together. */
  joined(places: Places): Value;
}

function windowsOf({ value, arrangement }: Placed, kernel: readonly number[]): Windows {
  const placeOf = (axis: number) => arrangement.findIndex((factor) => factor.axis === axis && factor.stride === 1);
  const [row, column] = [placeOf(2), placeOf(3)];
  const columnInRow = column > row && kernel[0] !== 1 ? column - 1 : column;
  const split = (whole: Value, at: number, axis: number) => (kernel[axis] === 1 ? [whole] : unstack(whole, at));
  const join = (parts: readonly Value[], at: number, axis: number) =>
    kernel[axis] === 1 ? (parts[0] as Value) : stack(parts, at);
  return {
    places: split(value, row, 0).map((part) => split(part, columnInRow, 1)),
    joined: (places) =>
      join(
        places.map((parts) => join(parts, columnInRow, 1)),
        row,
        0,
      ),
  };
}

/** The maximum of every row of the windows, and of those the largest: the first of equal maxima counts, as in ONNX. */
export function maxPoolPlaces(x: Placed, kernel: readonly number[]): Value {
  return maximum(windowsOf(x, kernel).places.map(maximum));
}

/** Sends the pooled gradient to the first maximum of each window. */
export function maxPoolGradPlaces(x: Placed, g: Value, kernel: readonly number[]): Value {
  const { places, joined } = windowsOf(x, kernel);
  const ofRows = sentBack(places.map(maximum), g);
  return joined(places.map((row, i) => sentBack(row, ofRows[i] as Value)));
}

/** Reads `source` where x has the first maximum of each window. */
export function maxPoolGatherPlaces(x: Placed, source: Value, kernel: readonly number[]): Value {
  const { places } = windowsOf(x, kernel);
  const sources = windowsOf({ ...x, value: source }, kernel).places;
  const ofRows = places.map((row, i) => readAtMaximum(row, sources[i] as readonly Value[]));
  return readAtMaximum(places.map(maximum), ofRows);
}

function maximum(values: readonly Value[]): Value {
  return leaders(values).at(-1) as Value;
}

/** The maximum of the first 1, 2, ... values. */
function leaders([first, ...rest]: readonly Value[]): Value[] {
  const best = [first as Value];
  for (const value of rest) best.push((best.at(-1) as Value).maximum(value));
  return best;
}

/** A value keeps the gradient where it exceeds those before it; what is left goes to them. */
function sentBack(values: readonly Value[], g: Value): Value[] {
  const best = leaders(values);
  const gradients: Value[] = [];
  let left = g;
  for (let i = values.length - 1; i > 0; i--) {
    const own = left.mul(exceeds(values[i] as Value, best[i - 1] as Value));
    gradients.unshift(own);
    left = left.sub(own);
  }
  return [left, ...gradients];
}

function readAtMaximum(values: readonly Value[], sources: readonly Value[]): Value {
  const best = leaders(values);
  return sources.reduce((read, source, i) => where((values[i] as Value).greater(best[i - 1] as Value), source, read));
}

/**
 * 1 where a > b, 0 elsewhere, as a clipped line of the steepest slope: much the fastest of the forms that kernels exist
 * for, and exact unless a - b is subnormal.
 */
function exceeds(a: Value, b: Value): Value {
  return apply("HardSigmoid", [a.sub(b)], { alpha: steepest, beta: 0 });
}

const steepest = (2 - 2 ** -23) * 2 ** 127;
