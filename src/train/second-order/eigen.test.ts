import { describe, expect, it } from "vitest";
import { goldens } from "../../../test/golden/second-order/goldens.ts";
import { cholesky, choleskySolve } from "./cholesky.ts";
import { symmetricEigen, symmetricEigenvalues } from "./eigen.ts";
import { times } from "./vectors.ts";

/** LAPACK and we round differently: some units in the last place of the norm per row. */
const accuracy = 1e-14;

const cases = goldens.matrices.map(
  ({ name, matrix, ...rest }) => [name, { ...rest, matrix: Float64Array.from(matrix) }] as const,
);

function largest(values: Iterable<number>): number {
  return Math.max(...Array.from(values, Math.abs));
}

describe.each(cases)("a symmetric matrix (%s)", (_, { matrix, eigenvalues, right, solution }) => {
  const n = eigenvalues.length;
  const tolerance = accuracy * n * (largest(eigenvalues) || 1);

  it("has the eigenvalues that LAPACK finds", () => {
    const { values } = symmetricEigen(matrix, n);
    expect(largest(values.map((value, i) => value - (eigenvalues[i] as number)))).toBeLessThan(tolerance);
    const alone = symmetricEigenvalues(matrix, n);
    expect(largest(alone.map((value, i) => value - (eigenvalues[i] as number)))).toBeLessThan(tolerance);
  });

  it("is taken apart into orthonormal eigenvectors", () => {
    const { values, vectors } = symmetricEigen(matrix, n);
    for (let k = 0; k < n; k++) {
      const vector = vectors.slice(k * n, (k + 1) * n);
      const residual = times(matrix, vector).map((x, i) => x - (values[k] as number) * (vector[i] as number));
      expect(largest(residual)).toBeLessThan(tolerance);
      expect(largest(times(vectors, vector).map((x, i) => x - (i === k ? 1 : 0)))).toBeLessThan(accuracy * n);
    }
  });

  it("gives normal equations that Cholesky solves", () => {
    const squared = Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      return Array.from({ length: n }, (_, k) => (matrix[k * n + i] as number) * (matrix[k * n + j] as number)).reduce(
        (a, b) => a + b,
      );
    });
    const factor = cholesky(squared, n, 1) as Float64Array;
    const x = choleskySolve(factor, Float64Array.from(right));
    const condition = 1 + largest(eigenvalues) ** 2;
    expect(largest(x.map((value, i) => value - (solution[i] as number)))).toBeLessThan(accuracy * n * condition);
  });
});

describe("a matrix of low rank", () => {
  it.each([2, 10, 20])("has as many eigenvalues of nothing but rounding as it lacks (%i of 80)", (rank) => {
    const n = 80;
    for (const seed of [0, 1, 2]) {
      const factor = Array.from({ length: rank * n }, (_, i) => Math.sin(0.37 * i * i + seed));
      const entry = (i: number, j: number) =>
        Array.from({ length: rank }, (_, r) => (factor[r * n + i] as number) * (factor[r * n + j] as number));
      const matrix = Float64Array.from({ length: n * n }, (_, at) =>
        entry(Math.floor(at / n), at % n).reduce((sum, x) => sum + x),
      );
      const values = symmetricEigenvalues(matrix, n);
      const trace = factor.reduce((sum, x) => sum + x * x, 0);
      const rounding = accuracy * n * trace;
      expect(values.filter((value) => Math.abs(value) > rounding).length).toBe(rank);
      expect(Math.abs(values.reduce((sum, x) => sum + x) - trace)).toBeLessThan(rounding);
    }
  });
});

describe("cholesky", () => {
  it("refuses a matrix that is not positive definite", () => {
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBeNull();
    expect(cholesky(Float64Array.of(0, 0, 0, 0), 2)).toBeNull();
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2, 1.5)).not.toBeNull();
  });
});
