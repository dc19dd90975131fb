/** A matrix whose rows and columns all sum to 1, as permutation matrices do. */
export interface SoftPermutation {
  /** [size, size], row-major. */
  readonly plan: Float64Array;
  /** Logarithms of what the columns were multiplied by: a start for similar logits. */
  readonly columns: Float64Array;
  /** The largest difference of the sum of a row or column from 1. */
  readonly deviation: number;
}

export interface SinkhornOptions {
  /** Low ones give matrices close to a permutation; must be positive. */
  readonly temperature: number;
  /** The deviation at which to stop; defaults to 1e-9. */
  readonly tolerance?: number;
  /** Rescalings of all rows and columns at most; defaults to 10000. */
  readonly iterations?: number;
  /** Those of an earlier solve. */
  readonly columns?: Float64Array | undefined;
}

/**
 * The doubly stochastic P that maximises <P, X> + t H(P) for logits X [size, size], temperature t and entropy H (Sinkhorn
 * 1964; Cuturi 2013, arXiv 1306.0895): P_ij = exp(X_ij / t + u_i + v_j). Potentials u and v are kept as logarithms, and
 * between their updates the rows and columns are rescaled as numbers (Schmitzer 2019, arXiv 1610.06519).
 */
export function sinkhorn(logits: Float64Array, size: number, options: SinkhornOptions): SoftPermutation {
  const { temperature, tolerance = 1e-9, iterations = 10_000 } = options;
  const scaled = logits.map((x) => x / temperature);
  const rows = new Float64Array(size);
  const columns = options.columns?.slice() ?? new Float64Array(size);
  const plan = new Float64Array(size * size);
  const scales = { rows: new Float64Array(size), columns: new Float64Array(size) };
  normalizeRows(scaled, { rows, columns });
  for (let left = iterations; ; ) {
    normalizeColumns(scaled, { rows, columns });
    normalizeRows(scaled, { rows, columns });
    eachEntry(size, (k, i, j) => {
      plan[k] = Math.exp((scaled[k] as number) + (rows[i] as number) + (columns[j] as number));
    });
    const done = rescale(plan, scales, { tolerance, iterations: left });
    left -= done.iterations;
    for (let i = 0; i < size; i++) {
      rows[i] = (rows[i] as number) + Math.log(scales.rows[i] as number);
      columns[i] = (columns[i] as number) + Math.log(scales.columns[i] as number);
    }
    if (done.deviation > tolerance && left > 0) continue;
    eachEntry(size, (k, i, j) => {
      plan[k] = (plan[k] as number) * (scales.rows[i] as number) * (scales.columns[j] as number);
    });
    return { plan, columns, deviation: done.deviation };
  }
}

function eachEntry(size: number, visit: (k: number, row: number, column: number) => void): void {
  for (let i = 0, k = 0; i < size; i++) for (let j = 0; j < size; j++, k++) visit(k, i, j);
}

interface Potentials {
  readonly rows: Float64Array;
  readonly columns: Float64Array;
}

function normalizeRows(scaled: Float64Array, { rows, columns }: Potentials): void {
  const size = rows.length;
  for (let i = 0; i < size; i++) {
    const row = scaled.subarray(i * size, (i + 1) * size);
    let most = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < size; j++) most = Math.max(most, (row[j] as number) + (columns[j] as number));
    let sum = 0;
    for (let j = 0; j < size; j++) sum += Math.exp((row[j] as number) + (columns[j] as number) - most);
    rows[i] = -most - Math.log(sum);
  }
}

function normalizeColumns(scaled: Float64Array, { rows, columns }: Potentials): void {
  const size = rows.length;
  const most = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
  const sums = new Float64Array(size);
  eachEntry(size, (k, i, j) => {
    most[j] = Math.max(most[j] as number, (scaled[k] as number) + (rows[i] as number));
  });
  eachEntry(size, (k, i, j) => {
    sums[j] = (sums[j] as number) + Math.exp((scaled[k] as number) + (rows[i] as number) - (most[j] as number));
  });
  for (let j = 0; j < size; j++) columns[j] = -(most[j] as number) - Math.log(sums[j] as number);
}

/** Beyond this potentials take up the scales, before products with them lose digits. */
const LARGEST_SCALE = 1e50;

interface Limits {
  readonly tolerance: number;
  readonly iterations: number;
}

