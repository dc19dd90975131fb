import { check } from "../errors.ts";
import type { Spheres } from "./spheres.ts";

/** Two points on each of several spheres around the origin: their norms, and the angle between them. */
export interface Arcs {
  readonly spheres: Spheres;
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** In radians; 0 also where one of the two is the origin. */
  readonly angles: Float64Array;
}

/** The numbers of a tensor; half precision has been converted. */
export type Entries = Float32Array | Float64Array;

/**
 * The arcs between the rows of two tensors. The angle is 2 atan2(|u - v|, |u + v|) for unit vectors u and v, which is
 * exact where the arc cosine of their product loses half of the digits (Kahan): at 0 and at pi.
 */
export function arcsBetween(spheres: Spheres, x: Entries, y: Entries): Arcs {
  const [from, to] = [norms(spheres, x), norms(spheres, y)];
  const [apart, together] = [new Float64Array(spheres.count), new Float64Array(spheres.count)];
  forEachStretch(spheres, (sphere, { start, end }) => {
    if (sphere < 0) return;
    const [p, q] = [1 / (from[sphere] as number), 1 / (to[sphere] as number)];
    let [difference, sum] = [0, 0];
    for (let i = start; i < end; i++) {
      const [u, v] = [p * (x[i] as number), q * (y[i] as number)];
      difference += (u - v) * (u - v);
      sum += (u + v) * (u + v);
    }
    apart[sphere] = (apart[sphere] as number) + difference;
    together[sphere] = (together[sphere] as number) + sum;
  });
  const angles = apart.map((squared, i) => 2 * Math.atan2(Math.sqrt(squared), Math.sqrt(together[i] as number)));
  return { spheres, from, to, angles: angles.map((angle, i) => (isPoint(from, to, i) ? 0 : angle)) };
}

function isPoint(from: Float64Array, to: Float64Array, sphere: number): boolean {
  return from[sphere] === 0 || to[sphere] === 0;
}

/** The square of the length of all arcs, each on the sphere whose radius is the mean of its ends: sum (n phi)^2. */
export function squaredLength({ from, to, angles }: Arcs): number {
  return angles.reduce((sum, angle, i) => sum + angle * angle * (from[i] as number) * (to[i] as number), 0);
}

// The rounding of single precision turns the plane of a geodesic as soon as its ends are this close to opposite.
const OPPOSITE = 1e-6;

/** Throws for ends that are opposite: the geodesics between them are many. */
export function checkArcs({ spheres, angles }: Arcs): void {
  const unit = angles.findIndex((angle) => Math.PI - angle < OPPOSITE);
  check(unit < 0, () => ({
    code: "opposite-ends",
    where: "geodesic",
    message: `expected ends that are not opposite, got unit ${unit} of ${JSON.stringify(spheres.tensor)} at ${angles[unit]} radians, where no direction is the shortest`,
    remedy: "take the straight line, or align the networks first",
  }));
}

/**
 * Moves along all arcs at once: q(t) = r(t) (sin((1 - t) phi) u + sin(t phi) v) / sin phi, with the radius r going from
 * one norm to the other evenly (slerp; arXiv 2202.03038, equation 3). Entries on no sphere move on straight lines.
 */
export function moveAlong(
  { spheres, from, to, angles }: Arcs,
  t: number,
  [x, y, out]: readonly [Entries, Entries, Entries],
) {
  forEachStretch(spheres, (sphere, stretch) => {
    const angle = sphere < 0 ? 0 : (angles[sphere] as number);
    if (angle === 0) {
      moveStraight(t, [x, y, out], stretch);
      return;
    }
    const [norm, other] = [from[sphere] as number, to[sphere] as number];
    const height = (norm + t * (other - norm)) / Math.sin(angle);
    const p = (height * Math.sin((1 - t) * angle)) / norm;
    const q = (height * Math.sin(t * angle)) / other;
    for (let i = stretch.start; i < stretch.end; i++) out[i] = p * (x[i] as number) + q * (y[i] as number);
  });
}

/** x + t (y - x), which is exactly x where both are the same. */
export function moveStraight(
  t: number,
  [x, y, out]: readonly [Entries, Entries, Entries],
  { start, end }: Stretch = { start: 0, end: out.length },
): void {
  for (let i = start; i < end; i++) {
    const from = x[i] as number;
    out[i] = from + t * ((y[i] as number) - from);
  }
}

function norms(spheres: Spheres, x: Entries): Float64Array {
  const squares = new Float64Array(spheres.count);
  forEachStretch(spheres, (sphere, { start, end }) => {
    if (sphere < 0) return;
    let sum = 0;
    for (let i = start; i < end; i++) sum += (x[i] as number) * (x[i] as number);
    squares[sphere] = (squares[sphere] as number) + sum;
  });
  return squares.map(Math.sqrt);
}

interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Visits every stretch with its sphere, which is -1 where it lies on none. */
function forEachStretch({ stretch, sphereOf }: Spheres, visit: (sphere: number, stretch: Stretch) => void): void {
  for (const [i, sphere] of sphereOf.entries()) visit(sphere, { start: i * stretch, end: (i + 1) * stretch });
}
