import { dot, norm } from "../../tensor/index.ts";
import { channelWatch } from "./channel-watch.ts";
import { cholesky, choleskySolve } from "./cholesky.ts";
import { type Arrival, defaults, type SearchOptions } from "./critical-point.ts";
import { symmetricEigen } from "./eigen.ts";
import type { LocalCurvature } from "./objective.ts";
import type { Search } from "./search.ts";
import { combination, plus, times } from "./vectors.ts";

interface TrustRegionOptions extends SearchOptions {
  /** With the absolute values of the eigenvalues in the model (Dauphin 2014, arXiv 1406.2572). */
  readonly saddleFree: boolean;
}

/** Beyond this the parameters run off to infinity. */
const largestNorm = 1e8;

/** Newton's method within a trust region whose subproblem is solved exactly (More and Sorensen 1983). */
export function* trustRegionSearch(start: Float64Array, options: TrustRegionOptions): Search<Arrival> {
  const { gradientTolerance, iterations } = { ...defaults, ...options };
  let point = start;
  let at = yield { kind: "curvature", point };
  let radius = 0.1 * (1 + norm(point));
  const isInChannel = channelWatch(start);
  for (let done = 0; ; done++) {
    const arrive = (stopped: Arrival["stopped"]): Arrival => ({ point, iterations: done, stopped });
    if (!isWhole(at) || norm(point) > largestNorm) return arrive("diverged");
    if (norm(at.gradient) <= gradientTolerance) return arrive("converged");
    if (isInChannel(point, at.loss)) return arrive("channel");
    if (done === iterations) return arrive("iterations");
    const { step, predicted } = modelStep(at, radius, options.saddleFree);
    const length = norm(step);
    const trial = plus(point, step);
    const there = yield { kind: "curvature", point: trial };
    const ratio = gainRatio(at, there, predicted);
    if (ratio > 0.75 && length > 0.9 * radius) radius *= 2;
    else if (!(ratio >= 0.25)) radius = 0.25 * length;
    if (ratio > 1e-4) [point, at] = [trial, there];
    else if (radius < Number.EPSILON * (1 + norm(point))) return arrive("stalled");
  }
}

/** Whether there are numbers only. */
function isWhole({ gradient, hessian }: LocalCurvature): boolean {
  return gradient.every(Number.isFinite) && hessian.every(Number.isFinite);
}

/** Reductions of the loss below so many of its last digits are rounding. */
const noiseDigits = 64;

/** Actual over predicted reduction; where the loss cannot tell, whether the gradient shrank. */
export function gainRatio(at: LocalCurvature, there: LocalCurvature, predicted: number): number {
  if (!Number.isFinite(there.loss)) return -1;
  const noise = noiseDigits * Number.EPSILON * Math.abs(at.loss);
  if (predicted > noise) return (at.loss - there.loss) / predicted;
  return norm(there.gradient) < norm(at.gradient) && there.loss - at.loss <= noise ? 1 : -1;
}

interface ModelStep {
  readonly step: Float64Array;
  readonly predicted: number;
}

/** The minimiser of g s + s H s / 2 over |s| <= radius, and how much the model falls there. */
export function modelStep({ gradient, hessian }: LocalCurvature, radius: number, saddleFree = false): ModelStep {
  const n = gradient.length;
  const factor = cholesky(hessian, n);
  if (factor) {
    const step = choleskySolve(factor, gradient).map((x) => -x);
    if (norm(step) <= radius) return { step, predicted: -dot(gradient, step) / 2 };
  }
  const { values, vectors } = symmetricEigen(hessian, n);
  const slopes = times(vectors, gradient);
  const weights = boundedStep(saddleFree ? values.map(Math.abs) : values, slopes, radius);
  const predicted = -weights.reduce(
    (sum, w, i) => sum + w * ((slopes[i] as number) + ((values[i] as number) * w) / 2),
    0,
  );
  return { step: combination(vectors, weights), predicted };
}

/** Newton steps on the secular equation; each at least halves the bracket or doubles the digits. */
const mostSecularSteps = 100;
const secularAccuracy = 1e-10;

/** The minimiser in the basis of the eigenvectors: s = -g / (values + shift), the shift such that |s| = radius or 0. */
function boundedStep(values: Float64Array, g: Float64Array, radius: number): Float64Array {
  const lowest = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const stepAt = (shift: number) => g.map((x, i) => (x === 0 ? 0 : -x / ((values[i] as number) + shift)));
  if (lowest > 0) {
    const whole = stepAt(0);
    if (norm(whole) <= radius) return whole;
  }
  let low = Math.max(0, -lowest);
  const hard = hardCase(values, g, { shift: low, lowest, radius });
  if (hard) return hard;
  let high = low + norm(g) / radius;
  let shift = high;
  for (let k = 0; k < mostSecularSteps; k++) {
    const step = stepAt(shift);
    const length = norm(step);
    if (Math.abs(length - radius) <= secularAccuracy * radius) return step;
    if (length > radius) low = shift;
    else high = shift;
    const slope = step.reduce((sum, s, i) => sum + (s * s) / ((values[i] as number) + shift), 0);
    const next = shift + ((length - radius) / radius) * (length ** 2 / slope);
    shift = next > low && next < high ? next : (low + high) / 2;
  }
  return stepAt(high);
}

/** Where the gradient has no part along the lowest eigenvalues, the rest of the radius is spent along the first of them. */
function hardCase(
  values: Float64Array,
  g: Float64Array,
  { shift, lowest, radius }: { readonly shift: number; readonly lowest: number; readonly radius: number },
): Float64Array | null {
  if (lowest > 0) return null;
  const margin = Number.EPSILON * Math.max(...values.map(Math.abs));
  const isLowest = (i: number) => (values[i] as number) - lowest <= margin;
  const negligible = Number.EPSILON * norm(g);
  if (g.some((x, i) => isLowest(i) && Math.abs(x) > negligible)) return null;
  const step = g.map((x, i) => (isLowest(i) ? 0 : -x / ((values[i] as number) + shift)));
  const rest = radius ** 2 - dot(step, step);
  if (rest < 0) return null;
  step[values.indexOf(lowest)] = lowest < 0 ? Math.sqrt(rest) : 0;
  return step;
}
