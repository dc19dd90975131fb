import { apply, type Value } from "../../graph/index.ts";
import { normalizeAxis } from "../../tensor/index.ts";
import { flagAttribute, floatAttribute, type Importer, intAttribute, operand, refuse } from "../imported-node.ts";

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

const defaultEpsilon = 1e-5;

/** Batch norm with stored statistics. */
export const batchNormalization: Importer = (node) => {
  if (flagAttribute(node, "training_mode")) {
    refuse("expected batch norm with stored statistics, got training mode", "export the model in evaluation mode");
  }
  if (node.attributes.has("spatial") && !flagAttribute(node, "spatial")) {
    refuse("expected batch norm per channel, got spatial 0");
  }
  const operands = [0, 1, 2, 3, 4].map((i) => operand(node, i));
  return apply("BatchNormalization", operands, { epsilon: floatAttribute(node, "epsilon") ?? defaultEpsilon });
};

/** Layer and root-mean-square normalisation, over the axes from `axis` on. */
export function normalization(op: "LayerNormalization" | "RMSNormalization"): Importer {
  return (node) => {
    const x = operand(node, 0);
    const axis = normalizeAxis(intAttribute(node, "axis") ?? -1, x.rank, op);
    const epsilon = floatAttribute(node, "epsilon") ?? defaultEpsilon;
    const present = node.operands.slice(1).filter((value) => value !== undefined);
    const parameters = present.map((value) => expanded(value, x.shape.slice(axis)));
    return apply(op, [x, ...parameters], { axis, epsilon });
  };
}

function expanded(value: Value, shape: readonly number[]): Value {
  return value.shape.join() === shape.join() ? value : value.expand(shape);
}
