import type { Value } from "../graph/index.ts";

/** Operands of `attention`. */
export interface AttentionOptions {
  readonly heads: number;
  /** Added to the scores [tokens, tokens] of every head. */
  readonly mask?: Value;
}

/**
 * softmax(Q K^T / sqrt(d)) V in every head (Vaswani et al. 2017, arXiv 1706.03762): queries, keys and values
 * [batch, tokens, width], of which each head takes d = width / heads columns.
 */
export function attention(
  [query, key, value]: readonly [query: Value, key: Value, value: Value],
  { heads, mask }: AttentionOptions,
): Value {
  const [batch, tokens, width] = query.shape as [number, number, number];
  const split = (x: Value) => x.reshape([batch, tokens, heads, width / heads]);
  const queries = split(query).transpose([0, 2, 1, 3]);
  const scores = queries.matmul(split(key).transpose([0, 2, 3, 1])).mul(1 / Math.sqrt(width / heads));
  const weights = (mask ? scores.add(mask) : scores).softmax();
  const mixed = weights.matmul(split(value).transpose([0, 2, 1, 3]));
  return mixed.transpose([0, 2, 1, 3]).reshape([batch, tokens, width]);
}
