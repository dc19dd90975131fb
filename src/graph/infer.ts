import {
  broadcastShapes,
  checkShape,
  elementCount,
  formatShape,
  isFloat,
  type Shape,
  sameShape,
} from "../tensor/index.ts";
import { windowRules } from "./infer-windows.ts";
import {
  broadcast,
  checkAxis,
  checkIndices,
  exactly,
  type Infer,
  need,
  operand,
  refuse,
  sameType,
  type TypedShape,
} from "./operand-checks.ts";
import type {
  ArithmeticOperator,
  ComparisonOperator,
  Operator,
  OperatorAttributes,
  UnaryOperator,
} from "./operators.ts";

/** Element type and shape of the result of an operator; throws an InputError that names it and all operand shapes. */
export function infer<O extends Operator>(
  op: O,
  operands: readonly TypedShape[],
  attributes: OperatorAttributes[O],
): TypedShape {
  return (rules[op] as Infer<O>)(operands, attributes, op);
}

const unary: Infer<UnaryOperator> = (operands, _, op) => {
  exactly(1, op, operands);
  const [x] = operands as [TypedShape];
  const takesIntegers = op === "Neg" || op === "Abs" || op === "Sign";
  need(isFloat(x.dtype) || (takesIntegers && x.dtype !== "bool"), op, operands, () =>
    takesIntegers ? "expected numbers" : "expected floats",
  );
  return { dtype: x.dtype, shape: x.shape };
};

const arithmetic: Infer<ArithmeticOperator> = (operands, _, op) => {
  exactly(2, op, operands);
  const dtype = sameType(op, operands);
  need(dtype !== "bool", op, operands, () => "expected numbers");
  return { dtype, shape: broadcast(op, operands) };
};

const comparison: Infer<ComparisonOperator> = (operands, _, op) => {
  exactly(2, op, operands);
  sameType(op, operands);
  return { dtype: "bool", shape: broadcast(op, operands) };
};

const logical: Infer<"And" | "Or"> = (operands, _, op) => {
  exactly(2, op, operands);
  need(sameType(op, operands) === "bool", op, operands, () => "expected booleans");
  return { dtype: "bool", shape: broadcast(op, operands) };
};

const reduction: Infer<"ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin"> = (operands, { axes, keepDims }, op) => {
  exactly(1, op, operands);
  const { dtype, shape } = operand(operands, 0);
  for (const axis of axes) checkAxis(op, operands, axis, shape.length);
  need(
    new Set(axes).size === axes.length,
    op,
    operands,
    () => `expected distinct axes instead of ${formatShape(axes)}`,
  );
  const kept = shape.flatMap((size, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [size]));
  return { dtype, shape: kept };
};

const alongAxis: Infer<"Softmax" | "LogSoftmax"> = (operands, { axis }, op) => {
  exactly(1, op, operands);
  const { dtype, shape } = operand(operands, 0);
  need(isFloat(dtype), op, operands, () => "expected floats");
  checkAxis(op, operands, axis, shape.length);
  return { dtype, shape };
};

const matmul: Infer<"MatMul" | "FusedMatMul"> = (operands, attributes, op) => {
  exactly(2, op, operands);
  const dtype = sameType(op, operands);
  const [a, b] = operands.map((x) => x.shape) as [Shape, Shape];
  need(a.length >= 2 && b.length >= 2, op, operands, () => "expected operands of at least two axes");
  const { transA = false, transB = false } = attributes as Partial<OperatorAttributes["FusedMatMul"]>;
  const [rows, inner] = lastTwo(a, transA);
  const [innerB, columns] = lastTwo(b, transB);
  need(inner === innerB, op, operands, () => `expected matching inner sizes, ${inner} is not ${innerB}`);
  const batch =
    broadcastShapes(a.slice(0, -2), b.slice(0, -2)) ??
    refuse(op, operands, "expected leading axes that broadcast together");
  return { dtype, shape: [...batch, rows, columns] };
};

/** Whether NumPy's rule repeats `from` into exactly `to`. */
function broadcastsTo(from: Shape, to: Shape): boolean {
  const shape = broadcastShapes(from, to);
  return shape !== null && sameShape(shape, to);
}

