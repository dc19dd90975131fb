import { check } from "../errors.ts";
import type { Window } from "./operators.ts";
import { apply, type Value } from "./value.ts";

/** One number stands for all spatial axes. */
type PerAxis = number | readonly number[];

export interface WindowOptions {
  readonly strides?: PerAxis;
  /** One number or one per axis pads both sides alike; twice as many list all begins, then all ends. */
  readonly pads?: PerAxis;
  readonly dilations?: PerAxis;
}

/** Cross-correlation of `x` [N, C, ...] with `weights` [O, C/group, ...] plus a bias [O]. */
export function conv(
  x: Value,
  weights: Value,
  options: WindowOptions & { readonly bias?: Value | undefined; readonly group?: number } = {},
): Value {
  const { bias, group = 1 } = options;
  const window = resolveWindow(spatialRank(x), options);
  return apply("Conv", bias ? [x, weights, bias] : [x, weights], { ...window, group });
}

/** The maximum of each window; strides default to the kernel. */
export function maxPool(x: Value, kernel: PerAxis, options: WindowOptions = {}): Value {
  const sizes = perAxis(kernel, spatialRank(x));
  const window = resolveWindow(spatialRank(x), { strides: sizes, ...options });
  return apply("MaxPool", [x], { kernel: sizes, ...window });
}

/** The mean of each window; strides default to the kernel. */
export function averagePool(
  x: Value,
  kernel: PerAxis,
  options: WindowOptions & { readonly countIncludePad?: boolean } = {},
): Value {
  const sizes = perAxis(kernel, spatialRank(x));
  const { countIncludePad = false } = options;
  const window = resolveWindow(spatialRank(x), { strides: sizes, ...options });
  return apply("AveragePool", [x], { kernel: sizes, ...window, countIncludePad });
}

/** The mean over all spatial axes: [N, C]. */
export function globalAveragePool(x: Value): Value {
  return x.mean(x.shape.map((_, axis) => axis).slice(2));
}

/** Zero also for what is no image at all, which the operators refuse. */
function spatialRank(x: Value): number {
  return Math.max(0, x.rank - 2);
}

function resolveWindow(rank: number, { strides = 1, pads = 0, dilations = 1 }: WindowOptions): Window {
  const isFull = typeof pads !== "number" && pads.length === 2 * rank;
  const both = isFull ? pads : [...perAxis(pads, rank), ...perAxis(pads, rank)];
  return { strides: perAxis(strides, rank), pads: both, dilations: perAxis(dilations, rank) };
}

function perAxis(value: PerAxis, rank: number): readonly number[] {
  if (typeof value === "number") return new Array<number>(rank).fill(value);
  check(value.length === rank, () => ({
    code: "bad-operands",
    where: "window",
    message: `expected ${rank} numbers, one per spatial axis, got ${value.length}`,
  }));
  return value;
}
