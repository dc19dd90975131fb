import { fold, norm, normal, type RngKey } from "../../tensor/index.ts";
import { symmetricEigen } from "../../train/index.ts";
import { checkFinite } from "./finite.ts";
import type { SymmetricOperator } from "./symmetric-operator.ts";
import { addCombination, orthogonalize, scale, type Vector, zeroVector } from "./vectors.ts";

/**
 * A space with an orthonormal basis V, and a symmetric matrix H projected to it. All coefficients are kept, so that the
 * space may go on from any vectors, not only from those of one recurrence:
 *
 *     H v_k = sum_i projected[i, k] v_i + residual    for the newest k
 */
export interface KrylovSpace {
  readonly dtype: "float32" | "float64";
  readonly size: number;
  /** Most basis vectors. */
  readonly capacity: number;
  readonly basis: readonly Vector[];
  /** V' H V [capacity, capacity], known for all basis vectors but the newest until that has been multiplied. */
  readonly projected: Float64Array;
  /** What of H times the newest basis vector lies outside of the space; null before that product. */
  readonly residual: Vector | null;
}

/** The space of one vector, which is normalised. */
export function spaceOf(
  start: Vector,
  { size, dtype }: Pick<SymmetricOperator, "size" | "dtype">,
  capacity: number,
): KrylovSpace {
  const empty = { dtype, size, capacity, basis: [], projected: new Float64Array(capacity ** 2), residual: null };
  return withVector(empty, start);
}

/** The space with the direction of one more vector, which is orthogonal to it; the vector is normalised in place. */
export function withVector(space: KrylovSpace, vector: Vector): KrylovSpace {
  scale(vector, 1 / norm(vector));
  return { ...space, basis: [...space.basis, vector], residual: null };
}

/** The space once the product of H with its newest basis vector is known; the product is used up. */
export function withProduct(space: KrylovSpace, product: Vector): KrylovSpace {
  const { basis, capacity, projected } = space;
  const k = basis.length - 1;
  const coefficients = orthogonalize(product, basis);
  checkFinite("product with the Hessian", coefficients[k] as number);
  for (const [i, x] of coefficients.entries()) {
    projected[i * capacity + k] = x;
    projected[k * capacity + i] = x;
  }
  return { ...space, residual: product };
}

/** The residual of the space; null where it is nothing but rounding, so that the space is invariant. */
export function outside({ residual, projected, dtype }: KrylovSpace): Vector | null {
  const largest = projected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const rounding = 10 * (dtype === "float64" ? Number.EPSILON : 2 ** -23) * largest;
  return residual && norm(residual) > rounding ? residual : null;
}

/** A random vector orthogonal to the space. */
export function orthogonalStart({ size, dtype, basis }: KrylovSpace, key: RngKey): Vector {
  const start = randomVector(key, { size, dtype });
  orthogonalize(start, basis);
  return start;
}

/** Independent normal numbers. */
export function randomVector(key: RngKey, { size, dtype }: Pick<SymmetricOperator, "size" | "dtype">): Vector {
  return normal(fold(key, "start"), [size], { dtype }).data as Vector;
}

/** Eigenvalues of the projection, ascending, and in the rows of `vectors` [n, n] their eigenvectors in the basis. */
export function ritz({ basis, projected, capacity }: KrylovSpace) {
  const n = basis.length;
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) matrix.set(projected.subarray(i * capacity, i * capacity + n), i * n);
  return symmetricEigen(matrix, n);
}

/** Elements that are combined while they lie in a cache. */
const chunk = 2048;

/** Combinations of the basis with weights in the rows of a matrix [count, basis]. */
export function combinations({ basis, size, dtype }: KrylovSpace, weights: readonly Float64Array[]): Vector[] {
  const results = weights.map(() => zeroVector(dtype, size));
  for (let start = 0; start < size; start += chunk) {
    const parts = basis.map((vector) => vector.subarray(start, start + chunk) as Vector);
    for (const [i, result] of results.entries()) {
      addCombination(result.subarray(start, start + chunk) as Vector, parts, weights[i] as Float64Array);
    }
  }
  return results;
}

/** The space of some of the Ritz vectors, in which H is diagonal. */
export function compressed(
  space: KrylovSpace,
  values: readonly number[],
  weights: readonly Float64Array[],
): KrylovSpace {
  const projected = new Float64Array(space.capacity ** 2);
  for (const [i, value] of values.entries()) projected[i * (space.capacity + 1)] = value;
  return { ...space, basis: combinations(space, weights), projected, residual: null };
}
