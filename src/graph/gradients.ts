import { elementCount, fromNumbers, type Shape, sameShape } from "../tensor/index.ts";
import { type Elementary, swapLastAxes } from "./expansions.ts";
import { refuseOpaque } from "./opaque.ts";
import type { Operator } from "./operators.ts";
import { apply, constant, type Value, where } from "./value.ts";

/**
 * The derivative of one operator: given a node and the gradient of a scalar in its result, the gradients in its
 * operands (null where there is none). `null` instead of a rule: the result does not vary smoothly.
 */
export type GradientRule<O extends Operator> = ((value: Value<O>, g: Value) => readonly (Value | null)[]) | null;

/** Sums a gradient over the axes along which `shape` was broadcast. */
export function sumTo(value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const extra = value.rank - shape.length;
  const axes = value.shape.flatMap((size, axis) =>
    axis < extra || (shape[axis - extra] === 1 && size !== 1) ? axis : [],
  );
  return value.sum(axes).reshape(shape);
}

function first(value: Value): Value {
  return value.operands[0] as Value;
}

function pair(value: Value): [Value, Value] {
  return value.operands as unknown as [Value, Value];
}

/** A rule for an elementwise operator of one operand, from its derivative at x with result y. */
function unary(derivative: (g: Value, x: Value, y: Value) => Value): (value: Value, g: Value) => readonly Value[] {
  return (value, g) => [derivative(g, first(value), value)];
}

/** A rule for a broadcasting operator of two operands, from its two partial derivatives. */
function binary(
  left: (g: Value, a: Value, b: Value, y: Value) => Value,
  right: (g: Value, a: Value, b: Value, y: Value) => Value,
): (value: Value, g: Value) => readonly Value[] {
  return (value, g) => {
    const [a, b] = pair(value);
    return [sumTo(left(g, a, b, value), a.shape), sumTo(right(g, a, b, value), b.shape)];
  };
}

/** A rule for the larger or smaller of two operands; equal ones share the gradient. */
function extremum(leftWins: (a: Value, b: Value) => Value): (value: Value, g: Value) => readonly Value[] {
  const share = (g: Value, wins: Value, a: Value, b: Value) => where(wins, g, where(a.equal(b), g.mul(0.5), 0));
  return binary(
    (g, a, b) => share(g, leftWins(a, b), a, b),
    (g, a, b) => share(g, leftWins(b, a), a, b),
  );
}

