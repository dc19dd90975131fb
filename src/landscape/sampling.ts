import { check } from "../errors.ts";

/** Means over all samples at one point of a path. */
export interface ProfilePoint {
  /** 0 at the first network, 1 at the second. */
  readonly t: number;
  readonly loss: number;
  /** Fraction of wrong answers; null for regression. */
  readonly error: number | null;
}

/** Loss and error along a path, both ends among them, in the order of t. */
export interface Profile {
  readonly points: readonly ProfilePoint[];
  /** How closely the maxima are known; null for samples on a grid alone, whose maximum is too low. */
  readonly refinement: Refinement | null;
}

export interface Refinement {
  /** Sampling ended when twice no maximum rose by more than this, relative to itself where it is above 1. */
  readonly tolerance: number;
  /** By how much the maxima still rose in the last round. */
  readonly change: number;
}

export interface SamplingOptions {
  /** Points of the even grid that sampling starts with, both ends included; 25 unless given. */
  readonly points?: number;
  /** Adds points around the largest until twice no maximum rises by more; null for the grid alone, 1e-4 unless given. */
  readonly tolerance?: number | null;
}

/** Measures several points at once. */
export type Measurer = (positions: readonly number[]) => Promise<readonly ProfilePoint[]>;

/**
 * Samples a curve on a grid, then around the largest of its loss, of its error, and of what these have over the chord: at
 * the vertex of the parabola through a peak and its neighbours, and at the thirds of the intervals beside it.
 */
export async function sampleCurve(measure: Measurer, options: SamplingOptions = {}): Promise<Profile> {
  const { points = 25, tolerance = 1e-4 } = options;
  checkSampling(points, tolerance);
  let samples = await measure(Array.from({ length: points }, (_, i) => i / (points - 1)));
  if (tolerance === null) return { points: samples, refinement: null };
  let quiet = 0;
  let change = 0;
  while (quiet < QUIET_ROUNDS) {
    const positions = positionsAround(samples, tolerance);
    const before = maxima(samples);
    if (positions.length > 0) samples = [...samples, ...(await measure(positions))].sort((a, b) => a.t - b.t);
    change = largestRise(before, maxima(samples));
    quiet = change <= tolerance ? quiet + 1 : 0;
  }
  return { points: samples, refinement: { tolerance, change } };
}

// By chance one round may add no point nearer to a maximum than the nearest of those before.
const QUIET_ROUNDS = 2;

function largestRise(before: readonly number[], after: readonly number[]): number {
  const rises = after.map((most, i) => (most - (before[i] as number)) / Math.max(1, Math.abs(most)));
  return Math.max(0, ...rises.filter(Number.isFinite));
}

function checkSampling(points: number, tolerance: number | null): void {
  check(Number.isInteger(points) && points >= 2, () => ({
    code: "bad-option",
    where: "profile",
    message: `expected at least 2 points, got ${points}`,
    remedy: "a path has two ends",
  }));
  check(tolerance === null || tolerance > 0, () => ({
    code: "bad-option",
    where: "profile",
    message: `expected a tolerance above 0, got ${tolerance}`,
  }));
}

/** The curves whose maxima are looked for. */
function curvesOf(samples: readonly ProfilePoint[]): number[][] {
  const losses = samples.map(({ loss }) => loss);
  const errors = samples.flatMap(({ error }) => error ?? []);
  return [losses, ...(errors.length > 0 ? [errors] : [])].flatMap((values) => {
    return [values, overChord(samples.map(({ t }, i) => [t, values[i] as number]))];
  });
}

function maxima(samples: readonly ProfilePoint[]): number[] {
  return curvesOf(samples).map(largest);
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

/** Where to measure next: nowhere so near to another point that a smooth maximum between would be within the tolerance. */
function positionsAround(samples: readonly ProfilePoint[], tolerance: number): number[] {
  const nearest = Math.sqrt(tolerance) / 30;
  const ts = samples.map(({ t }) => t);
  const around = curvesOf(samples).flatMap((values) => peaks(values).flatMap((at) => besidePeak(ts, values, at)));
  const positions: number[] = [];
  for (const t of around.sort((a, b) => a - b)) {
    if (t - (positions.at(-1) ?? -1) > nearest && ts.every((at) => Math.abs(at - t) > nearest)) positions.push(t);
  }
  return positions;
}

// An error goes up and down by single samples: around its maximum there are many of nearly the same height.
const MOST_PEAKS = 2;

/** Local maxima that would be the largest if they rose once more by what they rise above their neighbours. */
function peaks(values: readonly number[]): number[] {
  const most = largest(values);
  if (!Number.isFinite(most)) return [];
  const rising = [...values.keys()].flatMap((at) => {
    const value = values[at] as number;
    const neighbours = [values[at - 1] ?? value, values[at + 1] ?? value];
    const reach = value + (value - Math.min(...neighbours));
    return neighbours.every((each) => value >= each) && reach >= most ? [{ at, reach }] : [];
  });
  const highest = rising.sort((a, b) => b.reach - a.reach).slice(0, MOST_PEAKS);
  return highest.map(({ at }) => at);
}

function besidePeak(ts: readonly number[], values: readonly number[], at: number): number[] {
  const t = ts[at] as number;
  const beside = [ts[at - 1], ts[at + 1]].flatMap((other) => other ?? []);
  const thirds = beside.flatMap((other) => [1 / 3, 2 / 3].map((part) => t + part * (other - t)));
  const vertex = beside.length === 2 ? vertexOf(ts.slice(at - 1, at + 2), values.slice(at - 1, at + 2)) : Number.NaN;
  return Number.isFinite(vertex) ? [...thirds, vertex] : thirds;
}

/** Where the parabola through three points, the middle one no lower than the others, is highest. */
function vertexOf(ts: readonly number[], values: readonly number[]): number {
  const [a, b, c] = ts as [number, number, number];
  const [fa, fb, fc] = values as [number, number, number];
  const [left, right] = [(b - a) * (fb - fc), (b - c) * (fb - fa)];
  return b - ((b - a) * left - (b - c) * right) / (2 * (left - right));
}

/** Values by t, both ends included. */
export type Curve = readonly (readonly [t: number, value: number])[];

/** What every point of a curve has above the straight line between the values of its ends. */
export function overChord(curve: Curve): number[] {
  const [start, end] = endsOf(curve);
  // From the nearer end, so that both ends and a curve that is constant are exactly at zero.
  return curve.map(([t, value]) => {
    return value - (t < 0.5 ? start + t * (end - start) : end - (1 - t) * (end - start));
  });
}

/** The values of both ends of a curve. */
export function endsOf(curve: Curve): readonly [number, number] {
  const [[, start], [, end]] = [curve.at(0), curve.at(-1)] as [Curve[0], Curve[0]];
  return [start, end];
}
