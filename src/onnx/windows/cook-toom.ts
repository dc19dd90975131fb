/** Matrices as lists of rows. */
export type Matrix = readonly (readonly number[])[];

/**
 * Matrices of a short correlation with few products, y = A^T ((G g) * (B^T d)): `outputs` results of `taps` taps g over
 * outputs + taps - 1 inputs d (Toom-Cook; Winograd 1980; Lavin and Gray 2015, arXiv 1509.09308).
 */
export interface ShortCorrelation {
  readonly outputs: number;
  readonly taps: number;
  /** Number of products, n = outputs + taps - 1. */
  readonly products: number;
  /** A^T [outputs, n]. */
  readonly outputTransform: Matrix;
  /** G [n, taps]. */
  readonly tapTransform: Matrix;
  /** B^T [n, n]. */
  readonly inputTransform: Matrix;
}

/** Points of small numerators and denominators, in the order in which float32 errors grow least; infinity comes last. */
const points: readonly number[] = [0, 1, -1, 0.5, -2, 2, -0.5];

/** The most taps for which float32 results keep their precision: the next points cost three digits. */
export const mostTaps = 5;

/**
 * Evaluates at n - 1 points and at infinity: A^T and G are Vandermonde matrices V, B^T = V^-T. The column of A^T, row of G
 * and row of B^T of each point are scaled by powers of two to about equal norms, which changes no result.
 */
export function shortCorrelation(outputs: number, taps: number): ShortCorrelation {
  const products = outputs + taps - 1;
  const [a, g] = [vandermonde(products, outputs), vandermonde(products, taps)];
  const b = transposed(inverse(vandermonde(products, products)));
  const scales = a.map((_, i) => balance(norm(a[i] as number[]), norm(g[i] as number[]), norm(b[i] as number[])));
  const scaled = (rows: Matrix, of: (i: number) => number) => rows.map((row, i) => row.map((x) => x * of(i)));
  return {
    outputs,
    taps,
    products,
    outputTransform: transposed(scaled(a, (i) => (scales[i] as [number, number])[0])),
    tapTransform: scaled(g, (i) => (scales[i] as [number, number])[1]),
    inputTransform: scaled(b, (i) => 1 / ((scales[i] as [number, number])[0] * (scales[i] as [number, number])[1])),
  };
}

/** Factors for the first two of three norms; the third takes the inverse of their product. */
function balance(a: number, g: number, b: number): [number, number] {
  const mean = Math.cbrt(a * g * b);
  const towards = (size: number) => 2 ** Math.round(Math.log2(mean / size));
  return [towards(a), towards(g)];
}

function norm(row: readonly number[]): number {
  return Math.hypot(...row);
}

/** Powers 0..columns-1 of each point; the row of infinity is the last unit vector. */
function vandermonde(rows: number, columns: number): Matrix {
  const powers = points.slice(0, rows - 1).map((p) => Array.from({ length: columns }, (_, e) => p ** e));
  return [...powers, Array.from({ length: columns }, (_, e) => (e === columns - 1 ? 1 : 0))];
}

export function transposed(matrix: Matrix): Matrix {
  return (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] as number));
}

/** By elimination with the largest pivots. */
function inverse(matrix: Matrix): Matrix {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let c = 0; c < n; c++) {
    const at = (r: number) => Math.abs((rows[r] as number[])[c] as number);
    const pivot = Array.from({ length: n - c }, (_, i) => c + i).reduce((best, r) => (at(r) > at(best) ? r : best), c);
    [rows[c], rows[pivot]] = [rows[pivot] as number[], rows[c] as number[]];
    const scale = (rows[c] as number[])[c] as number;
    const unit = (rows[c] as number[]).map((x) => x / scale);
    for (let r = 0; r < n; r++) {
      const factor = (rows[r] as number[])[c] as number;
      rows[r] = r === c ? unit : (rows[r] as number[]).map((x, i) => x - factor * (unit[i] as number));
    }
  }
  return rows.map((row) => row.slice(n));
}
