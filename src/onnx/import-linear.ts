import { apply, swapLastAxes, type Value } from "../graph/index.ts";
import { formatShape, normalizeAxis } from "../tensor/index.ts";
import {
  flagAttribute,
  floatAttribute,
  type ImportedNode,
  type Importer,
  intAttribute,
  operand,
  refuse,
} from "./import-node.ts";

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

/** Scaled dot-product attention of [batch, heads, tokens, features]. */
export const attention: Importer = (node) => {
  const [q, k, v] = [operand(node, 0), operand(node, 1), operand(node, 2)];
  checkAttention(node, q, k);
  const scale = floatAttribute(node, "scale") ?? 1 / Math.sqrt(q.shape[3] as number);
  const scores = q.matmul(swapLastAxes(k)).mul(scale);
  const mask = node.operands[3];
  const seen = mask ? masked(scores, mask) : scores;
  return (flagAttribute(node, "is_causal") ? causal(seen) : seen).softmax().matmul(v);
};

function checkAttention(node: ImportedNode, q: Value, k: Value): void {
  if (q.rank !== 4 || q.shape[1] !== k.shape[1]) {
    refuse(
      `expected [batch, heads, tokens, features] with as many key as query heads, got ${formatShape(q.shape)} and ${formatShape(k.shape)}`,
    );
  }
  if (node.operands.slice(4).some(Boolean) || floatAttribute(node, "softcap") || node.outputCount > 1) {
    refuse("expected attention without a cache of keys and values and without a soft cap");
  }
}

function masked(scores: Value, mask: Value): Value {
  return mask.dtype === "bool" ? where(mask, scores, Number.NEGATIVE_INFINITY) : scores.add(mask);
}

/** Each token sees itself and those before it. */
function causal(scores: Value): Value {
  const [queries, keys] = scores.shape.slice(-2) as [number, number];
  return where(lowerTriangle(queries, keys, 0), scores, Number.NEGATIVE_INFINITY);
}
