import { apply, constant } from "../../graph/index.ts";
import { fromNumbers, normalizeAxis } from "../../tensor/index.ts";
import {
  flagAttribute,
  floatAttribute,
  type Importer,
  knownNumber,
  operand,
  refuse,
  required,
} from "../imported-node.ts";

/** Matrix product; an operand of one axis stands for a row on the left and for a column on the right. */
export const matmul: Importer = (node) => {
  const [a, b] = [operand(node, 0), operand(node, 1)];
  const left = a.rank === 1 ? a.reshape([1, -1]) : a;
  const right = b.rank === 1 ? b.reshape([-1, 1]) : b;
  const product = left.matmul(right);
  if (a.rank > 1 && b.rank > 1) return product;
  const leading = product.shape.slice(0, -2);
  const [rows, columns] = product.shape.slice(-2) as [number, number];
  return product.reshape([...leading, ...(a.rank > 1 ? [rows] : []), ...(b.rank > 1 ? [columns] : [])]);
};

/** ONNX Runtime's matrix product with transposed operands. */
export const fusedMatMul: Importer = (node) => {
  if (flagAttribute(node, "transBatchA") || flagAttribute(node, "transBatchB")) {
    refuse("expected transposed matrices, got transposed batch axes");
  }
  return apply("FusedMatMul", [operand(node, 0), operand(node, 1)], {
    transA: flagAttribute(node, "transA"),
    transB: flagAttribute(node, "transB"),
    alpha: floatAttribute(node, "alpha") ?? 1,
  });
};

/** A scaled product of matrices plus a scaled bias. */
export const gemm: Importer = (node) => {
  const bias = node.operands[2];
  const factors = [operand(node, 0), operand(node, 1)];
  return apply("Gemm", bias ? [...factors, bias] : factors, {
    transA: flagAttribute(node, "transA"),
    transB: flagAttribute(node, "transB"),
    alpha: floatAttribute(node, "alpha") ?? 1,
    beta: floatAttribute(node, "beta") ?? 1,
  });
};

/** Sums of the elements up to each one along an axis. */
export const cumulativeSum: Importer = (node) => {
  const x = operand(node, 0);
  const axis = normalizeAxis(required(knownNumber(node, 1), "an axis"), x.rank, node.opType);
  const [size, last] = [x.shape[axis] as number, x.rank - 1];
  const [isExclusive, isReverse] = [flagAttribute(node, "exclusive"), flagAttribute(node, "reverse")];
  node.spend(size * size);
  const counts = Float64Array.from({ length: size * size }, (_, i) => {
    const [from, to] = [Math.floor(i / size), i % size];
    const ahead = isReverse ? from - to : to - from;
    return ahead > 0 || (ahead === 0 && !isExclusive) ? 1 : 0;
  });
  const swapped = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  const sums = constant(fromNumbers(x.dtype, counts, [size, size]));
  if (x.rank === 1) return x.reshape([1, size]).matmul(sums).reshape([size]);
  return x.transpose(swapped).matmul(sums).transpose(swapped);
};
