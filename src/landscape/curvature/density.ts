import { check } from "../../errors.ts";
import { fold, type RngKey } from "../../tensor/index.ts";
import { checkProbes, type Estimate, meanOf } from "./estimate.ts";
import { type KrylovSpace, outside, ritz, spaceOf, withProduct, withVector } from "./krylov-space.ts";
import type { SymmetricOperator } from "./symmetric-operator.ts";
import { groups } from "./trace.ts";
import { randomProbes, type Vector } from "./vectors.ts";

export interface QuadratureOptions {
  readonly key: RngKey;
  /** Defaults to 10. */
  readonly probes?: number;
  /** Products for each probe, and most nodes of it; defaults to 64. */
  readonly steps?: number;
  onProgress?(products: number): void;
}

/** What one probe saw of the spectrum: weights, with sum 1, at nodes in ascending order. */
export interface Quadrature {
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
}

/** Bytes that the bases of the probes of one group may take. */
const mostBytes = 2 ** 30;

/**
 * Stochastic Lanczos quadrature (Ubaru 2017; Ghorbani 2019, arXiv 1901.10159): the spectral measure of each of several
 * random vectors of signs. Its nodes are eigenvalues of the projection to the vector's Krylov space, its weights the
 * squares of the first components of their eigenvectors; sum w f(node) is exact for polynomials of degree 2 steps - 1.
 */
export async function spectralQuadrature(
  operator: SymmetricOperator,
  options: QuadratureOptions,
): Promise<readonly Quadrature[]> {
  const { key, probes = 10, steps = 64, onProgress } = options;
  checkProbes(probes);
  check(Number.isInteger(steps) && steps >= 1, () => ({
    code: "bad-option",
    where: "hessian",
    message: `expected at least 1 step, got ${steps}`,
  }));
  const capacity = Math.min(steps, operator.size);
  const bytes = capacity * operator.size * (operator.dtype === "float64" ? 8 : 4);
  const width = Math.max(1, Math.min(operator.width, Math.floor(mostBytes / bytes)));
  const found: Quadrature[] = [];
  for (const { start, count } of groups(probes, width)) {
    const vectors = randomProbes(fold(key, "density"), operator, { start, count });
    const report = (step: number) => onProgress?.(start * capacity + step * count);
    const spaces = await grownTogether(
      operator,
      vectors.map((vector) => spaceOf(vector, operator, capacity)),
      report,
    );
    found.push(...spaces.map(quadratureOf));
  }
  return found;
}

/** Every space up to its capacity, or until it is invariant; one product of all at a time. */
async function grownTogether(
  operator: SymmetricOperator,
  starts: readonly KrylovSpace[],
  report: (step: number) => void,
): Promise<readonly KrylovSpace[]> {
  const spaces = [...starts];
  let growing = Array.from(starts.keys());
  for (let step = 1; growing.length > 0; step++) {
    const newest = growing.map((i) => (spaces[i] as KrylovSpace).basis.at(-1) as Vector);
    const images = await operator.products(newest);
    for (const [k, i] of growing.entries()) spaces[i] = withProduct(spaces[i] as KrylovSpace, images[k] as Vector);
    report(step);
    growing = growing.filter((i) => {
      const space = spaces[i] as KrylovSpace;
      const rest = outside(space);
      if (space.basis.length === space.capacity || !rest) return false;
      spaces[i] = withVector(space, rest);
      return true;
    });
  }
  return spaces;
}

function quadratureOf(space: KrylovSpace): Quadrature {
  const { values, vectors } = ritz(space);
  return { nodes: values, weights: values.map((_, i) => (vectors[i * values.length] as number) ** 2) };
}

/** The mean of f over the spectrum: trace f(H) / n. */
export function spectralMean(quadratures: readonly Quadrature[], f: (eigenvalue: number) => number): Estimate {
  return meanOf(
    quadratures.map(({ nodes, weights }) => nodes.reduce((sum, node, i) => sum + (weights[i] as number) * f(node), 0)),
  );
}

/** The density of eigenvalues on a grid, with integral 1: a mean over probes with its standard error. */
export interface SpectralDensity {
  readonly grid: Float64Array;
  readonly density: Float64Array;
  readonly standardError: Float64Array;
  /** Standard deviation of the normal curve that every node became. */
  readonly width: number;
}

/** Parts of the width between two points of the grid, and widths that the grid goes beyond the outermost nodes. */
const pointsPerWidth = 4;
const margin = 6;

/** A hundredth of the range of the nodes; for a single node, of its size. */
export function defaultWidth(quadratures: readonly Quadrature[]): number {
  const [low, high] = rangeOf(quadratures);
  return (high - low) / 100 || Math.max(Math.abs(low), Math.abs(high)) / 100 || 1e-2;
}

function rangeOf(quadratures: readonly Quadrature[]): readonly [number, number] {
  const ends = (at: 0 | -1) => quadratures.map(({ nodes }) => nodes.at(at) as number);
  return [Math.min(...ends(0)), Math.max(...ends(-1))];
}

/** The quadratures as a density: each node a normal curve of this width, times its weight. */
export function spectralDensity(
  quadratures: readonly Quadrature[],
  width = defaultWidth(quadratures),
): SpectralDensity {
  check(width > 0 && Number.isFinite(width), () => ({
    code: "bad-option",
    where: "hessian",
    message: `expected a width above 0, got ${width}`,
  }));
  const [least, most] = rangeOf(quadratures);
  const [low, high] = [least - margin * width, most + margin * width];
  const count = Math.ceil(((high - low) / width) * pointsPerWidth) + 1;
  checkPoints(count);
  const grid = Float64Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));
  const estimates = Array.from(grid, (x) =>
    spectralMean(quadratures, (node) => normalCurve((x - node) / width) / width),
  );
  return {
    grid,
    density: Float64Array.from(estimates, ({ value }) => value),
    standardError: Float64Array.from(estimates, ({ standardError }) => standardError),
    width,
  };
}

/** More would be neither drawn nor read. */
const mostPoints = 100_000;

function checkPoints(count: number): void {
  check(count <= mostPoints, () => ({
    code: "bad-option",
    where: "hessian",
    message: `expected a width that leaves at most ${mostPoints} points over the spectrum, got ${count}`,
    remedy: "take a larger width",
  }));
}

function normalCurve(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}
