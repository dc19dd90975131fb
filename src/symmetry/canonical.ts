import type { Parameters } from "../nets/index.ts";
import type { DType } from "../tensor/index.ts";
import { act } from "./act.ts";
import { FEATURES } from "./contract.ts";
import { compose, type GroupElement, identity, sourceCopy } from "./element.ts";
import { type Fingerprints, fingerprints, placedTensors } from "./fingerprint.ts";
import { canonicalGauge } from "./gauge.ts";
import type { Factor, SymmetryGroup } from "./group.ts";

/** The representative of an orbit, and the element that leads to it. */
export interface CanonicalForm {
  readonly parameters: Parameters;
  readonly element: GroupElement;
}

/**
 * One representative for all parameters that permutations, scales and signs make of each other: first the gauge of every
 * unit, then its place, in the order of fingerprints. Members of one orbit have the same canonical form up to the
 * rounding of their own type, bit by bit where they differ by permutations and signs alone.
 */
export function canonicalForm(group: SymmetryGroup, parameters: Parameters): CanonicalForm {
  const { gauge, tensors } = inCanonicalGauge(group, parameters);
  const element = compose(group, sortingElement(group, fingerprints(group, tensors)), gauge);
  return { parameters: act(group, element, parameters), element };
}

/** The element that brings parameters to their canonical gauge, and what it makes of each tensor. */
export function inCanonicalGauge(group: SymmetryGroup, parameters: Parameters) {
  const tolerance = roundingOf(parameters);
  const gauge = canonicalGauge(group, placedTensors(group, parameters), { tolerance });
  return { gauge, tensors: placedTensors(group, parameters, gauge) };
}

const roundings: { readonly [D in DType]?: number } = {
  float64: 2 ** -38,
  float32: 2 ** -19,
  float16: 2 ** -8,
  bfloat16: 2 ** -5,
};

/** What counts as no difference between two numbers: a few roundings of the coarsest type among the parameters. */
export function roundingOf(parameters: Parameters): number {
  return Math.max(...Object.values(parameters).map(({ dtype }) => roundings[dtype] ?? 0), 2 ** -38);
}

/** The permutations that bring the units of every factor, and of every copy, into the order of their fingerprints. */
function sortingElement(group: SymmetryGroup, { features }: Fingerprints): GroupElement {
  const element = identity(group);
  const done = new Set<number>();
  const sort = (factor: number) => {
    if (done.has(factor)) return;
    done.add(factor);
    const { size, copies, permutes, within } = group.factors[factor] as Factor;
    for (const outer of within) if (outer.factor !== null) sort(outer.factor);
    for (let copy = 0; permutes && copy < copies; copy++) {
      const from = sourceCopy(group, factor, { element, copy });
      const own = features[factor]?.subarray(from * size * FEATURES, (from + 1) * size * FEATURES);
      if (own) element.permutations[factor]?.set(sortedUnits(own), copy * size);
    }
  };
  for (const factor of group.factors.keys()) sort(factor);
  return element;
}

// Sums in another order differ by less; units that are alike to this degree keep the order in which they come.
const SAME = 1e-10;

function sortedUnits(features: Float64Array): number[] {
  const units = Array.from({ length: features.length / FEATURES }, (_, unit) => unit);
  return units.sort((a, b) => {
    for (let i = 0; i < FEATURES; i++) {
      const difference = (features[a * FEATURES + i] as number) - (features[b * FEATURES + i] as number);
      if (Math.abs(difference) > SAME) return difference;
    }
    return a - b;
  });
}
