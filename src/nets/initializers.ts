import { check } from "../errors.ts";
import {
  elementCount,
  formatShape,
  fromNumbers,
  normal,
  type RngKey,
  type Shape,
  type Tensor,
  uniform,
} from "../tensor/index.ts";

/** How a tensor is drawn. Fans count weights per unit, of shape [outputs, inputs, ...taps]. */
export type Initializer =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "he" | "lecun" | "glorot"; readonly distribution: "normal" | "uniform" }
  | { readonly kind: "normal"; readonly deviation: number }
  | { readonly kind: "uniform"; readonly bound: number };

/** How the layers of a network start: by variance scaling with zero biases, or as PyTorch's `Linear` and `Conv2d` do. */
export type InitializerName = (typeof initializerNames)[number];

/** Every `InitializerName`. */
export const initializerNames = ["he", "glorot", "lecun", "pytorch"] as const;

/** Weights per unit, seen from its output and from its input. */
export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** The fans of weights [outputs, inputs, ...taps]; `inputs` are those of one group. */
export function fans(shape: Shape): Fans {
  check(shape.length >= 2, () => ({
    code: "bad-shape",
    where: "initializer",
    message: `expected weights [outputs, inputs, ...taps], got ${formatShape(shape)}`,
  }));
  const [outputs, inputs, ...taps] = shape as [number, number, ...number[]];
  return { fanIn: inputs * elementCount(taps), fanOut: outputs * elementCount(taps) };
}

/** The initializers of the weights and the bias of one layer whose weights have this shape. */
export function layerInitializers(
  name: InitializerName,
  shape: Shape,
): { readonly weight: Initializer; readonly bias: Initializer } {
  const zero = { kind: "constant", value: 0 } as const;
  switch (name) {
    case "he":
    case "lecun":
      return { weight: { kind: name, distribution: "normal" }, bias: zero };
    case "glorot":
      return { weight: { kind: name, distribution: "uniform" }, bias: zero };
    case "pytorch": {
      const drawn = { kind: "uniform", bound: 1 / Math.sqrt(fans(shape).fanIn) } as const;
      return { weight: drawn, bias: drawn };
    }
  }
}

/** A tensor drawn by the initializer. */
export function initialize<D extends "float32" | "float64" = "float32">(
  key: RngKey,
  shape: Shape,
  initializer: Initializer,
  dtype: D = "float32" as D,
): Tensor<D> {
  switch (initializer.kind) {
    case "constant":
      return fromNumbers(dtype, new Float64Array(elementCount(shape)).fill(initializer.value), shape);
    case "normal":
      return normal(key, shape, { dtype, deviation: initializer.deviation });
    case "uniform":
      return uniform(key, shape, { dtype, low: -initializer.bound, high: initializer.bound });
    default:
      return scaled(key, shape, initializer, dtype);
  }
}

type Scaling = Extract<Initializer, { readonly distribution: string }>;

function scaled<D extends "float32" | "float64">(
  key: RngKey,
  shape: Shape,
  { kind, distribution }: Scaling,
  dtype: D,
): Tensor<D> {
  const deviation = Math.sqrt(variance(kind, fans(shape)));
  if (distribution === "normal") return normal(key, shape, { dtype, deviation });
  const bound = deviation * Math.sqrt(3);
  return uniform(key, shape, { dtype, low: -bound, high: bound });
}

/** He et al. 2015 (arXiv 1502.01852), Glorot and Bengio 2010, LeCun et al. 1998. */
function variance(kind: Scaling["kind"], { fanIn, fanOut }: Fans): number {
  switch (kind) {
    case "he":
      return 2 / fanIn;
    case "lecun":
      return 1 / fanIn;
    case "glorot":
      return 2 / (fanIn + fanOut);
  }
}
