import { apply, rewrite, type Value, withOperands } from "../graph/index.ts";

/** Reads transposed operands in place: matrices as Gemm, stacks of float32 matrices as ONNX Runtime's FusedMatMul. */
export function fuseTransposes(outputs: readonly Value[]): Value[] {
  return rewrite(outputs, (value, operands) => fuseOne(withOperands(value, operands)));
}

function fuseOne(value: Value): Value {
  if (value.op !== "MatMul") return value;
  const [left, right] = value.operands as unknown as [Value, Value];
  const [transA, transB] = [swapsLastAxes(left), swapsLastAxes(right)];
  if (!transA && !transB) return value;
  const bare = [transA ? (left.operands[0] as Value) : left, transB ? (right.operands[0] as Value) : right];
  if (left.rank === 2 && right.rank === 2) return apply("Gemm", bare, { transA, transB, alpha: 1, beta: 1 });
  return value.dtype === "float32" ? apply("FusedMatMul", bare, { transA, transB, alpha: 1 }) : value;
}

function swapsLastAxes(value: Value): boolean {
  if (value.op !== "Transpose") return false;
  const { perm } = (value as Value<"Transpose">).attributes;
  const last = perm.length - 1;
  return perm.every((axis, i) => axis === (i === last ? last - 1 : i === last - 1 ? last : i));
}
