import type { SymmetricOperator, Vector } from "../src/landscape/index.ts";
import { fold, normal, type RngKey } from "../src/tensor/index.ts";

/** A dense symmetric matrix [n, n] as one that is known by its products. */
export function denseOperator(
  matrix: Float64Array,
  { dtype = "float64", width = 3 }: { readonly dtype?: "float32" | "float64"; readonly width?: number } = {},
): SymmetricOperator & { readonly asked: () => number } {
  const size = Math.sqrt(matrix.length);
  let asked = 0;
  const product = (v: Vector): Vector => {
    const result = dtype === "float64" ? new Float64Array(size) : new Float32Array(size);
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let j = 0; j < size; j++) sum += (matrix[i * size + j] as number) * (v[j] as number);
      result[i] = sum;
    }
    return result;
  };
  return {
    size,
    dtype,
    width,
    asked: () => asked,
    async products(vectors) {
      asked += vectors.length;
      return vectors.map(product);
    },
  };
}

/** Q' diag(eigenvalues) Q for a random orthogonal Q. */
export function matrixWith(eigenvalues: ArrayLike<number>, key: RngKey): Float64Array {
  const n = eigenvalues.length;
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) matrix[i * (n + 1)] = eigenvalues[i] as number;
  // Reflections at random vectors.
  for (let k = 0; k < 3; k++) {
    const { data } = normal(fold(key, k), [n], { dtype: "float64" });
    const v = data.map((x) => x / Math.hypot(...data));
    reflect(matrix, v, n);
  }
  return matrix;
}

/** A <- (1 - 2 v v') A (1 - 2 v v') */
function reflect(matrix: Float64Array, v: Float64Array, n: number): void {
  const image = Float64Array.from(v, (_, i) => v.reduce((sum, x, j) => sum + x * (matrix[i * n + j] as number), 0));
  const inner = image.reduce((sum, x, i) => sum + x * (v[i] as number), 0);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const [vi, vj, wi, wj] = [v[i], v[j], image[i], image[j]] as [number, number, number, number];
      matrix[i * n + j] = (matrix[i * n + j] as number) + 4 * inner * vi * vj - 2 * (vi * wj + wi * vj);
    }
  }
}
