import {
  apply,
  constant,
  rewrite,
  simplify,
  swapLastAxes,
  topologicalOrder,
  type Value,
  withOperands,
} from "../graph/index.ts";
import { broadcastShapes, elementCount, fromNumbers, sameShape, toNumbers } from "../tensor/index.ts";

/**
 * The graph in the forms that ONNX Runtime's CPU kernels compute fastest: transposed operands read in place, sums folded
 * into the product before them, column sums and the derivative of ReLU as products.
 */
export function fuse(outputs: readonly Value[]): Value[] {
  const untransposed = simplify(rewritePass(outputs, [transposedProduct]));
  const products = rewritePass(untransposed, [columnSum, reluDerivative, sigmoidInFloat64, transposedOperands]);
  return rewritePass(products, [accumulatedProduct]);
}

/** Returns the faster form of a value, or null. `isPrivate` tells whether an operand is used here only. */
type Rule = (value: Value, isPrivate: (operand: Value) => boolean) => Value | null;

function rewritePass(outputs: readonly Value[], rules: readonly Rule[]): Value[] {
  const uses = countUses(outputs);
  const originals = new Map<Value, Value>();
  const isPrivate = (operand: Value) => uses.get(originals.get(operand) ?? operand) === 1;
  return rewrite(outputs, (value, operands) => {
    const current = withOperands(value, operands);
    originals.set(current, value);
    const faster = rules.reduce((best: Value, rule) => rule(best, isPrivate) ?? best, current);
    originals.set(faster, value);
    return faster;
  });
}

function countUses(outputs: readonly Value[]): Map<Value, number> {
  const uses = new Map<Value, number>();
  const use = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const output of outputs) use(output);
  for (const { operands } of topologicalOrder(outputs)) operands.forEach(use);
  return uses;
}

function pair(value: Value): [Value, Value] {
  return value.operands as unknown as [Value, Value];
}

/** The transpose of a product as the product of the transposes, which are read in place. */
const transposedProduct: Rule = (value, isPrivate) => {
  const [product] = value.operands;
  if (product?.op !== "MatMul" || !swapsLastAxes(value) || !isPrivate(product)) return null;
  const [left, right] = pair(product);
  return left.rank === right.rank ? swapLastAxes(right).matmul(swapLastAxes(left)) : null;
};

/** Matrices to Gemm, stacks of float32 matrices to ONNX Runtime's FusedMatMul, where an operand is transposed. */
const transposedOperands: Rule = (value) => {
  if (value.op !== "MatMul") return null;
  const [left, right] = pair(value);
  const [transA, transB] = [swapsLastAxes(left), swapsLastAxes(right)];
  const bare = [transA ? (left.operands[0] as Value) : left, transB ? (right.operands[0] as Value) : right];
  if (left.rank === 2 && right.rank === 2) return apply("Gemm", bare, { transA, transB, alpha: 1, beta: 1 });
  if (value.dtype !== "float32" || (!transA && !transB)) return null;
  return apply("FusedMatMul", bare, { transA, transB, alpha: 1 });
};

function swapsLastAxes(value: Value): boolean {
  if (value.op !== "Transpose") return false;
  const { perm } = (value as Value<"Transpose">).attributes;
  const last = perm.length - 1;
  return perm.every((axis, i) => axis === (i === last ? last - 1 : i === last - 1 ? last : i));
}

/** Sums over rows as a product with ones. */
const columnSum: Rule = (value) => {
  if (value.op !== "ReduceSum") return null;
  const [x] = value.operands as readonly [Value];
  const { axes } = (value as Value<"ReduceSum">).attributes;
  if (x.rank < 2 || axes.length !== 1 || axes[0] !== x.rank - 2) return null;
  const rows = x.shape.at(-2) as number;
  const ones = constant(fromNumbers(x.dtype, new Array(rows).fill(1), [1, rows]));
  return ones.matmul(x).reshape(value.shape);
};

/**
 * `where(y > 0, g, 0)` for the result y of a ReLU, as g times 1 or 0. The step is a clipped line so steep that every
 * normal number comes out as 1: much the fastest of the forms that kernels exist for.
 */
const reluDerivative: Rule = (value) => {
  if (value.op !== "Where") return null;
  const [condition, g, zero] = value.operands as readonly [Value, Value, Value];
  if (condition.op !== "Greater" || !isNumber(zero, 0)) return null;
  const [y, bound] = pair(condition);
  if (y.op !== "Relu" || !isNumber(bound, 0) || !sameShape(y.shape, value.shape)) return null;
  const step =
    value.dtype === "float32"
      ? apply("HardSigmoid", [y], { alpha: largestFloat32, beta: 0 })
      : condition.cast(value.dtype);
  return step.mul(g);
};

/** A matrix added to a product, or from which one is subtracted, as the third operand of Gemm. */
const accumulatedProduct: Rule = (value, isPrivate) => {
  if (value.op !== "Add" && value.op !== "Sub") return null;
  const [left, right] = pair(value);
  if (isBareGemm(right) && isPrivate(right)) return accumulate(right, left, value.op === "Sub" ? -1 : 1);
  if (value.op === "Add" && isBareGemm(left) && isPrivate(left)) return accumulate(left, right, 1);
  return null;
};

function isBareGemm(value: Value): value is Value<"Gemm"> {
  return value.op === "Gemm" && value.operands.length === 2;
}

function accumulate(product: Value<"Gemm">, addend: Value, alpha: number): Value | null {
  if (!sameShape(broadcastShapes(addend.shape, product.shape) ?? [], product.shape)) return null;
  const { transA, transB } = product.attributes;
  const scaled = scaledBy(addend);
  return apply("Gemm", [...product.operands, scaled.value], { transA, transB, alpha, beta: scaled.factor });
}

/** A value times a constant, as both; attributes are float32, so only a factor that is exact there is split off. */
function scaledBy(value: Value): { readonly value: Value; readonly factor: number } {
  const whole = { value, factor: 1 };
  if (value.op !== "Mul") return whole;
  const [x, multiplier] = pair(value);
  if (multiplier.op !== "Constant" || elementCount(multiplier.shape) !== 1) return whole;
  const factor = numberOf(multiplier as Value<"Constant">);
  return Math.fround(factor) === factor ? { value: x, factor } : whole;
}

/** ONNX Runtime's own float64 sigmoid takes twice as long. */
const sigmoidInFloat64: Rule = (value) => {
  if (value.op !== "Sigmoid" || value.dtype !== "float64") return null;
  const [x] = value.operands as readonly [Value];
  return x.neg().exp().add(1).reciprocal();
};

const largestFloat32 = (2 - 2 ** -23) * 2 ** 127;

function isNumber(value: Value, expected: number): boolean {
  if (value.op !== "Constant" || elementCount(value.shape) !== 1) return false;
  return numberOf(value as Value<"Constant">) === expected;
}

function numberOf(value: Value<"Constant">): number {
  return toNumbers(value.attributes.value)[0] as number;
}
