import { dot, fold, norm, type RngKey, uniform } from "../../tensor/index.ts";

/** A vector of parameters in the element type that its products are computed in; sums over it are in float64. */
export type Vector = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** A vector of zeros. */
export function zeroVector(dtype: "float32" | "float64", size: number): Vector {
  return dtype === "float32" ? new Float32Array(size) : new Float64Array(size);
}

/** into <- into + factor a */
export function addScaled(into: Vector, a: Vector, factor: number): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) + factor * (a[i] as number);
}

/** a <- factor a */
export function scale(a: Vector, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] = factor * (a[i] as number);
}

/** Rows that are read together: reading w once for all of them makes the loops three times as fast. */
const rowsAtOnce = 4;

/** The products of w with all rows. */
export function overlaps(rows: readonly Vector[], w: Vector): Float64Array<ArrayBuffer> {
  const result = new Float64Array(rows.length);
  const whole = rows.length - (rows.length % rowsAtOnce);
  for (let k = 0; k < whole; k += rowsAtOnce) {
    const [a, b, c, d] = rows.slice(k, k + rowsAtOnce) as [Vector, Vector, Vector, Vector];
    let [sa, sb, sc, sd] = [0, 0, 0, 0];
    for (let i = 0; i < w.length; i++) {
      const x = w[i] as number;
      sa += (a[i] as number) * x;
      sb += (b[i] as number) * x;
      sc += (c[i] as number) * x;
      sd += (d[i] as number) * x;
    }
    result.set([sa, sb, sc, sd], k);
  }
  for (let k = whole; k < rows.length; k++) result[k] = dot(rows[k] as Vector, w);
  return result;
}

/** into <- into + sum_k weights_k rows_k */
export function addCombination(into: Vector, rows: readonly Vector[], weights: ArrayLike<number>): void {
  const whole = rows.length - (rows.length % rowsAtOnce);
  for (let k = 0; k < whole; k += rowsAtOnce) {
    const [a, b, c, d] = rows.slice(k, k + rowsAtOnce) as [Vector, Vector, Vector, Vector];
    const [fa, fb, fc, fd] = [weights[k], weights[k + 1], weights[k + 2], weights[k + 3]] as [
      number,
      number,
      number,
      number,
    ];
    for (let i = 0; i < into.length; i++) {
      const low = fa * (a[i] as number) + fb * (b[i] as number);
      into[i] = (into[i] as number) + (low + (fc * (c[i] as number) + fd * (d[i] as number)));
    }
  }
  for (let k = whole; k < rows.length; k++) addScaled(into, rows[k] as Vector, weights[k] as number);
}

/** One pass leaves what rounding makes of the part taken out; the second is enough where that was most of the vector. */
const mostPasses = 3;

/** Takes the part along orthonormal rows out of w, in place, and returns the products that it had with them. */
export function orthogonalize(w: Vector, rows: readonly Vector[]): Float64Array<ArrayBuffer> {
  const total = new Float64Array(rows.length);
  let before = norm(w);
  for (let pass = 0; pass < mostPasses; pass++) {
    const parts = overlaps(rows, w);
    addCombination(
      w,
      rows,
      parts.map((x) => -x),
    );
    addScaled(total, parts, 1);
    const after = norm(w);
    if (!(after <= before / 2)) break;
    before = after;
  }
  return total;
}

/** Independent signs, +1 or -1. */
export function randomSigns(key: RngKey, dtype: "float32" | "float64", size: number): Vector {
  const { data } = uniform(key, [size]);
  const signs = zeroVector(dtype, size);
  for (let i = 0; i < size; i++) signs[i] = (data[i] as number) < 0.5 ? -1 : 1;
  return signs;
}

/** Vectors of random signs with numbers from `start` on, each of a key of its own. */
export function randomProbes(
  key: RngKey,
  { dtype, size }: { readonly dtype: "float32" | "float64"; readonly size: number },
  { start = 0, count }: { readonly start?: number; readonly count: number },
): Vector[] {
  return Array.from({ length: count }, (_, i) => randomSigns(fold(key, start + i), dtype, size));
}
