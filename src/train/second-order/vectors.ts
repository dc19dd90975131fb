import { dot } from "../../tensor/index.ts";

/** a + factor b */
export function plus(a: Float64Array, b: Float64Array, factor = 1): Float64Array {
  return a.map((x, i) => x + factor * (b[i] as number));
}

/** A x for a matrix [x.length, x.length]. */
export function times(matrix: Float64Array, x: Float64Array): Float64Array {
  const n = x.length;
  return x.map((_, i) => dot(matrix.subarray(i * n, (i + 1) * n), x));
}

/** sum_i weights_i row_i of a matrix with rows as long as `weights`. */
export function combination(rows: Float64Array, weights: Float64Array): Float64Array {
  const n = weights.length;
  const result = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const weight = weights[i] as number;
    for (let j = 0; j < n; j++) result[j] = (result[j] as number) + weight * (rows[i * n + j] as number);
  }
  return result;
}
