import { fold, normal, type RngKey } from "../tensor/index.ts";

/**
 * A random orthogonal n x n matrix, row-major, with the uniform (Haar) distribution: a product of reflections in
 * normal vectors of 2, 3, ..., n entries (Stewart 1980, SIAM J. Numer. Anal. 17, 403).
 */
export function randomOrthogonal(key: RngKey, n: number): Float64Array {
  const matrix = diagonal(normal(fold(key, "signs"), [n], { dtype: "float64" }).data.map(Math.sign));
  for (let length = 2; length <= n; length++) {
    const v = new Float64Array(n);
    v.set(normal(fold(key, "reflection", length), [length], { dtype: "float64" }).data, n - length);
    reflectRows(matrix, v);
  }
  return matrix;
}

/** A random orthogonal n x n matrix that keeps the vector of ones, uniform among these. */
export function randomMeanKeeping(key: RngKey, n: number): Float64Array {
  const inner = randomOrthogonal(key, n - 1);
  const matrix = diagonal(new Float64Array(n).fill(1));
  for (let i = 1; i < n; i++) matrix.set(inner.subarray((i - 1) * (n - 1), i * (n - 1)), i * n + 1);
  // The reflection that swaps the ones, at length 1, with the first unit vector.
  const v = new Float64Array(n).fill(1 / Math.sqrt(n));
  v[0] = (v[0] as number) - 1;
  reflectRows(matrix, v);
  return transposed(reflectRows(transposed(matrix, n), v), n);
}

/** A square matrix with the given diagonal. */
export function diagonal(entries: ArrayLike<number>): Float64Array {
  const n = entries.length;
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) matrix[i * n + i] = entries[i] as number;
  return matrix;
}

/** The product of two n x n matrices. */
export function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = result.subarray(i * n, (i + 1) * n);
    for (let j = 0; j < n; j++) addScaled(row, b.subarray(j * n, (j + 1) * n), a[i * n + j] as number);
  }
  return result;
}

/** The transpose of an n x n matrix. */
export function transposed(matrix: Float64Array, n: number): Float64Array {
  return matrix.map((_, at) => matrix[(at % n) * n + Math.floor(at / n)] as number);
}

/** The inverse of an n x n matrix by elimination with row pivots; null where it is singular. */
export function inverted(matrix: Float64Array, n: number): Float64Array | null {
  const rows: Float64Array[] = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(2 * n);
    row.set(matrix.subarray(i * n, (i + 1) * n));
    row[n + i] = 1;
    return row;
  });
  for (let k = 0; k < n; k++) {
    const sizes = rows.map((row, i) => (i < k ? -1 : Math.abs(row[k] as number)));
    const largest = sizes.indexOf(sizes.reduce((a, b) => Math.max(a, b)));
    const pivot = rows[largest]?.[k];
    if (!pivot) return null;
    [rows[k], rows[largest]] = [rows[largest] as Float64Array, rows[k] as Float64Array];
    const own = (rows[k] as Float64Array).map((x) => x / pivot);
    for (const [i, row] of rows.entries()) if (i !== k) addScaled(row, own, -(row[k] as number));
    rows[k] = own;
  }
  const inverse = new Float64Array(n * n);
  for (const [i, row] of rows.entries()) inverse.set(row.subarray(n), i * n);
  return inverse;
}

/** M - 2 v v' M / v' v, in place. */
function reflectRows(matrix: Float64Array, v: Float64Array): Float64Array {
  const n = v.length;
  const square = v.reduce((sum, x) => sum + x * x, 0);
  if (square === 0) return matrix;
  const row = (i: number) => matrix.subarray(i * n, (i + 1) * n);
  const projection = new Float64Array(n);
  for (const [i, x] of v.entries()) if (x !== 0) addScaled(projection, row(i), x);
  for (const [i, x] of v.entries()) if (x !== 0) addScaled(row(i), projection, (-2 * x) / square);
  return matrix;
}

function addScaled(target: Float64Array, source: Float64Array, scale: number): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) + scale * (source[i] as number);
}
