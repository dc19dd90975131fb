/** The lower triangular L of `matrix` + shift = L L', both [n, n]; null where that is not positive definite. */
export function cholesky(matrix: Float64Array, n: number, shift = 0): Float64Array | null {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      const other = j * n;
      let sum = matrix[row + j] as number;
      if (i === j) sum += shift;
      for (let k = 0; k < j; k++) sum -= (factor[row + k] as number) * (factor[other + k] as number);
      if (i !== j) factor[row + j] = sum / (factor[other + j] as number);
      else if (sum > 0) factor[row + i] = Math.sqrt(sum);
      else return null;
    }
  }
  return factor;
}

/** The x with L L' x = b. */
export function choleskySolve(factor: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  const x = b.slice();
  for (let i = 0; i < n; i++) {
    let sum = x[i] as number;
    for (let k = 0; k < i; k++) sum -= (factor[i * n + k] as number) * (x[k] as number);
    x[i] = sum / (factor[i * n + i] as number);
  }
  for (let i = n - 1; i >= 0; i--) {
    const solved = (x[i] as number) / (factor[i * n + i] as number);
    x[i] = solved;
    for (let k = 0; k < i; k++) x[k] = (x[k] as number) - (factor[i * n + k] as number) * solved;
  }
  return x;
}
