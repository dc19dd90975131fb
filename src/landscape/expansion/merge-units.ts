import { dot } from "../../tensor/index.ts";
import { type GaugedUnits, gaugedUnits } from "./gauged-units.ts";
import { keptUnits } from "./kept-units.ts";
import { alikeUnits, type Likeness, likeness, unitVectors, worse } from "./kinship.ts";
import type { LayerState } from "./layer-state.ts";
import { hasNextBiases, withConstant } from "./next-biases.ts";
import type { Rows } from "./unit-rows.ts";
import { scaled, silence, sizeOf, sumOfUnits, type UnitWeights, unitOf } from "./unit-weights.ts";

/** Units that are one: the first stands for all. */
interface Kin {
  readonly members: readonly number[];
  /** The sum of their outgoing weights, by site, in the gauge of the units. */
  readonly outgoing: UnitWeights;
}

/** Merges units that are equal, and drops those whose outgoing weights then are zero. */
export function withoutCopies(state: LayerState): LayerState {
  const { layer, thresholds, found } = state;
  const units = gaugedUnits(layer, state.parameters);
  const vectors = unitVectors(layer, units);
  const weights = Array.from({ length: units.count }, (_, unit) => sizeOf(unitOf(units.outgoing, unit)));
  const { groups, worst } = alikeUnits(vectors, weights, thresholds);
  const kin = groups.map((members) => ({
    members,
    outgoing: members.map((unit) => unitOf(units.outgoing, unit)).reduce(sumOfUnits),
  }));
  const isSilent = ({ outgoing }: Kin) => sizeOf(outgoing) <= thresholds.zero;
  const merged = mergedOpposites({ ...state, units, kin: kin.filter((each) => !isSilent(each)) });
  const silent = [...kin.filter(isSilent), ...merged.kin.filter(isSilent)];
  const loud = merged.kin.filter((each) => !isSilent(each));
  const left =
    loud.length > 0 ? loud : silent.splice(0, 1).map((each) => ({ ...each, outgoing: silence(each.outgoing) }));
  const ordered = left.toSorted((a, b) => (a.members[0] as number) - (b.members[0] as number));
  const leaders = ordered.map(({ members }) => members[0] as number);
  const number = new Map(leaders.map((unit, i) => [unit, i]));
  const original = (members: readonly number[]) => members.flatMap((unit) => found.copies[unit] ?? []);
  return {
    ...state,
    parameters: keptUnits(layer, merged.parameters, leaders, ungauged(units, ordered)),
    found: {
      ...found,
      copies: ordered.map(({ members }) => original(members)),
      zeroGroups: [...found.zeroGroups, ...silent.map(({ members }) => original(members))],
      opposite: merged.opposite.map(([a, b]) => [number.get(a) as number, number.get(b) as number]),
      worst: [found.worst, worst, merged.worst].reduce(worse),
      dropped: Math.max(found.dropped, ...silent.map(({ outgoing }) => sizeOf(outgoing))),
    },
  };
}

/** Outgoing rows by site and unit, of the first of each kin alone. */
function ungauged(units: GaugedUnits, kin: readonly Kin[]): readonly Rows[] {
  return units.outgoing.map((rows, place) => {
    const made = [...rows];
    for (const { members, outgoing } of kin) {
      const [unit] = members as readonly [number];
      made[unit] = units.ungauged(place, unit, outgoing[place] as Float64Array);
    }
    return made;
  });
}

interface Opposites extends LayerState {
  readonly units: GaugedUnits;
  readonly kin: readonly Kin[];
}

interface Merged extends Pick<LayerState, "parameters"> {
  readonly kin: readonly Kin[];
  /** Leaders of pairs that stay apart. */
  readonly opposite: readonly (readonly [number, number])[];
  readonly worst: Likeness;
}

/**
 * Merges units with opposite incoming weights where f(-z) = s f(z) - k z + c: outgoing weights a of the second become s a
 * of the first, -k a z goes nowhere and has to cancel with those of all other pairs, and c a goes into the next biases.
 */
