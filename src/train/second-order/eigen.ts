/** Eigenvalues in ascending order, and the orthonormal eigenvector of the i-th in row i of `vectors` [n, n]. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/** Eigenvalues and eigenvectors of a symmetric matrix [n, n]: Householder tridiagonal form, then implicit QL. */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const { diagonal, offDiagonal, reflectors } = tridiagonalize(matrix, n);
  const vectors = reflectorProduct(reflectors, n);
  implicitQl(diagonal, offDiagonal, vectors);
  return sorted(diagonal, vectors);
}

/** The eigenvalues of a symmetric matrix [n, n] in ascending order. */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, offDiagonal } = tridiagonalize(matrix, n);
  implicitQl(diagonal, offDiagonal, null);
  return diagonal.sort();
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** offDiagonal[k] couples k and k + 1; the last is 0. */
  readonly offDiagonal: Float64Array;
  /** Row k holds, from k + 1 on, the vector v of the reflector 1 - v v' that was applied k-th, with |v|^2 = 2 or 0. */
  readonly reflectors: Float64Array;
}

/** A -> (1 - v v') A (1 - v v') = A - v w' - w v' with w = A v - (v' A v / 2) v; only the lower triangle is kept. */
function tridiagonalize(matrix: Float64Array, n: number): Tridiagonal {
  const a = matrix.slice();
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  const reflectors = new Float64Array(n * n);
  const w = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k * n + k] as number;
    if (k === n - 1) break;
    const v = reflectors.subarray(k * n, (k + 1) * n);
    for (let i = k + 1; i < n; i++) v[i] = a[i * n + k] as number;
    offDiagonal[k] = makeReflector(v, k + 1);
    if (v[k + 1] === 0) continue;
    multiplyLower(a, v, { n, from: k + 1, into: w });
    let overlap = 0;
    for (let i = k + 1; i < n; i++) overlap += (v[i] as number) * (w[i] as number);
    for (let i = k + 1; i < n; i++) w[i] = (w[i] as number) - (overlap / 2) * (v[i] as number);
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      const vi = v[i] as number;
      const wi = w[i] as number;
      for (let j = k + 1; j <= i; j++) {
        a[row + j] = (a[row + j] as number) - vi * (w[j] as number) - wi * (v[j] as number);
      }
    }
  }
  return { diagonal, offDiagonal, reflectors };
}

/** Replaces x by the v whose reflector sends it to a multiple of the first axis, and returns that multiple. */
function makeReflector(x: Float64Array, from: number): number {
  let largest = 0;
  for (let i = from + 1; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i] as number));
  const head = x[from] as number;
  if (largest === 0) {
    x[from] = 0;
    return head;
  }
  const scale = Math.max(largest, Math.abs(head));
  let squares = 0;
  for (let i = from; i < x.length; i++) squares += ((x[i] as number) / scale) ** 2;
  const norm = Math.sqrt(squares);
  const first = head / scale + (head < 0 ? -norm : norm);
  const length = Math.sqrt(norm * Math.abs(first));
  x[from] = first / length;
  for (let i = from + 1; i < x.length; i++) x[i] = (x[i] as number) / scale / length;
  return head < 0 ? norm * scale : -norm * scale;
}

interface Multiplication {
  readonly n: number;
  readonly from: number;
  readonly into: Float64Array;
}

/** A v from the lower triangle of A, both from row `from` on. */
function multiplyLower(a: Float64Array, v: Float64Array, { n, from, into }: Multiplication): void {
  into.fill(0);
  for (let i = from; i < n; i++) {
    const row = i * n;
    const vi = v[i] as number;
    let sum = (a[row + i] as number) * vi;
    for (let j = from; j < i; j++) {
      const element = a[row + j] as number;
      sum += element * (v[j] as number);
      into[j] = (into[j] as number) + element * vi;
    }
    into[i] = (into[i] as number) + sum;
  }
}

