import type { ConvAttributes, Value } from "../../graph/index.ts";
import { elementCount, sameShape } from "../../tensor/index.ts";
import { type Arrangement, axesInOrder, type Placed } from "./arrangement.ts";
import { type Convolution, convColumns, convInputGradColumns, convWeightGradColumns } from "./columns.ts";
import type { Form, Placement } from "./placement.ts";
import {
  convInputGradWinograd,
  convWeightGradWinograd,
  convWinograd,
  hasOuterRows,
  outputArrangement,
  planWinograd,
} from "./winograd.ts";

type ConvolutionValue = Value<"Conv"> | Value<"ConvInputGrad"> | Value<"ConvWeightGrad">;

/** Fewer samples make runs too short to be worth moving. */
const leastSamples = 32;
/** Larger unfolded inputs cost more to keep than they save. */
const mostUnfoldedBytes = 2 ** 29;

function isConvolution(value: Value): value is ConvolutionValue {
  return value.op === "Conv" || value.op === "ConvInputGrad" || value.op === "ConvWeightGrad";
}

/** Whether a convolution, or its adjoint, is computed on samples that are innermost: of a large batch of images. */
export function hasInnermostForm(value: Value): value is ConvolutionValue {
  if (!isConvolution(value) || value.dtype !== "float32") return false;
  const { shapes, attributes } = convolutionOf(value);
  const isLarge = shapes.x.length === 4 && (shapes.x[0] as number) >= leastSamples;
  return isLarge && attributes.group === 1 && 4 * unfoldedElements(shapes) <= mostUnfoldedBytes;
}

function unfoldedElements({ x, w, y }: Convolution["shapes"]): number {
  return (x[0] as number) * elementCount(w.slice(1)) * elementCount(y.slice(2));
}

/** The convolution that a value computes, or is an adjoint of. */
export function convolutionOf(value: ConvolutionValue): Convolution {
  const [a, b] = value.operands as readonly [Value, Value];
  const attributes: ConvAttributes = value.attributes;
  if (value.op === "Conv") return { attributes, shapes: { x: a.shape, w: b.shape, y: value.shape } };
  if (value.op === "ConvInputGrad") return { attributes, shapes: { x: value.shape, w: b.shape, y: a.shape } };
  return { attributes, shapes: { x: a.shape, w: value.shape, y: b.shape } };
}

/** By few products where they pay, else by one product per row of outputs. */
export const convForm: Form<"Conv"> = (value, placement) => {
  if (!hasInnermostForm(value)) return null;
  const [original, weights] = value.operands as readonly [Value, Value];
  const conv = convolutionOf(value);
  const plan = planWinograd(conv);
  const x = inputOf(original, plan !== null, placement);
  const w = placement.natural(weights);
  placement.inputs.set(weights, x);
  const { constants, pools } = placement;
  return plan
    ? convWinograd(x, w, { plan, constants })
    : convColumns(x, w, { conv, constants, order: columnsOrder(value, pools.get(value)) });
};

/** The input of a convolution in an arrangement that its form can read. */
function inputOf(x: Value, isTransformed: boolean, placement: Placement): Placed {
  const placed = placement.placed(x);
  if (!isTransformed) return placed ?? placement.in(x, axesInOrder(x.shape, [1, 2, 3]));
  return placed && hasOuterRows(placed.arrangement, x.shape[2] as number)
    ? placed
    : placement.in(x, axesInOrder(x.shape, [2, 1, 3]));
}

/** Rows outermost, so that every row is one product; where a pool follows, each place in its windows is apart. */
function columnsOrder(value: Value, kernel: readonly number[] = [1, 1]): Arrangement {
  const [, channels, height, width] = value.shape as [number, number, number, number];
  const [rows, columns] = kernel as [number, number];
  const window = [
    { axis: 2, size: rows, stride: 1 },
    { axis: 3, size: columns, stride: 1 },
  ].filter(({ size }) => size > 1);
  return [
    ...window,
    { axis: 2, size: height / rows, stride: rows },
    { axis: 1, size: channels, stride: 1 },
    { axis: 3, size: width / columns, stride: columns },
  ];
}

/** In the arrangement in which the convolution read its input, so that the two meet without moving. */
export const convInputGradForm: Form<"ConvInputGrad"> = (value, placement) => {
  if (!hasInnermostForm(value)) return null;
  const [g, weights] = value.operands as readonly [Value, Value];
  const { constants } = placement;
  const conv = convolutionOf(value);
  const plan = planWinograd(conv);
  const order = inputOrder(value, weights, plan !== null, placement);
  const w = placement.natural(weights);
  return plan
    ? convInputGradWinograd(placement.in(g, outputArrangement(plan)), w, { plan, order, constants })
    : convInputGradColumns(outputOf(g, placement), w, { conv, order, constants });
};

/** The arrangement that the convolution's input had, if that is known. */
function inputOrder(x: Value, weights: Value, isTransformed: boolean, { inputs }: Placement): Arrangement {
  const known = inputs.get(weights);
  const fits = known && sameShape(known.shape, x.shape);
  const isReadable = fits && (!isTransformed || hasOuterRows(known.arrangement, x.shape[2] as number));
  return isReadable ? known.arrangement : axesInOrder(x.shape, [2, 1, 3]);
}

function outputOf(g: Value, placement: Placement): Placed {
  return placement.placed(g) ?? placement.in(g, columnsOrder(g));
}

/** From the unfolded input that the convolution has made. */
export const convWeightGradForm: Form<"ConvWeightGrad"> = (value, placement) => {
  if (!hasInnermostForm(value)) return null;
  const [original, g] = value.operands as readonly [Value, Value];
  const { constants } = placement;
  const conv = convolutionOf(value);
  const plan = planWinograd(conv);
  const x = inputOf(original, plan !== null, placement);
  return plan
    ? convWeightGradWinograd(x, placement.in(g, outputArrangement(plan)), { plan, constants })
    : convWeightGradColumns(x, outputOf(g, placement), { conv, constants });
};
