import { check, InputError } from "../errors.ts";
import {
  type DType,
  elementCount,
  formatShape,
  fromNumbers,
  isFloat,
  normalizeAxis,
  type Shape,
  type Tensor,
} from "../tensor/index.ts";
import { infer } from "./infer.ts";
import type { Operator, OperatorAttributes } from "./operators.ts";

/** Something that can stand beside a value in an expression: a number takes the other operand's element type. */
export type Operand = Value | number;

/**
 * One node of an immutable expression graph: an operator, its operands and attributes, and the element type and shape
 * inferred for its result. Methods build further nodes: `x.matmul(w).add(b).relu()`.
 */
export class Value<O extends Operator = Operator> {
  readonly op: O;
  readonly operands: readonly Value[];
  readonly attributes: OperatorAttributes[O];
  readonly dtype: DType;
  readonly shape: Shape;

  constructor(op: O, operands: readonly Value[], attributes: OperatorAttributes[O]) {
    const { dtype, shape } = infer(op, operands, attributes);
    this.op = op;
    this.operands = operands;
    this.attributes = attributes;
    this.dtype = dtype;
    this.shape = shape;
  }

  /** The same operator, with the same attributes, on other operands. */
  on(operands: readonly Value[]): Value<O> {
    return new Value(this.op, operands, this.attributes);
  }

  get rank(): number {
    return this.shape.length;
  }

  add(other: Operand): Value {
    return apply("Add", [this, like(this, other)]);
  }
  sub(other: Operand): Value {
    return apply("Sub", [this, like(this, other)]);
  }
  mul(other: Operand): Value {
    return apply("Mul", [this, like(this, other)]);
  }
  div(other: Operand): Value {
    return apply("Div", [this, like(this, other)]);
  }
  pow(other: Operand): Value {
    return apply("Pow", [this, like(this, other)]);
  }
  maximum(other: Operand): Value {
    return apply("Max", [this, like(this, other)]);
  }
  minimum(other: Operand): Value {
    return apply("Min", [this, like(this, other)]);
  }
  equal(other: Operand): Value {
    return apply("Equal", [this, like(this, other)]);
  }
  less(other: Operand): Value {
    return apply("Less", [this, like(this, other)]);
  }
  lessOrEqual(other: Operand): Value {
    return apply("LessOrEqual", [this, like(this, other)]);
  }
  greater(other: Operand): Value {
    return apply("Greater", [this, like(this, other)]);
  }
  greaterOrEqual(other: Operand): Value {
    return apply("GreaterOrEqual", [this, like(this, other)]);
  }
  and(other: Value): Value {
    return apply("And", [this, other]);
  }
  or(other: Value): Value {
    return apply("Or", [this, other]);
  }
  not(): Value {
    return apply("Not", [this]);
  }

  neg(): Value {
    return apply("Neg", [this]);
  }
  abs(): Value {
    return apply("Abs", [this]);
  }
  sign(): Value {
    return apply("Sign", [this]);
  }
  exp(): Value {
    return apply("Exp", [this]);
  }
  log(): Value {
    return apply("Log", [this]);
  }
  sqrt(): Value {
    return apply("Sqrt", [this]);
  }
  reciprocal(): Value {
    return apply("Reciprocal", [this]);
  }
  sin(): Value {
    return apply("Sin", [this]);
  }
  cos(): Value {
    return apply("Cos", [this]);
  }
  relu(): Value {
    return apply("Relu", [this]);
  }
  leakyRelu(alpha = 0.01): Value {
    return apply("LeakyRelu", [this], { alpha });
  }
  sigmoid(): Value {
    return apply("Sigmoid", [this]);
  }
  tanh(): Value {
    return apply("Tanh", [this]);
  }
  erf(): Value {
    return apply("Erf", [this]);
  }
  softplus(): Value {
    return apply("Softplus", [this]);
  }
  gelu(approximate: "none" | "tanh" = "none"): Value {
    return apply("Gelu", [this], { approximate });
  }
  silu(): Value {
    return this.mul(this.sigmoid());
  }
  square(): Value {
    return this.mul(this);
  }
  cast(to: DType): Value {
    return to === this.dtype ? this : apply("Cast", [this], { to });
  }

  sum(axes?: number | Shape, options: { readonly keepDims?: boolean } = {}): Value {
    return reduce("ReduceSum", this, axes, options.keepDims);
  }
  mean(axes?: number | Shape, options: { readonly keepDims?: boolean } = {}): Value {
    return reduce("ReduceMean", this, axes, options.keepDims);
  }
  max(axes?: number | Shape, options: { readonly keepDims?: boolean } = {}): Value {
    return reduce("ReduceMax", this, axes, options.keepDims);
  }
  min(axes?: number | Shape, options: { readonly keepDims?: boolean } = {}): Value {
    return reduce("ReduceMin", this, axes, options.keepDims);
  }
  argMax(axis = -1): Value {
    return apply("ArgMax", [this], { axis: normalizeAxis(axis, this.rank, "ArgMax") });
  }
  softmax(axis = -1): Value {
    return apply("Softmax", [this], { axis: normalizeAxis(axis, this.rank, "Softmax") });
  }
  logSoftmax(axis = -1): Value {
    return apply("LogSoftmax", [this], { axis: normalizeAxis(axis, this.rank, "LogSoftmax") });
  }

