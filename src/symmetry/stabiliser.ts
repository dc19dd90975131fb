import { factorial } from "../counting/index.ts";
import type { Parameters } from "../nets/index.ts";
import { toNumbers } from "../tensor/index.ts";
import { actOnTensor } from "./act.ts";
import { inCanonicalGauge, roundingOf } from "./canonical.ts";
import { FEATURES, unitSums } from "./contract.ts";
import { identity } from "./element.ts";
import { fingerprints, type Placed, type RunAt, sitesByFactor } from "./fingerprint.ts";
import type { Factor, SymmetryGroup } from "./group.ts";

/** The elements of the group that leave given parameters as they are. */
export interface Stabiliser {
  /** Units that cannot be told apart, with the factor and the copy they belong to. */
  readonly identical: readonly UnitSet[];
  /** Units that some weight tensor has only zeros for: nothing comes in, or nothing goes out. */
  readonly dead: readonly (UnitSet & { readonly tensor: string })[];
  /** Permutations in the stabiliser: the product of the factorials of the sets of identical units. */
  readonly permutations: bigint;
  /** Numbers that differ by less than this part of their tensor's largest are taken for equal. */
  readonly tolerance: number;
}

export interface UnitSet {
  readonly factor: number;
  readonly copy: number;
  readonly units: readonly number[];
}

/**
 * Units that are identical once scales and signs are in their canonical gauge, and units that are dead. By the
 * orbit-stabiliser theorem an orbit has as many members as the group, divided by the order of the stabiliser.
 */
export function stabiliser(group: SymmetryGroup, parameters: Parameters): Stabiliser {
  const tolerance = roundingOf(parameters);
  const { tensors } = inCanonicalGauge(group, parameters);
  const sites = sitesByFactor(group, tensors);
  const { features } = fingerprints(group, tensors);
  const identical = group.factors.flatMap((factor, number) => {
    const candidates = factor.permutes ? lookalikes(factor, features[number] as Float64Array, tolerance) : [];
    return candidates.flatMap((set) =>
      confirmed(group, { ...set, factor: number }, { sites: sites[number] ?? [], tolerance }),
    );
  });
  const permutations = identical.reduce((order, { units }) => order * factorial(units.length), 1n);
  return { identical, dead: deadUnits(group, tensors), permutations, tolerance };
}

type Candidates = Omit<UnitSet, "factor">;

/** Sets of units with the same fingerprint. */
function lookalikes({ size, copies }: Factor, features: Float64Array, tolerance: number): Candidates[] {
  const feature = (unit: number, i: number) => features[unit * FEATURES + i] as number;
  const areAlike = (a: number, b: number) =>
    Array.from({ length: FEATURES }, (_, i) => Math.abs(feature(a, i) - feature(b, i))).every((x) => x < 8 * tolerance);
  return Array.from({ length: copies }, (_, copy) => {
    const start = copy * size;
    const order = Array.from({ length: size }, (_, unit) => unit).sort(
      (a, b) => feature(start + a, 0) - feature(start + b, 0),
    );
    const sets: number[][] = [];
    for (const unit of order) {
      const set = sets.at(-1);
      if (set && areAlike(start + (set[0] as number), start + unit)) set.push(unit);
      else sets.push([unit]);
    }
    return sets.filter((units) => units.length > 1).map((units) => ({ copy, units: units.sort((a, b) => a - b) }));
  }).flat();
}

/** The units that can be exchanged with the first of the set without a change, as one set. */
function confirmed(
  group: SymmetryGroup,
  { factor, copy, units }: UnitSet,
  { sites, tolerance }: { readonly sites: readonly RunAt[]; readonly tolerance: number },
): UnitSet[] {
  const [first, ...others] = units as [number, ...number[]];
  const placed = new Set(sites.map((site) => site.placed));
  const { size } = group.factors[factor] as Factor;
  const isSame = (unit: number) => {
    const exchange = identity(group);
    exchange.permutations[factor]?.set([unit], copy * size + first);
    exchange.permutations[factor]?.set([first], copy * size + unit);
    return [...placed].every(({ layout, tensor }) => {
      const [before, after] = [toNumbers(tensor), toNumbers(actOnTensor(layout, exchange, tensor))];
      const largest = before.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      return before.every((x, i) => Math.abs(x - (after[i] as number)) <= tolerance * largest);
    });
  };
  const same = others.filter(isSame);
  return same.length > 0 ? [{ factor, copy, units: [first, ...same] }] : [];
}

function deadUnits(group: SymmetryGroup, tensors: ReadonlyMap<string, Placed>): (UnitSet & { tensor: string })[] {
  return [...tensors].flatMap(([tensor, placed]) =>
    placed.layout.shape.length < 2
      ? []
      : placed.runs.flatMap((run) => deadAt(group, { placed, run }).map((set) => ({ ...set, tensor }))),
  );
}

function deadAt(group: SymmetryGroup, { placed, run }: RunAt): UnitSet[] {
  if (run.factor === null) return [];
  const { size, copies } = group.factors[run.factor] as Factor;
  const sums = unitSums(placed, run, { squares: true });
  return Array.from({ length: copies }, (_, copy) => {
    const units = Array.from({ length: size }, (_, unit) => unit).filter((unit) => sums[copy * size + unit] === 0);
    return { factor: run.factor as number, copy, units };
  }).filter(({ units }) => units.length > 0);
}