/** The transpose of the product of all reflectors. */
function reflectorProduct(reflectors: Float64Array, n: number): Float64Array {
  const q = new Float64Array(n * n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) {
    const v = reflectors.subarray(k * n, (k + 1) * n);
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      let overlap = 0;
      for (let j = k + 1; j < n; j++) overlap += (q[row + j] as number) * (v[j] as number);
      for (let j = k + 1; j < n; j++) q[row + j] = (q[row + j] as number) - overlap * (v[j] as number);
    }
  }
  return q;
}

/** Sweeps that a single eigenvalue may take; three are usual. */
const mostSweeps = 60;

/** Diagonalises a tridiagonal matrix in place; the rows of `vectors` are rotated along. */
function implicitQl(d: Float64Array, e: Float64Array, vectors: Float64Array | null): void {
  const n = d.length;
  // Rows of zeros leave blocks of nothing but rounding, which no sweep makes smaller.
  const rounding = Number.EPSILON * largestOf(d, e);
  for (let low = 0; low < n; low++) {
    for (let sweeps = 0; ; sweeps++) {
      const high = firstSplit(d, e, { low, rounding });
      if (high === low) break;
      if (sweeps === mostSweeps)
        throw new Error(`internal: eigenvalue ${low} of ${n} did not settle in ${sweeps} sweeps`);
      sweep(d, e, { low, high, vectors });
    }
  }
}

function largestOf(...arrays: readonly Float64Array[]): number {
  return Math.max(...arrays.map((each) => each.reduce((most, x) => Math.max(most, Math.abs(x)), 0)));
}

function firstSplit(
  d: Float64Array,
  e: Float64Array,
  { low, rounding }: { readonly low: number; readonly rounding: number },
): number {
  for (let m = low; m < d.length - 1; m++) {
    const size = Math.abs(d[m] as number) + Math.abs(d[m + 1] as number);
    if (Math.abs(e[m] as number) <= Math.max(Number.EPSILON * size, rounding)) return m;
  }
  return d.length - 1;
}

interface Sweep {
  readonly low: number;
  readonly high: number;
  readonly vectors: Float64Array | null;
}

function sweep(d: Float64Array, e: Float64Array, { low, high, vectors }: Sweep): void {
  const n = d.length;
  const dl = d[low] as number;
  const el = e[low] as number;
  const half = ((d[low + 1] as number) - dl) / (2 * el);
  let g = (d[high] as number) - dl + el / (half + Math.sign(half || 1) * Math.hypot(half, 1));
  let s = 1;
  let c = 1;
  let p = 0;
  for (let i = high - 1; i >= low; i--) {
    const f = s * (e[i] as number);
    const b = c * (e[i] as number);
    const r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] = (d[i + 1] as number) - p;
      e[high] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    const shifted = (d[i + 1] as number) - p;
    const t = ((d[i] as number) - shifted) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = shifted + p;
    g = c * t - b;
    if (vectors) rotateRows(vectors, { n, row: i, c, s });
  }
  d[low] = (d[low] as number) - p;
  e[low] = g;
  e[high] = 0;
}

interface Rotation {
  readonly n: number;
  readonly row: number;
  readonly c: number;
  readonly s: number;
}

function rotateRows(z: Float64Array, { n, row, c, s }: Rotation): void {
  const upper = row * n;
  const lower = upper + n;
  for (let k = 0; k < n; k++) {
    const x = z[upper + k] as number;
    const y = z[lower + k] as number;
    z[lower + k] = s * x + c * y;
    z[upper + k] = c * x - s * y;
  }
}

function sorted(values: Float64Array, vectors: Float64Array): Eigen {
  const n = values.length;
  const order = Array.from(values.keys()).sort((a, b) => (values[a] as number) - (values[b] as number));
  const arranged = new Float64Array(n * n);
  for (const [to, from] of order.entries()) arranged.set(vectors.subarray(from * n, (from + 1) * n), to * n);
  return { values: Float64Array.from(order, (i) => values[i] as number), vectors: arranged };
}
