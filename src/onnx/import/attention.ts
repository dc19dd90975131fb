import { swapLastAxes, type Value, where } from "../../graph/index.ts";
import { formatShape } from "../../tensor/index.ts";
import { flagAttribute, floatAttribute, type ImportedNode, type Importer, operand, refuse } from "../imported-node.ts";
import { lowerTriangle } from "./constants.ts";

/** Scaled dot-product attention of [batch, heads, tokens, features]. */
export const attention: Importer = (node) => {
  const q = operand(node, 0);
  checkAttention(node, q, operand(node, 1));
  const [k, v] = [1, 2].map((i) => perQueryHead(operand(node, i), q.shape[1] as number)) as [Value, Value];
  const scale = floatAttribute(node, "scale") ?? 1 / Math.sqrt(q.shape[3] as number);
  const scores = q.matmul(swapLastAxes(k)).mul(scale);
  const mask = node.operands[3];
  const biased = mask && mask.dtype !== "bool" ? scores.add(mask) : scores;
  return visibleSoftmax(biased, visibility(node, scores)).matmul(v);
};

/** Heads of keys or values, each as often as there are query heads that share it. */
function perQueryHead(x: Value, queryHeads: number): Value {
  const [batch, heads, tokens, features] = x.shape as [number, number, number, number];
  if (heads === queryHeads) return x;
  const shared = [batch, heads, queryHeads / heads, tokens, features];
  return x.reshape([batch, heads, 1, tokens, features]).expand(shared).reshape([batch, queryHeads, tokens, features]);
}

/** Which keys each query sees; undefined where it sees all. */
function visibility(node: ImportedNode, scores: Value): Value | undefined {
  const mask = node.operands[3]?.dtype === "bool" ? node.operands[3] : undefined;
  if (!flagAttribute(node, "is_causal")) return mask;
  const past = lowerTriangle(node, scores, 0);
  return mask ? mask.and(past) : past;
}

/** A query that sees nothing attends to nothing. */
function visibleSoftmax(scores: Value, visible: Value | undefined): Value {
  return visible ? where(visible, where(visible, scores, Number.NEGATIVE_INFINITY).softmax(), 0) : scores.softmax();
}

function checkAttention(node: ImportedNode, q: Value, k: Value): void {
  if (q.rank !== 4 || k.rank !== 4 || (q.shape[1] as number) % (k.shape[1] as number) !== 0) {
    refuse(
      `expected [batch, heads, tokens, features] with query heads in groups of one key head, got ${formatShape(q.shape)} and ${formatShape(k.shape)}`,
    );
  }
  if (node.operands.slice(4).some(Boolean) || floatAttribute(node, "softcap") || node.outputCount > 1) {
    refuse("expected attention without a cache of keys and values and without a soft cap");
  }
}
