import { swapLastAxes, type Value, where } from "../../graph/index.ts";
import { formatShape } from "../../tensor/index.ts";
import { flagAttribute, floatAttribute, type ImportedNode, type Importer, operand, refuse } from "../imported-node.ts";
import { lowerTriangle } from "./constants.ts";

/** Scaled dot-product attention of [batch, heads, tokens, features]. */
export const attention: Importer = (node) => {
  const [q, k, v] = [operand(node, 0), operand(node, 1), operand(node, 2)];
  checkAttention(node, q, k);
  const scale = floatAttribute(node, "scale") ?? 1 / Math.sqrt(q.shape[3] as number);
  const scores = q.matmul(swapLastAxes(k)).mul(scale);
  const mask = node.operands[3];
  const seen = mask ? masked(scores, mask) : scores;
  return (flagAttribute(node, "is_causal") ? causal(node, seen) : seen).softmax().matmul(v);
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
function causal(node: ImportedNode, scores: Value): Value {
  return where(lowerTriangle(node, scores, 0), scores, Number.NEGATIVE_INFINITY);
}
