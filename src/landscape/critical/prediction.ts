import { type Index, indexOf, symmetricEigen, symmetricEigenvalues } from "../../train/index.ts";
import type { DuplicationForm } from "./duplication.ts";

/** How many directions lead down, level and up. */
export type Inertia = Omit<Index, "tolerance">;

/** What doubling a unit does to a strict minimum. */
export interface DuplicationSigns {
  /** Of C, whose kernel contains the outgoing weights of the unit at every critical point. */
  readonly rank: number;
  /** Of p' B p among the p with C p = 0. */
  readonly bend: Inertia;
  /** Eigenvalues of B, ascending. */
  readonly eigenvalues: Float64Array;
  /**
   * For which shares g and 1 - g of the outgoing weights the copies are at a local minimum: `inside` for 0 < g < 1,
   * `outside` for g < 0 and g > 1, `nowhere`, or `open` where B does not decide (Fukumizu and Amari 2000, theorem 3).
   */
  readonly minima: "inside" | "outside" | "nowhere" | "open";
}

/** The signs of B and C of a unit with these outgoing weights at a critical point. */
export function duplicationSigns(form: DuplicationForm, outgoing: Float64Array, tolerance: number): DuplicationSigns {
  const { inputs, b } = form;
  const c = withoutDirection(form, outgoing);
  const { rank, kernel } = rankAndKernel(c, form, tolerance);
  const bend = restrictedInertia(b, kernel, tolerance);
  return { rank, bend, eigenvalues: symmetricEigenvalues(b, inputs), minima: minimaOf(rank, bend) };
}

function minimaOf(rank: number, { negative, zero, positive }: Inertia): DuplicationSigns["minima"] {
  if (rank > 0 || (negative > 0 && positive > 0)) return "nowhere";
  if (zero > 0) return "open";
  return negative > 0 ? "outside" : "inside";
}

/** C without a' C, which is the gradient in the incoming weights and vanishes but for rounding. */
function withoutDirection({ c, inputs }: DuplicationForm, a: Float64Array): Float64Array {
  const square = a.reduce((sum, x) => sum + x * x, 0);
  if (square === 0) return c;
  const gradient = Float64Array.from({ length: inputs }, (_, k) =>
    a.reduce((sum, x, m) => sum + x * (c[m * inputs + k] as number), 0),
  );
  return c.map((x, i) => x - ((a[Math.floor(i / inputs)] as number) * (gradient[i % inputs] as number)) / square);
}

/**
 * The rank of C and a basis of its kernel. Eigenvalues of [[0, C'], [C, 0]] are the singular values of C and their
 * opposites, to full accuracy; those of C'C would lose half of the digits.
 */
function rankAndKernel(
  c: Float64Array,
  { inputs: d, outputs: n }: DuplicationForm,
  tolerance: number,
): { readonly rank: number; readonly kernel: readonly Float64Array[] } {
  const size = d + n;
  const embedded = new Float64Array(size * size);
  for (const [i, x] of c.entries()) {
    const [m, k] = [Math.floor(i / d), i % d];
    embedded[(d + m) * size + k] = x;
    embedded[k * size + d + m] = x;
  }
  const { values, vectors } = symmetricEigen(embedded, size);
  const isLarge = (i: number) => (values[i] as number) > tolerance;
  const places = Array.from(values.keys());
  const rows = places.filter(isLarge).map((i) => vectors.slice(i * size, i * size + d).map((x) => x * Math.SQRT2));
  return { rank: rows.length, kernel: complement(rows, d) };
}

/** An orthonormal basis of what is orthogonal to orthonormal rows: the eigenvectors of 1 - sum r r' with eigenvalue 1. */
function complement(rows: readonly Float64Array[], d: number): readonly Float64Array[] {
  const projector = Float64Array.from({ length: d * d }, (_, at) => {
    const [i, j] = [Math.floor(at / d), at % d];
    return rows.reduce((sum, row) => sum - (row[i] as number) * (row[j] as number), i === j ? 1 : 0);
  });
  const { vectors } = symmetricEigen(projector, d);
  return Array.from({ length: d - rows.length }, (_, k) =>
    vectors.slice((rows.length + k) * d, (rows.length + k + 1) * d),
  );
}

function restrictedInertia(b: Float64Array, basis: readonly Float64Array[], tolerance: number): Inertia {
  const d = Math.sqrt(b.length);
  const size = basis.length;
  const restricted = Float64Array.from({ length: size * size }, (_, at) => {
    const [u, v] = [basis[Math.floor(at / size)], basis[at % size]] as [Float64Array, Float64Array];
    let sum = 0;
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) sum += (u[i] as number) * (b[i * d + j] as number) * (v[j] as number);
    }
    return sum;
  });
  const { negative, zero, positive } = indexOf(symmetricEigenvalues(restricted, size), tolerance);
  return { negative, zero, positive };
}

/**
 * The index of a replica, unit i with copies that have `shares[i]` of its outgoing weights, from that of the network it
 * replicates. With f(p, q) = sum_t b_t p_t' B p_t / 2 + q_t' C p_t for sum_t b_t p_t = 0 and sum_t q_t = 0, the Hessian is
 * congruent to the old one and one such form for each unit, so by Sylvester's law their signs add up. A form of k copies
 * has rank C negative and as many positive eigenvalues for each copy beyond the first, n - rank C that vanish, and on the
 * kernel of C the signs of B times those of the shares, one positive share left out.
 */
export function predictedInertia(
  core: Inertia,
  signs: readonly DuplicationSigns[],
  { shares, outputs }: { readonly shares: readonly (readonly number[])[]; readonly outputs: number },
): Inertia {
  const parts = signs.map((each, i) => replicaPart(each, shares[i] as readonly number[], outputs));
  return [core, ...parts].reduce((sum, { negative, zero, positive }) => ({
    negative: sum.negative + negative,
    zero: sum.zero + zero,
    positive: sum.positive + positive,
  }));
}

/** Shares that are zero but for rounding. */
const zeroShare = 1e-12;

function replicaPart({ rank, bend }: DuplicationSigns, shares: readonly number[], outputs: number): Inertia {
  const extra = shares.length - 1;
  const up = shares.filter((share) => share > zeroShare).length - 1;
  const down = shares.filter((share) => share < -zeroShare).length;
  const silent = extra - up - down;
  const level = outputs - rank + bend.zero;
  return {
    negative: extra * rank + up * bend.negative + down * bend.positive,
    zero: extra * level + silent * (bend.negative + bend.positive),
    positive: extra * rank + up * bend.positive + down * bend.negative,
  };
}
