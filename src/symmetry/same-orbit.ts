import type { Parameters } from "../nets/index.ts";
import { toNumbers } from "../tensor/index.ts";
import { canonicalForm, roundingOf } from "./canonical.ts";
import { compose, type GroupElement, inverse } from "./element.ts";
import type { SymmetryGroup } from "./group.ts";

/** Whether two parameter sets are members of one orbit. */
export interface OrbitComparison {
  readonly sameOrbit: boolean;
  /** The largest difference of their canonical forms, relative to the largest entry of the tensor. */
  readonly maxRelative: number;
  readonly tolerance: number;
  /** What makes b of a where they are of one orbit. */
  readonly element: GroupElement | null;
}

/** Compares the canonical forms of two parameter sets under permutations, scales and signs. */
export function compareOrbits(group: SymmetryGroup, a: Parameters, b: Parameters): OrbitComparison {
  const [one, other] = [canonicalForm(group, a), canonicalForm(group, b)];
  const differences = Object.keys(group.layouts).map((name) => {
    const [x, y] = [one.parameters[name], other.parameters[name]];
    return x && y ? largestDifference(toNumbers(x), toNumbers(y)) : 0;
  });
  const maxRelative = Math.max(0, ...differences);
  const tolerance = 4 * Math.max(roundingOf(a), roundingOf(b));
  const sameOrbit = maxRelative <= tolerance;
  const element = sameOrbit ? compose(group, inverse(group, other.element), one.element) : null;
  return { sameOrbit, maxRelative, tolerance, element };
}

function largestDifference(x: readonly number[] | Float64Array, y: readonly number[] | Float64Array): number {
  let [largest, difference] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i] as number, y[i] as number];
    largest = Math.max(largest, Math.abs(p), Math.abs(q));
    // Written so that a NaN counts as a difference.
    if (!(Math.abs(p - q) <= difference)) difference = Number.isNaN(p - q) ? Number.POSITIVE_INFINITY : Math.abs(p - q);
  }
  return difference === 0 ? 0 : difference / largest;
}
