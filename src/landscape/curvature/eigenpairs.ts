import { check } from "../../errors.ts";
import { dot, fold, norm, type RngKey } from "../../tensor/index.ts";
import {
  combinations,
  compressed,
  type KrylovSpace,
  orthogonalStart,
  outside,
  randomVector,
  ritz,
  spaceOf,
  withProduct,
  withVector,
} from "./krylov-space.ts";
import type { SymmetricOperator } from "./symmetric-operator.ts";
import { addScaled, scale, type Vector } from "./vectors.ts";

/** Which eigenvalues: the ends of the spectrum, half of either, or those of the largest absolute value. */
export type Which = "largest" | "smallest" | "both" | "magnitude";

/** Every `Which`. */
export const whichNames = ["largest", "smallest", "both", "magnitude"] as const satisfies readonly Which[];

export interface EigenpairOptions {
  readonly count: number;
  readonly key: RngKey;
  /** Defaults to the largest. */
  readonly which?: Which;
  /** Bound on |Hv - lambda v|, relative to the largest |lambda|; defaults to 1e-4, and 1e-8 in float64. */
  readonly tolerance?: number;
  /** Most products that may be spent on the search; defaults to 1000. */
  readonly products?: number;
  onProgress?(products: number): void;
}

/** An eigenvalue with a unit eigenvector, and how well they fit: |Hv - lambda v|. */
export interface Eigenpair {
  readonly value: number;
  readonly residual: number;
  readonly vector: Vector;
}

export interface Eigenpairs {
  /** In descending order, for "magnitude" of absolute values. */
  readonly pairs: readonly Eigenpair[];
  /** Bound on the residuals that was asked for. */
  readonly bound: number;
  /** Whether all residuals are within the bound. */
  readonly converged: boolean;
  /** Products with the matrix that were used, those for the residuals included. */
  readonly products: number;
}

/**
 * Eigenvalues at the ends of the spectrum by Lanczos with full orthogonalisation and thick restarts (Wu and Simon 2000).
 * Each residual is measured on a product of its own. A single start sees one of several equal eigenvalues; so when all
 * are found, the search goes on from another random start, until that finds no more.
 */
export async function eigenpairs(operator: SymmetricOperator, options: EigenpairOptions): Promise<Eigenpairs> {
  checkOptions(operator, options);
  const { values, space, products } = await search(operator, options);
  const wanted = wantedOf(values, options);
  const vectors = combinations(space, rowsOf(ritz(space), wanted));
  for (const vector of vectors) scale(vector, 1 / norm(vector));
  const images = await operator.products(vectors);
  const pairs = vectors.map((vector, i) => measured(vector, images[i] as Vector));
  const bound = toleranceOf(operator, options) * largestOf(values);
  return {
    pairs: pairs.sort((a, b) => order(options)(b.value) - order(options)(a.value)),
    bound,
    converged: pairs.every(({ residual }) => residual <= bound),
    products: products + pairs.length,
  };
}

function checkOptions({ size }: SymmetricOperator, { count, tolerance = 1, products = 1 }: EigenpairOptions): void {
  check(Number.isInteger(count) && count >= 1 && count <= size, () => ({
    code: "bad-option",
    where: "hessian",
    message: `expected 1 to ${size} eigenvalues of a matrix with ${size} rows, got ${count}`,
  }));
  check(tolerance > 0 && Number.isInteger(products) && products >= 1, () => ({
    code: "bad-option",
    where: "hessian",
    message: `expected a tolerance above 0 and at least 1 product, got ${tolerance} and ${products}`,
  }));
}

function toleranceOf({ dtype }: SymmetricOperator, { tolerance }: EigenpairOptions): number {
  return tolerance ?? (dtype === "float64" ? 1e-8 : 1e-4);
}

/** The quotient of a unit vector, and what is left of its image. */
function measured(vector: Vector, image: Vector): Eigenpair {
  const value = dot(vector, image);
  const rest = Float64Array.from(image);
  addScaled(rest, vector, -value);
  return { value, residual: norm(rest), vector };
}

/** Larger for eigenvalues that come first. */
function order({ which }: EigenpairOptions): (value: number) => number {
  return which === "magnitude" ? Math.abs : (value) => value;
}