/** Scales of the rows and columns of a matrix whose rows sum to 1, such that the columns do as well. */
function rescale(plan: Float64Array, { rows, columns }: Potentials, { tolerance, iterations }: Limits) {
  rows.fill(1);
  columns.fill(1);
  const sums = new Float64Array(rows.length);
  for (let iteration = 0; ; iteration++) {
    timesTransposed(plan, rows, sums);
    let [deviation, largest] = [0, 0];
    for (let j = 0; j < sums.length; j++) {
      deviation = Math.max(deviation, Math.abs((columns[j] as number) * (sums[j] as number) - 1));
      largest = Math.max(largest, columns[j] as number, 1 / (columns[j] as number));
    }
    if (deviation <= tolerance || iteration >= iterations || largest > LARGEST_SCALE) {
      return { deviation, iterations: Math.max(1, iteration) };
    }
    for (let j = 0; j < sums.length; j++) columns[j] = 1 / (sums[j] as number);
    times(plan, columns, rows);
    for (let i = 0; i < rows.length; i++) rows[i] = 1 / (rows[i] as number);
  }
}

/** y = P x. */
function times(plan: Float64Array, x: Float64Array, y: Float64Array): void {
  const size = x.length;
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += (plan[i * size + j] as number) * (x[j] as number);
    y[i] = sum;
  }
}

/** y = P' x. */
function timesTransposed(plan: Float64Array, x: Float64Array, y: Float64Array): void {
  const size = x.length;
  y.fill(0);
  for (let i = 0; i < size; i++) {
    const weight = x[i] as number;
    for (let j = 0; j < size; j++) y[j] = (y[j] as number) + weight * (plan[i * size + j] as number);
  }
}

export interface SinkhornGradientOptions {
  readonly temperature: number;
  /** The residual of the linear system, relative to its right side, at which to stop; defaults to 1e-13. */
  readonly tolerance?: number;
}

/**
 * The gradient of a function of P in the logits, from its gradient G in P, by the implicit function theorem on the
 * marginals of P (Pena 2022, arXiv 2212.12042; Eisenberger 2022, arXiv 2205.06688): P o (G - a 1' - 1 b') / t, where
 *
 *     [diag(P 1)  P         ] [a]   [(P o G) 1 ]
 *     [P'         diag(P' 1)] [b] = [(P o G)' 1]
 *
 * has rank 2 size - 1. The rows' unknowns a are eliminated, and conjugate gradients find b.
 */
export function sinkhornGradient(
  plan: Float64Array,
  gradient: Float64Array,
  { temperature, tolerance = 1e-13 }: SinkhornGradientOptions,
): Float64Array {
  const size = Math.sqrt(plan.length);
  const ones = new Float64Array(size).fill(1);
  const product = plan.map((p, k) => p * (gradient[k] as number));
  const [rowSums, columnSums, above, below] = [0, 0, 0, 0].map(() => new Float64Array(size)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  times(plan, ones, rowSums);
  timesTransposed(plan, ones, columnSums);
  times(product, ones, above);
  timesTransposed(product, ones, below);
  const passed = new Float64Array(size);
  const back = new Float64Array(size);
  const reduced = (x: Float64Array) => {
    times(plan, x, passed);
    for (let i = 0; i < size; i++) passed[i] = (passed[i] as number) / (rowSums[i] as number);
    timesTransposed(plan, passed, back);
    return back.map((each, j) => (columnSums[j] as number) * (x[j] as number) - each);
  };
  timesTransposed(
    plan,
    above.map((each, i) => each / (rowSums[i] as number)),
    back,
  );
  const right = below.map((each, j) => each - (back[j] as number));
  // Relative to what the right side is the difference of, which near a permutation is all rounding.
  const b = conjugateGradients(reduced, right, tolerance * length(below));
  times(plan, b, passed);
  const a = above.map((each, i) => (each - (passed[i] as number)) / (rowSums[i] as number));
  eachEntry(size, (k, i, j) => {
    const shift = (a[i] as number) + (b[j] as number);
    product[k] = ((product[k] as number) - (plan[k] as number) * shift) / temperature;
  });
  return product;
}

/** A solution of a consistent symmetric system, none of whose eigenvalues is negative. */
function conjugateGradients(
  apply: (x: Float64Array) => Float64Array,
  right: Float64Array,
  smallest: number,
): Float64Array {
  const x = new Float64Array(right.length);
  const residual = right.slice();
  const direction = right.slice();
  let norm = length(residual) ** 2;
  for (let step = 0; step < 10 * right.length && Math.sqrt(norm) > smallest; step++) {
    const image = apply(direction);
    const curvature = direction.reduce((sum, d, i) => sum + d * (image[i] as number), 0);
    if (!(curvature > 0)) break;
    const rate = norm / curvature;
    for (let i = 0; i < x.length; i++) {
      x[i] = (x[i] as number) + rate * (direction[i] as number);
      residual[i] = (residual[i] as number) - rate * (image[i] as number);
    }
    const next = length(residual) ** 2;
    for (let i = 0; i < x.length; i++) {
      direction[i] = (residual[i] as number) + (next / norm) * (direction[i] as number);
    }
    norm = next;
  }
  return x;
}

function length(x: Float64Array): number {
  return Math.sqrt(x.reduce((sum, each) => sum + each * each, 0));
}
