import { norm } from "../../tensor/index.ts";
import { symmetricEigen } from "./eigen.ts";
import type { LocalCurvature } from "./objective.ts";
import type { Search } from "./search.ts";
import { combination, plus, times } from "./vectors.ts";

/** How many eigenvalues of a Hessian are negative, zero and positive, and up to which size one counts as zero. */
export interface Index {
  readonly negative: number;
  readonly zero: number;
  readonly positive: number;
  readonly tolerance: number;
}

/**
 * Why a search ended: "stalled" where rounding or the geometry lets no step improve, "channel" where it runs off to
 * infinity while the loss hardly falls, "diverged" where it left all bounds.
 */
export type Stop = "converged" | "stalled" | "channel" | "iterations" | "diverged";

/** Where a search ended and what is known of the place; only "converged" says that the gradient is within its tolerance. */
export interface CriticalPoint {
  readonly point: Float64Array;
  readonly loss: number;
  readonly gradientNorm: number;
  /** |H^+ g|, with the pseudo-inverse over the eigenvalues that are not zero: an estimate of the distance to go. */
  readonly newtonResidual: number;
  /** Ascending; none where the Hessian is not finite. */
  readonly eigenvalues: Float64Array;
  readonly index: Index;
  readonly iterations: number;
  readonly stopped: Stop;
}

/** When a search may stop. */
export interface SearchOptions {
  /** Bound on the norm of the gradient; defaults to 1e-14. */
  readonly gradientTolerance?: number;
  /** Defaults to 1000. */
  readonly iterations?: number;
  /** Eigenvalues up to this size count as zero; defaults to 10 n epsilon |H|. */
  readonly zeroTolerance?: number;
}

/** What a search of one member comes to. */
export interface Arrival {
  readonly point: Float64Array;
  readonly iterations: number;
  readonly stopped: Stop;
}

export const defaults = { gradientTolerance: 1e-14, iterations: 1000 } as const;

/** Entries of a Hessian are sums over samples, whose rounding is some epsilon of its norm; n of them meet in a row. */
const roundingMargin = 10;

function zeroToleranceOf(eigenvalues: Float64Array): number {
  const largest = eigenvalues.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return roundingMargin * eigenvalues.length * Number.EPSILON * largest;
}

/** The index of a Hessian with these eigenvalues. */
export function indexOf(eigenvalues: Float64Array, tolerance = zeroToleranceOf(eigenvalues)): Index {
  const negative = eigenvalues.filter((value) => value < -tolerance).length;
  const positive = eigenvalues.filter((value) => value > tolerance).length;
  return { negative, zero: eigenvalues.length - negative - positive, positive, tolerance };
}

interface NewtonStep {
  readonly step: Float64Array;
  readonly eigenvalues: Float64Array;
  readonly index: Index;
}

function newtonStep({ gradient, hessian }: LocalCurvature, zeroTolerance: number | undefined): NewtonStep {
  if (!hessian.every(Number.isFinite)) return nowhere(gradient.length);
  const { values, vectors } = symmetricEigen(hessian, gradient.length);
  const index = indexOf(values, zeroTolerance);
  const weights = times(vectors, gradient).map((g, i) => {
    const value = values[i] as number;
    return Math.abs(value) > index.tolerance ? -g / value : 0;
  });
  return { step: combination(vectors, weights), eigenvalues: values, index };
}

/** Where nothing is known of the Hessian, nor how far there is to go. */
function nowhere(n: number): NewtonStep {
  const eigenvalues = new Float64Array(0);
  return { step: new Float64Array(n).fill(Number.POSITIVE_INFINITY), eigenvalues, index: indexOf(eigenvalues) };
}

/** Steps after which Newton's method, close enough to be quadratic, has long reached rounding. */
const mostPolishingSteps = 30;

/**
 * Newton's method with the pseudo-inverse, as long as it brings the gradient down: to the critical point close by,
 * whatever its index. Ends with what is known of the place.
 */
export function* polishSearch(arrival: Arrival, options: SearchOptions): Search<CriticalPoint> {
  let { point } = arrival;
  let at = yield { kind: "curvature", point };
  let newton = newtonStep(at, options.zeroTolerance);
  let steps = 0;
  for (; steps < mostPolishingSteps && hasSettled(arrival); steps++) {
    if (norm(newton.step) === 0 || norm(newton.step) > largestPolishingStep * (1 + norm(point))) break;
    const trial = plus(point, newton.step);
    const there = yield { kind: "curvature", point: trial };
    if (!(norm(there.gradient) < norm(at.gradient))) break;
    [point, at, newton] = [trial, there, newtonStep(there, options.zeroTolerance)];
  }
  const gradientNorm = norm(at.gradient);
  const isConverged = gradientNorm <= (options.gradientTolerance ?? defaults.gradientTolerance);
  return {
    point,
    loss: at.loss,
    gradientNorm,
    newtonResidual: norm(newton.step),
    eigenvalues: newton.eigenvalues,
    index: newton.index,
    iterations: arrival.iterations + steps,
    stopped: stopAt(arrival, isConverged, gradientNorm),
  };
}

/** Whether a search ended because there was nowhere better to go. */
export function hasSettled({ stopped }: Pick<Arrival, "stopped">): boolean {
  return stopped === "converged" || stopped === "stalled";
}

function stopAt({ stopped }: Arrival, isConverged: boolean, gradientNorm: number): Stop {
  if (!Number.isFinite(gradientNorm)) return "diverged";
  return isConverged ? "converged" : stopped === "converged" ? "stalled" : stopped;
}

/** Longer steps lead elsewhere. */
const largestPolishingStep = 0.1;