/** Places of the wanted ones among ascending values. */
function wantedOf(values: Float64Array, { count, which = "largest" }: EigenpairOptions): number[] {
  const places = Array.from(values.keys());
  if (which === "magnitude") {
    return places.sort((a, b) => Math.abs(values[b] as number) - Math.abs(values[a] as number)).slice(0, count);
  }
  const low = which === "largest" ? 0 : which === "smallest" ? count : Math.floor(count / 2);
  return places.filter((i) => i < low || i >= values.length - (count - low));
}

function rowsOf({ vectors, values }: ReturnType<typeof ritz>, places: readonly number[]): Float64Array[] {
  return places.map((i) => vectors.subarray(i * values.length, (i + 1) * values.length));
}

function largestOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

interface Found {
  readonly space: KrylovSpace;
  /** Eigenvalues of the projection to it, ascending. */
  readonly values: Float64Array;
  readonly products: number;
}

/** Small matrices are decomposed now and then only: at every step that would cost more than many a product. */
const stepsBetweenLooks = 5;
/** Products from another start: enough to see what stands out of the rest by a tenth of its width. */
const secondLook = 20;

/** Grows a space until it holds the wanted eigenvectors. */
async function search(operator: SymmetricOperator, options: EigenpairOptions): Promise<Found> {
  const { count, products: mostProducts = 1000 } = options;
  const capacity = capacityOf(operator, count);
  let space = spaceOf(randomVector(fold(options.key, "lanczos"), operator), operator, capacity);
  let known: readonly number[] | null = null;
  let nextLook = count;
  for (let products = 1; ; products++) {
    const [image] = await operator.products([space.basis.at(-1) as Vector]);
    space = withProduct(space, image as Vector);
    options.onProgress?.(products);
    const size = space.basis.length;
    const another = () => orthogonalStart(space, fold(options.key, "lanczos", products));
    const isEnd = size === operator.size || (products >= mostProducts && size >= count);
    if (!isEnd && size < capacity && (products < nextLook || size < count)) {
      space = withVector(space, outside(space) ?? another());
      continue;
    }
    const found = ritz(space);
    if (isEnd) return { space, values: found.values, products };
    const { wanted, bound, isWithin } = look(space, found, { ...options, tolerance: toleranceOf(operator, options) });
    nextLook = products + stepsBetweenLooks;
    if (isWithin) {
      const isKnown = known?.every((value, i) => Math.abs(value - (wanted[i] as number)) <= bound);
      if (isKnown) return { space, values: found.values, products };
      known = wanted;
      nextLook = products + secondLook;
      space = compressed(space, wanted, rowsOf(found, wantedOf(found.values, options)));
      space = withVector(space, another());
    } else if (size === capacity) {
      const rest = outside(space) ?? another();
      const kept = wantedOf(found.values, { ...options, count: Math.floor((count + capacity) / 2) });
      const values = kept.map((i) => found.values[i] as number);
      space = withVector(compressed(space, values, rowsOf(found, kept)), rest);
    } else space = withVector(space, outside(space) ?? another());
  }
}

/** Memory that a basis may take. */
const mostBytes = 2 ** 30;
const usualCapacity = 100;

function capacityOf({ size, dtype }: SymmetricOperator, count: number): number {
  const affordable = Math.floor(mostBytes / (size * (dtype === "float64" ? 8 : 4)));
  const least = count + secondLook + 2 * stepsBetweenLooks;
  return Math.min(size, Math.max(least, Math.min(affordable, Math.max(4 * count, usualCapacity))));
}

/** The wanted eigenvalues as they are now, and whether all their vectors are known within the bound. */
function look(
  { residual }: KrylovSpace,
  found: ReturnType<typeof ritz>,
  options: EigenpairOptions & { readonly tolerance: number },
) {
  const wanted = wantedOf(found.values, options);
  const bound = options.tolerance * largestOf(found.values);
  const length = norm(residual as Vector);
  // The measured residuals have rounding in them, and what a restart from elsewhere left out.
  const isWithin = rowsOf(found, wanted).every((row) => length * Math.abs(row.at(-1) as number) <= bound / 2);
  return { wanted: wanted.map((i) => found.values[i] as number), bound, isWithin };
}