  /** The same elements under another shape; one size may be -1 and is worked out. */
  reshape(shape: Shape): Value {
    return apply("Reshape", [this], { shape: resolveShape(this.shape, shape) });
  }
  /** Axis i of the result is axis `perm[i]` of this value; without `perm` the axes are reversed. */
  transpose(perm: Shape = this.shape.map((_, i) => this.rank - 1 - i)): Value {
    return apply("Transpose", [this], { perm });
  }
  expand(shape: Shape): Value {
    return apply("Expand", [this], { shape });
  }
  /** Flattens the axes from `axis` on into one. */
  flatten(axis = 1): Value {
    return this.reshape([...this.shape.slice(0, axis), elementCount(this.shape.slice(axis))]);
  }
  /** The range `start..end` (every `step`-th) of one axis; a negative or missing bound counts from the end. */
  slice(axis: number, start: number, end?: number, step = 1): Value {
    const at = normalizeAxis(axis, this.rank, "Slice");
    const size = this.shape[at] as number;
    const bound = (index: number) => (index < 0 ? index + size : index);
    return apply("Slice", [this], {
      starts: this.shape.map((_, i) => (i === at ? bound(start) : 0)),
      ends: this.shape.map((full, i) => (i === at ? bound(end ?? size) : full)),
      steps: this.shape.map((_, i) => (i === at ? step : 1)),
    });
  }
  /** Zeros around the tensor: all begins, then all ends. */
  pad(pads: Shape): Value {
    return apply("Pad", [this], { pads });
  }
  gather(indices: Value, axis = 0): Value {
    return apply("Gather", [this, indices], { axis: normalizeAxis(axis, this.rank, "Gather") });
  }
  gatherElements(indices: Value, axis: number): Value {
    return apply("GatherElements", [this, indices], { axis: normalizeAxis(axis, this.rank, "GatherElements") });
  }
  matmul(other: Value): Value {
    return apply("MatMul", [this, other]);
  }
}

type NoAttributes = { [O in Operator]: Record<never, never> extends OperatorAttributes[O] ? O : never }[Operator];

/** The node `op(operands)`; operators without attributes need none. */
export function apply<O extends NoAttributes>(op: O, operands: readonly Value[]): Value<O>;
export function apply<O extends Operator>(
  op: O,
  operands: readonly Value[],
  attributes: OperatorAttributes[O],
): Value<O>;
export function apply<O extends Operator>(
  op: O,
  operands: readonly Value[],
  attributes = {} as OperatorAttributes[O],
): Value<O> {
  return new Value(op, operands, attributes);
}

/** A named tensor to be given when the graph is run. */
export function input(name: string, dtype: DType, shape: Shape): Value<"Input"> {
  return apply("Input", [], { name, dtype, shape });
}

/** A tensor that is part of the graph. */
export function constant(value: Tensor): Value<"Constant"> {
  return apply("Constant", [], { value });
}

/** A scalar that is part of the graph. */
export function scalar(value: number, dtype: DType = "float32"): Value<"Constant"> {
  return constant(fromNumbers(dtype, [value], []));
}

/** A value of one number everywhere. */
export function fill(value: number, dtype: DType, shape: Shape): Value {
  return shape.length === 0 ? scalar(value, dtype) : scalar(value, dtype).expand(shape);
}

/** The whole numbers 0..length-1. */
export function range(length: number, dtype: DType = "int64"): Value {
  const counts = Array.from({ length }, (_, i) => i);
  return constant(fromNumbers(dtype, counts));
}

/** `condition ? a : b`, element by element. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  const typed = typeof a === "number" ? b : a;
  check(typeof typed !== "number", () => ({
    code: "bad-operands",
    where: "Where",
    message: "expected a value for at least one branch, got two numbers",
  }));
  return apply("Where", [condition, like(typed, a), like(typed, b)]);
}

/** Joins values along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (!first) throw new InputError({ code: "bad-operands", where: "Concat", message: "expected at least one value" });
  return values.length === 1 ? first : apply("Concat", values, { axis: normalizeAxis(axis, first.rank, "Concat") });
}

/** The operand as a value; a number becomes a scalar of the element type of `value`. */
function like(value: Value, other: Operand): Value {
  if (typeof other !== "number") return other;
  check(isFloat(value.dtype) || Number.isInteger(other), () => ({
    code: "bad-operands",
    where: "scalar",
    message: `expected a whole number beside ${value.dtype} ${formatShape(value.shape)}, got ${other}`,
  }));
  return scalar(other, value.dtype);
}

function reduce(
  op: "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin",
  value: Value,
  axes: number | Shape = value.shape.map((_, axis) => axis),
  keepDims = false,
): Value {
  const list = typeof axes === "number" ? [axes] : axes;
  const normal = list.map((axis) => normalizeAxis(axis, value.rank, op)).sort((a, b) => a - b);
  return normal.length === 0 ? value : apply(op, [value], { axes: normal, keepDims });
}

function resolveShape(from: Shape, to: Shape): Shape {
  const hole = to.indexOf(-1);
  if (hole < 0) return to;
  const known = to.reduce((product, size, i) => (i === hole ? product : product * size), 1);
  const total = elementCount(from);
  check(known > 0 && total % known === 0, () => ({
    code: "bad-operands",
    where: "Reshape",
    message: `${formatShape(from)} cannot be reshaped to ${formatShape(to)}`,
  }));
  return to.map((size, i) => (i === hole ? total / known : size));
}