function lastTwo(shape: Shape, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

const gemm: Infer<"Gemm"> = (operands, attributes, op) => {
  need(operands.length === 2 || operands.length === 3, op, operands, () => "expected two or three operands");
  const product = matmul(operands.slice(0, 2), attributes, "FusedMatMul");
  need(product.shape.length === 2, op, operands, () => "expected matrices");
  const bias = operands[2];
  const fits = !bias || broadcastsTo(bias.shape, product.shape);
  need(fits, op, operands, () => `expected a bias that broadcasts to ${formatShape(product.shape)}`);
  return product;
};

const rules: { readonly [O in Operator]: Infer<O> } = {
  Input: (_, { dtype, shape }, op) => {
    checkShape(shape, op);
    return { dtype, shape };
  },
  Constant: (_, { value }) => ({ dtype: value.dtype, shape: value.shape }),
  Opaque: (_, { dtype, shape }, op) => {
    checkShape(shape ?? [], op);
    return { dtype, shape: shape ?? [] };
  },
  Neg: unary,
  Abs: unary,
  Sign: unary,
  Exp: unary,
  Log: unary,
  Sqrt: unary,
  Reciprocal: unary,
  Sin: unary,
  Cos: unary,
  Relu: unary,
  LeakyRelu: unary,
  Sigmoid: unary,
  Tanh: unary,
  Erf: unary,
  Softplus: unary,
  HardSigmoid: unary,
  Gelu: unary,
  Not: (operands, _, op) => {
    exactly(1, op, operands);
    need(operand(operands, 0).dtype === "bool", op, operands, () => "expected booleans");
    return operand(operands, 0);
  },
  Cast: (operands, { to }, op) => {
    exactly(1, op, operands);
    return { dtype: to, shape: operand(operands, 0).shape };
  },
  Add: arithmetic,
  Sub: arithmetic,
  Mul: arithmetic,
  Div: arithmetic,
  Pow: arithmetic,
  Max: arithmetic,
  Min: arithmetic,
  Equal: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  And: logical,
  Or: logical,
  Where: (operands, _, op) => {
    exactly(3, op, operands);
    need(operand(operands, 0).dtype === "bool", op, operands, () => "expected a boolean condition");
    return { dtype: sameType(op, operands.slice(1)), shape: broadcast(op, operands) };
  },
  Surrogate: (operands, _, op) => {
    exactly(2, op, operands);
    const [hard, soft] = operands as [TypedShape, TypedShape];
    need(sameShape(hard.shape, soft.shape), op, operands, () => "expected operands of one shape");
    return { dtype: sameType(op, operands), shape: hard.shape };
  },
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ArgMax: (operands, { axis }, op) => {
    exactly(1, op, operands);
    const { shape } = operand(operands, 0);
    checkAxis(op, operands, axis, shape.length);
    return { dtype: "int64", shape: shape.filter((_, i) => i !== axis) };
  },
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Reshape: (operands, { shape }, op) => {
    exactly(1, op, operands);
    const x = operand(operands, 0);
    checkShape(shape, op);
    need(
      elementCount(x.shape) === elementCount(shape),
      op,
      operands,
      () => `expected the ${elementCount(shape)} elements of ${formatShape(shape)}`,
    );
    return { dtype: x.dtype, shape };
  },
  Transpose: (operands, { perm }, op) => {
    exactly(1, op, operands);
    const { dtype, shape } = operand(operands, 0);
    const isPermutation =
      [...perm].sort((a, b) => a - b).every((axis, i) => axis === i) && perm.length === shape.length;
    need(isPermutation, op, operands, () => `expected a permutation of the axes instead of ${formatShape(perm)}`);
    return { dtype, shape: perm.map((axis) => shape[axis] as number) };
  },
  Expand: (operands, { shape }, op) => {
    exactly(1, op, operands);
    const x = operand(operands, 0);
    checkShape(shape, op);
    const fits = broadcastsTo(x.shape, shape);
    need(fits, op, operands, () => `expected a shape that broadcasts to ${formatShape(shape)}`);
    return { dtype: x.dtype, shape };
  },
  Concat: (operands, { axis }, op) => {
    need(operands.length > 0, op, operands, () => "expected at least one operand");
    const { shape } = operand(operands, 0);
    checkAxis(op, operands, axis, shape.length);
    const fits = operands.every(
      (x) => x.shape.length === shape.length && sameShape(x.shape.with(axis, 0), shape.with(axis, 0)),
    );
    need(fits, op, operands, () => `expected shapes that differ only along axis ${axis}`);
    const total = operands.reduce((sum, x) => sum + (x.shape[axis] as number), 0);
    return { dtype: sameType(op, operands), shape: shape.map((size, i) => (i === axis ? total : size)) };
  },
  Slice: (operands, { starts, ends, steps }, op) => {
    exactly(1, op, operands);
    const { dtype, shape } = operand(operands, 0);
    const fits = shape.every((size, i) => {
      const [start, end, step] = [starts[i], ends[i], steps[i]] as [number, number, number];
      return [start, end, step].every(Number.isInteger) && start >= 0 && start <= end && end <= size && step >= 1;
    });
    const isComplete = [starts, ends, steps].every(({ length }) => length === shape.length);
    const range = () => `${formatShape(starts)} to ${formatShape(ends)} by ${formatShape(steps)}`;
    need(fits && isComplete, op, operands, () => `expected a range inside the tensor instead of ${range()}`);
    const sliced = shape.map((_, i) => Math.ceil(((ends[i] as number) - (starts[i] as number)) / (steps[i] as number)));
    return { dtype, shape: sliced };
  },
  Pad: (operands, { pads }, op) => {
    exactly(1, op, operands);
    const { dtype, shape } = operand(operands, 0);
    const rank = shape.length;
    const fits = pads.length === 2 * rank && pads.every((pad) => Number.isInteger(pad) && pad >= 0);
    need(fits, op, operands, () => `expected ${2 * rank} non-negative pads instead of ${formatShape(pads)}`);
    return { dtype, shape: shape.map((size, i) => size + (pads[i] as number) + (pads[i + rank] as number)) };
  },
  Gather: (operands, { axis }, op) => {
    exactly(2, op, operands);
    const [x, indices] = operands as [TypedShape, TypedShape];
    checkAxis(op, operands, axis, x.shape.length);
    checkIndices(op, operands, indices);
    return { dtype: x.dtype, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] };
  },
  GatherGrad: (operands, { axis, size }, op) => {
    exactly(2, op, operands);
    const [g, indices] = operands as [TypedShape, TypedShape];
    checkIndices(op, operands, indices);
    checkAxis(op, operands, axis, g.shape.length - indices.shape.length + 1);
    const end = axis + indices.shape.length;
    const fits = sameShape(g.shape.slice(axis, end), indices.shape);
    need(fits, op, operands, () => `expected the axes of the indices at axis ${axis}`);
    return { dtype: g.dtype, shape: [...g.shape.slice(0, axis), size, ...g.shape.slice(end)] };
  },
  GatherElements: (operands, { axis }, op) => {
    exactly(2, op, operands);
    const [x, indices] = operands as [TypedShape, TypedShape];
    checkAxis(op, operands, axis, x.shape.length);
    checkIndices(op, operands, indices);
    const fits =
      x.shape.length === indices.shape.length &&
      indices.shape.every((size, i) => i === axis || size <= (x.shape[i] as number));
    need(fits, op, operands, () => `expected indices no larger than the tensor, except along axis ${axis}`);
    return { dtype: x.dtype, shape: indices.shape };
  },
  GatherElementsGrad: (operands, { axis, size }, op) => {
    exactly(2, op, operands);
    const [g, indices] = operands as [TypedShape, TypedShape];
    checkIndices(op, operands, indices);
    checkAxis(op, operands, axis, g.shape.length);
    need(sameShape(g.shape, indices.shape), op, operands, () => "expected operands of one shape");
    return { dtype: g.dtype, shape: g.shape.with(axis, size) };
  },
  MatMul: matmul,
  FusedMatMul: matmul,
  Gemm: gemm,
  ...windowRules,
  BatchNormalization: (operands, _, op) => {
    exactly(5, op, operands);
    const dtype = sameType(op, operands);
    const { shape } = operand(operands, 0);
    need(shape.length >= 2, op, operands, () => "expected [N, C, ...]");
    const channels = shape.slice(1, 2);
    const fits = operands.slice(1).every((x) => sameShape(x.shape, channels));
    need(fits, op, operands, () => `expected scale, bias, mean and variance ${formatShape(channels)}`);
    return { dtype, shape };
  },
  LayerNormalization: (operands, { axis }, op) => {
    need(operands.length === 2 || operands.length === 3, op, operands, () => "expected x, scale and perhaps bias");
    return normalization(op, operands, axis);
  },
  RMSNormalization: (operands, { axis }, op) => {
    exactly(2, op, operands);
    return normalization(op, operands, axis);
  },
};

function normalization(op: Operator, operands: readonly TypedShape[], axis: number): TypedShape {
  const dtype = sameType(op, operands);
  const { shape } = operand(operands, 0);
  checkAxis(op, operands, axis, shape.length);
  const expected = shape.slice(axis);
  const fits = operands.slice(1).every((x) => sameShape(x.shape, expected));
  need(fits, op, operands, () => `expected parameters ${formatShape(expected)}`);
  return { dtype, shape };
}
