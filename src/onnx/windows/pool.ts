import { apply, concat, constant, type PoolAttributes, type Value, where } from "../../graph/index.ts";
import { fromNumbers } from "../../tensor/index.ts";
import { type Arrangement, type Placed, withWindows } from "./arrangement.ts";

/** Whether the windows of a pool of images tile them. */
export function tiles({ kernel, strides, pads, dilations }: PoolAttributes, [, , ...image]: readonly number[]): boolean {
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
  return arrangement
    .filter((factor) => !isInside(factor.axis, factor.stride))
    .map((factor) => ({ ...factor, stride: factor.axis === 1 ? factor.stride : strideOutside(factor.axis, factor.stride) }));

  function isInside(axis: number, stride: number): boolean {
    return axis > 1 && stride < (kernel[axis - 2] as number);
  }
  function strideOutside(axis: number, stride: number): number {
    return stride / (kernel[axis - 2] as number);
  }
}

/**
 * The axes of columns and of rows of a window in a value in that arrangement. Columns are compared first, rows next: the
 * first of equal maxima wins, as in ONNX.
 */
function windowAxes(arrangement: Arrangement, kernel: readonly number[]): number[] {
  const axes = [3, 2].filter((axis) => kernel[axis - 2] !== 1);
  const places = axes.map((axis) => arrangement.findIndex((factor) => factor.axis === axis && factor.stride === 1));
  // Each comparison removes its axis, and so moves those behind it.
  return places.map((place, i) => place - places.slice(0, i).filter((before) => before < place).length);
}

export function maxPoolSlabs(x: Placed, kernel: readonly number[]): Value {
  return windowAxes(x.arrangement, kernel).reduce((value, axis) => leaders(value, axis).at(-1) as Value, x.value);
}

/** Sends the pooled gradient to the first maximum of each window. */
export function maxPoolGradSlabs(x: Placed, g: Value, kernel: readonly number[]): Value {
  return sendBack(x.value, g, windowAxes(x.arrangement, kernel));
}

/** Reads `source` where x has the first maximum of each window. */
export function maxPoolGatherSlabs(x: Placed, source: Value, kernel: readonly number[]): Value {
  let [value, read] = [x.value, source];
  for (const axis of windowAxes(x.arrangement, kernel)) {
    const [pieces, best] = [slabs(value, axis), leaders(value, axis)];
    read = slabs(read, axis).reduce((kept, piece, i) =>
      where((pieces[i] as Value).greater(best[i - 1] as Value), piece, kept),
    );
    value = best.at(-1) as Value;
  }
  return read;
}

/** The parts of a value along an axis. */
function slabs(value: Value, axis: number): Value[] {
  return Array.from({ length: value.shape[axis] as number }, (_, i) =>
    value.gather(constant(fromNumbers("int32", [i], [])), axis),
  );
}

/** The maximum of the first 1, 2, ... slabs. */
function leaders(value: Value, axis: number): Value[] {
  const [first, ...rest] = slabs(value, axis) as [Value, ...Value[]];
  const best = [first];
  for (const slab of rest) best.push((best.at(-1) as Value).maximum(slab));
  return best;
}

/** A slab keeps the gradient where it exceeds those before it; what is left goes to them. */
function sendBack(value: Value, g: Value, [axis, ...rest]: readonly number[]): Value {
  if (axis === undefined) return g;
  const [pieces, best] = [slabs(value, axis), leaders(value, axis)];
  let left = sendBack(best.at(-1) as Value, g, rest);
  const gradients = pieces.map(() => left);
  for (let i = pieces.length - 1; i > 0; i--) {
    const own = left.mul(exceeds(pieces[i] as Value, best[i - 1] as Value));
    left = left.sub(own);
    gradients[i] = own;
  }
  gradients[0] = left;
  const kept = value.shape.with(axis, 1);
  return concat(
    gradients.map((each) => each.reshape(kept)),
    axis,
  );
}

/**
 * 1 where a > b, 0 elsewhere, as a clipped line of the steepest slope: much the fastest of the forms that kernels exist
 * for, and exact unless a - b is subnormal.
 */
function exceeds(a: Value, b: Value): Value {
  return apply("HardSigmoid", [a.sub(b)], { alpha: steepest, beta: 0 });
}

const steepest = (2 - 2 ** -23) * 2 ** 127;