function mergedOpposites(state: Opposites): Merged {
  const { layer, f, parameters, thresholds, kin } = state;
  const apart: Merged = { kin, parameters, opposite: [], worst: { angle: 0, size: 0 } };
  const parity = f?.parity;
  if (!parity) return apart;
  const pairs = oppositePairs(state);
  const { sign, slope, constant } = parity;
  const vectors = pairs.map(({ first }) => affineOf(state, first.members[0] as number));
  const outgoing = pairs.map(({ second }) => scaled(second.outgoing, -slope));
  const isLevel =
    slope === 0 ||
    lengthOfProducts(
      vectors.map(({ weights }) => weights),
      outgoing,
    ) <= thresholds.zero;
  const shifts = pairs.map(({ second }, i) => ({
    outgoing: second.outgoing,
    constant: constant - slope * (vectors[i]?.bias ?? 0),
  }));
  const isShifted = shifts.some((shift) => Math.abs(shift.constant) * sizeOf(shift.outgoing) > thresholds.zero);
  if (pairs.length === 0) return apart;
  if (!isLevel || (isShifted && !hasNextBiases(layer))) {
    return {
      ...apart,
      opposite: pairs.map(({ first, second }) => [first.members[0], second.members[0]] as [number, number]),
    };
  }
  const gone = new Set(pairs.map(({ second }) => second));
  const partner = new Map(pairs.map(({ first, second }) => [first, second]));
  const made = kin
    .filter((each) => !gone.has(each))
    .map((each) => {
      const other = partner.get(each);
      if (!other) return each;
      return {
        members: [...each.members, ...other.members],
        outgoing: sumOfUnits(each.outgoing, scaled(other.outgoing, sign)),
      };
    });
  return {
    kin: made,
    parameters: isShifted ? withConstant(layer, parameters, shifts) : parameters,
    opposite: [],
    worst: pairs.map(({ like }) => like).reduce(worse, apart.worst),
  };
}

interface Pair {
  readonly first: Kin;
  readonly second: Kin;
  readonly like: Likeness;
}

function oppositePairs({ layer, units, kin, thresholds }: Opposites): Pair[] {
  const vectors = unitVectors(layer, units);
  const taken = new Set<Kin>();
  return kin.flatMap((first, i) => {
    if (taken.has(first)) return [];
    for (const second of kin.slice(i + 1)) {
      if (taken.has(second)) continue;
      const [a, b] = [first.members[0] as number, second.members[0] as number];
      const like = likeness(vectors, vectors, { ...thresholds, isFlipped: true, i: a, j: b });
      if (like === null) continue;
      taken.add(second);
      return [{ first, second, like }];
    }
    return [];
  });
}

/** Weights and bias of a unit, in its gauge. */
function affineOf({ layer, units }: Opposites, unit: number) {
  const rowOf = (name: string | null | undefined) => {
    const place = layer.incoming.findIndex(({ tensor }) => tensor === name);
    return units.incoming[place]?.[unit];
  };
  return { weights: rowOf(layer.affine?.weight) as Float64Array, bias: rowOf(layer.affine?.bias)?.[0] ?? 0 };
}

/** The Frobenius norm of sum_i a_i w_i', without the matrix: its square is sum_ij (a_i . a_j) (w_i . w_j). */
function lengthOfProducts(weights: readonly Float64Array[], outgoing: readonly UnitWeights[]): number {
  const products = weights.flatMap((w, i) =>
    weights.map((v, j) => {
      const [a, b] = [outgoing[i] as UnitWeights, outgoing[j] as UnitWeights];
      return dot(w, v) * a.reduce((sum, row, place) => sum + dot(row, b[place] as Float64Array), 0);
    }),
  );
  return Math.sqrt(
    Math.max(
      0,
      products.reduce((sum, x) => sum + x, 0),
    ),
  );
}
