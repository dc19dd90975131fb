import { factorial } from "./factorial.ts";
import { checkWhole } from "./whole.ts";

/** S(n, 0), .., S(n, n): partitions of n things into k groups, Stirling numbers of the second kind. */
export function stirlingRow(n: number): bigint[] {
  checkWhole("n", n);
  let row = [1n];
  for (let size = 1; size <= n; size++) {
    const above = row;
    row = Array.from({ length: size + 1 }, (_, k) => BigInt(k) * (above[k] ?? 0n) + (above[k - 1] ?? 0n));
  }
  return row;
}

/** S(k, k), S(k + 1, k), .., S(k + depth, k): along the diagonal these take k times depth steps, not k + depth squared. */
export function stirlingColumn(k: number, depth: number): bigint[] {
  checkWhole("k", k);
  checkWhole("depth", depth);
  const column = Array.from({ length: depth + 1 }, (_, d) => (d === 0 ? 1n : 0n));
  for (let next = 1; next <= k; next++) advanceColumn(column, next, depth);
  return column;
}

/** Turns S(k - 1 + d, k - 1) into S(k + d, k) for d <= depth, in place: S(n, k) = k S(n - 1, k) + S(n - 1, k - 1). */
export function advanceColumn(column: bigint[], k: number, depth: number): void {
  const factor = BigInt(k);
  for (let d = 1; d <= depth; d++) column[d] = factor * (column[d - 1] as bigint) + (column[d] as bigint);
}

/** Bell(0), .., Bell(n): partitions of n things into any number of groups, by the Bell triangle. */
export function bellNumbers(n: number): bigint[] {
  checkWhole("n", n);
  const bells = [1n];
  let row = [1n];
  while (bells.length <= n) {
    const next = [row.at(-1) as bigint];
    for (const above of row) next.push((next.at(-1) as bigint) + above);
    row = next;
    bells.push(row[0] as bigint);
  }
  return bells;
}

/** Surjections of n things onto k: k! S(n, k). */
export function surjectionCount(n: number, k: number): bigint {
  checkWhole("n", n);
  checkWhole("k", k);
  return k > n ? 0n : factorial(k) * (stirlingColumn(k, n - k).at(-1) as bigint);
}
