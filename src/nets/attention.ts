import { range, type Value } from "../graph/index.ts";

/**
 * softmax(Q K^T / sqrt(d) + mask) V in every head (Vaswani et al. 2017, arXiv 1706.03762): queries, keys and values
 * [batch, tokens, heads, d] to [batch, tokens, heads d]. There may be fewer heads of keys and values, each then serves
 * as many successive heads of queries (Ainslie et al. 2023, arXiv 2305.13245).
 */
export function attention([query, key, value]: readonly [query: Value, key: Value, value: Value], mask?: Value): Value {
  const [batch, tokens, heads, size] = query.shape as [number, number, number, number];
  const groups = key.shape[2] as number;
  const grouped = (x: Value) =>
    heads === groups ? x : x.reshape([batch, groups, (x.shape[1] as number) / groups, ...x.shape.slice(2)]);
  const queries = grouped(query.transpose([0, 2, 1, 3]));
  const scores = queries.matmul(grouped(key.transpose([0, 2, 3, 1]))).mul(1 / Math.sqrt(size));
  const weights = (mask ? scores.add(mask) : scores).softmax();
  const mixed = weights.matmul(grouped(value.transpose([0, 2, 1, 3])));
  const perHead = heads === groups ? mixed : mixed.reshape([batch, heads, tokens, size]);
  return perHead.transpose([0, 2, 1, 3]).reshape([batch, tokens, heads * size]);
}

/** [batch, tokens, width] as [batch, tokens, heads, width / heads]. */
export function splitHeads(x: Value, heads: number): Value {
  const [batch, tokens, width] = x.shape as [number, number, number];
  return x.reshape([batch, tokens, heads, width / heads]);
}

/** [length, length]: 0 where a token may look, and elsewhere so little that its weight underflows to 0. */
export function causalMask(length: number, { dtype }: Value): Value {
  const positions = range(length);
  return positions.reshape([length, 1]).less(positions).cast(dtype).mul(-1e9);
}