function keepDimsShape(shape: Shape, axes: Shape): Shape {
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

const reduceExtremum: GradientRule<"ReduceMax" | "ReduceMin"> = (value, g) => {
  const x = first(value);
  const kept = keepDimsShape(x.shape, value.attributes.axes);
  const hits = x.equal(value.reshape(kept)).cast(x.dtype);
  return [hits.mul(g.reshape(kept).div(hits.sum(value.attributes.axes, { keepDims: true })))];
};

/** Gradient of a stack of matrices: contracts the leading axes in one product where only one operand has them. */
function rightFactorGradient(a: Value, b: Value, g: Value): Value {
  if (b.rank > 2 || a.rank === 2) return sumTo(swapLastAxes(a).matmul(g), b.shape);
  const rows = (value: Value) => value.reshape([elementCount(value.shape.slice(0, -1)), value.shape.at(-1) as number]);
  return rows(a).transpose().matmul(rows(g));
}

function inversePermutation(perm: Shape): number[] {
  const inverse = new Array<number>(perm.length);
  for (const [i, axis] of perm.entries()) inverse[axis] = i;
  return inverse;
}

/** The adjoint of a slice: puts its elements back between zeros. */
function unslice(g: Value, from: Value<"Slice">): Value {
  const { starts, steps } = from.attributes;
  const spread = steps.reduce((value, step, axis) => (step === 1 ? value : dilate(value, axis, step)), g);
  const after = first(from).shape.map((size, i) => size - (starts[i] as number) - (spread.shape[i] as number));
  return spread.pad([...starts, ...after]);
}

/** Puts step - 1 zeros between neighbours along an axis. */
function dilate(value: Value, axis: number, step: number): Value {
  const count = value.shape[axis] as number;
  const indices = constant(
    fromNumbers(
      "int64",
      Array.from({ length: count }, (_, i) => i * step),
    ),
  );
  return apply("GatherGrad", [value, indices], { axis, size: Math.max(0, (count - 1) * step + 1) });
}

function biasGradient(g: Value): Value {
  return g.sum(g.shape.map((_, axis) => axis).filter((axis) => axis !== 1));
}

/** The rule of every operator that is not defined by others. */
export const gradientRules: { readonly [O in Elementary]: GradientRule<O> } = {
  Input: null,
  Constant: null,
  Opaque: refuseOpaque,
  Neg: unary((g) => g.neg()),
  Abs: unary((g, x) => g.mul(x.sign())),
  Sign: null,
  Exp: unary((g, _, y) => g.mul(y)),
  Log: unary((g, x) => g.div(x)),
  Sqrt: unary((g, _, y) => g.div(y).mul(0.5)),
  Reciprocal: unary((g, _, y) => g.mul(y).mul(y).neg()),
  Sin: unary((g, x) => g.mul(x.cos())),
  Cos: unary((g, x) => g.mul(x.sin()).neg()),
  // By the result, not the operand, so that a runtime may compute both in one pass and forget the operand.
  Relu: unary((g, _, y) => where(y.greater(0), g, 0)),
  LeakyRelu: (value, g) => [where(first(value).greater(0), g, g.mul(value.attributes.alpha))],
  Sigmoid: unary((g, _, y) => g.mul(y.sub(y.square()))),
  Tanh: unary((g, _, y) => g.sub(g.mul(y.square()))),
  Erf: unary((g, x) => g.mul(x.square().neg().exp()).mul(2 / Math.sqrt(Math.PI))),
  Softplus: unary((g, x) => g.mul(x.sigmoid())),
  Not: null,
  Cast: unary((g, x) => g.cast(x.dtype)),
  Add: binary(
    (g) => g,
    (g) => g,
  ),
  Sub: binary(
    (g) => g,
    (g) => g.neg(),
  ),
  Mul: binary(
    (g, _, b) => g.mul(b),
    (g, a) => g.mul(a),
  ),
  Div: binary(
    (g, _, b) => g.div(b),
    (g, _, b, y) => g.mul(y).div(b).neg(),
  ),
  Pow: binary(
    (g, a, b) => g.mul(b).mul(a.pow(b.sub(1))),
    (g, a, _, y) => g.mul(y).mul(a.log()),
  ),
  Max: extremum((a, b) => a.greater(b)),
  Min: extremum((a, b) => a.less(b)),
  Equal: null,
  Less: null,
  LessOrEqual: null,
  Greater: null,
  GreaterOrEqual: null,
  And: null,
  Or: null,
  Where: (value, g) => {
    const [condition, a, b] = value.operands as readonly [Value, Value, Value];
    return [null, sumTo(where(condition, g, 0), a.shape), sumTo(where(condition, 0, g), b.shape)];
  },
  Surrogate: (_, g) => [null, g],

  ReduceSum: (value, g) => {
    const x = first(value);
    return [g.reshape(keepDimsShape(x.shape, value.attributes.axes)).expand(x.shape)];
  },
  ReduceMean: (value, g) => {
    const x = first(value);
    const count = elementCount(x.shape) / elementCount(value.shape);
    return [g.div(count).reshape(keepDimsShape(x.shape, value.attributes.axes)).expand(x.shape)];
  },
  ReduceMax: reduceExtremum,
  ReduceMin: reduceExtremum,
  ArgMax: null,
  Softmax: (value, g) => [value.mul(g.sub(g.mul(value).sum(value.attributes.axis, { keepDims: true })))],
  LogSoftmax: (value, g) => [g.sub(value.exp().mul(g.sum(value.attributes.axis, { keepDims: true })))],

  Reshape: (value, g) => [g.reshape(first(value).shape)],
  Transpose: (value, g) => [g.transpose(inversePermutation(value.attributes.perm))],
  Expand: (value, g) => [sumTo(g, first(value).shape)],
  Concat: (value, g) => {
    const { axis } = value.attributes;
    let start = 0;
    return value.operands.map(({ shape }) => {
      const end = start + (shape[axis] as number);
      const piece = g.slice(axis, start, end);
      start = end;
      return piece;
    });
  },
  Slice: (value, g) => [unslice(g, value)],
  Pad: (value, g) => {
    const { starts, ends } = padWindow(first(value).shape, value.attributes.pads);
    return [apply("Slice", [g], { starts, ends, steps: starts.map(() => 1) })];
  },
  Gather: (value, g) => {
    const [x, indices] = pair(value);
    const { axis } = value.attributes;
    return [apply("GatherGrad", [g, indices], { axis, size: x.shape[axis] as number }), null];
  },
  GatherGrad: (value, g) => [g.gather(pair(value)[1], value.attributes.axis), null],
  GatherElements: (value, g) => {
    const [x, indices] = pair(value);
    const { axis } = value.attributes;
    const sums = apply("GatherElementsGrad", [g, indices], { axis, size: x.shape[axis] as number });
    // Indices may cover only the beginning of the other axes.
    const rest = x.shape.map((size, i) => size - (sums.shape[i] as number));
    return [rest.some((size) => size > 0) ? sums.pad([...rest.map(() => 0), ...rest]) : sums, null];
  },
  GatherElementsGrad: (value, g) => [g.gatherElements(pair(value)[1], value.attributes.axis), null],

  MatMul: (value, g) => {
    const [a, b] = pair(value);
    return [sumTo(g.matmul(swapLastAxes(b)), a.shape), rightFactorGradient(a, b, g)];
  },

  Conv: (value, g) => {
    const [x, w, bias] = value.operands as readonly [Value, Value, Value?];
    const { attributes } = value;
    const inputGrad = apply("ConvInputGrad", [g, w], { ...attributes, inputShape: x.shape });
    const weightGrad = apply("ConvWeightGrad", [x, g], { ...attributes, weightShape: w.shape });
    return bias ? [inputGrad, weightGrad, biasGradient(g)] : [inputGrad, weightGrad];
  },
  ConvInputGrad: (value, h) => {
    const [g, w] = pair(value);
    const { inputShape: _, ...conv } = value.attributes;
    return [apply("Conv", [h, w], conv), apply("ConvWeightGrad", [h, g], { ...conv, weightShape: w.shape })];
  },
  ConvWeightGrad: (value, h) => {
    const [x, g] = pair(value);
    const { weightShape: _, ...conv } = value.attributes;
    return [apply("ConvInputGrad", [g, h], { ...conv, inputShape: x.shape }), apply("Conv", [x, h], conv)];
  },
  MaxPool: (value, g) => [apply("MaxPoolGrad", [first(value), g], value.attributes)],
  MaxPoolGrad: (value, h) => [null, apply("MaxPoolGather", [first(value), h], value.attributes)],
  MaxPoolGather: (value, g) => [null, apply("MaxPoolGrad", [first(value), g], value.attributes)],
  AveragePool: (value, g) => [apply("AveragePoolGrad", [g], { ...value.attributes, inputShape: first(value).shape })],
  AveragePoolGrad: (value, h) => {
    const { inputShape: _, ...pool } = value.attributes;
    return [apply("AveragePool", [h], pool)];
  },
};

function padWindow(shape: Shape, pads: Shape): { starts: Shape; ends: Shape } {
  const starts = pads.slice(0, shape.length);
  return { starts, ends: shape.map((size, axis) => size + (starts[axis] as number)) };
}
