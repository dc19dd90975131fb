import { dot, norm } from "../../tensor/index.ts";
import {
  type CriticalPoint,
  heldPairChart,
  inChart,
  type MinimizeOptions,
  minimize,
  type Objective,
  polish,
  subspaceChart,
} from "../../train/index.ts";
import { distanceBetween } from "../vectors.ts";
import { type Branch, branchAt, heldAt } from "./branch.ts";
import { notConverged } from "./not-converged.ts";
import { merged, outgoingApart, type UnitPair } from "./unit-pair.ts";

/** Where a path leaves the branch of critical points that it followed, or that branch changes its kind. */
export interface BranchChange {
  /**
   * "jump": the minimiser is elsewhere; "fold": the branch ends, its Hessian singular; "index": it goes on with another
   * index; "channel": it leads to infinity, the outgoing weights growing as the inverse of the distance.
   */
  readonly kind: "jump" | "fold" | "index" | "channel";
  readonly distance: number;
  /** How far the parameters move from the stop before. */
  readonly size: number;
  /** The change of the loss from the stop before. */
  readonly lossChange: number;
  /** Negative eigenvalues at held distance before and after. */
  readonly negative: readonly [before: number, after: number];
}

/** A place on the way to the permutation point. */
export interface Stop {
  readonly branch: Branch;
  readonly change: BranchChange | null;
}

export interface ApproachOptions {
  /** Equal steps in d (greedy), or the fewest (strict). */
  readonly steps: number;
  /** Largest norm of a gradient. */
  readonly tolerance: number;
  readonly signal?: AbortSignal | undefined;
}

/** Minimisers that are further away than so many times what the tangents at both ends explain are on another branch. */
const jumpFactor = 3;

/** Steps d0/T, 2 d0/T, ... with whatever minimum is found from the one before. */
export async function* greedyApproach(
  objective: Objective,
  pair: UnitPair,
  start: Branch,
  { steps, ...options }: ApproachOptions,
): AsyncGenerator<Stop> {
  let branch = start;
  for (let step = 1; step < steps; step++) {
    const distance = start.distance * (1 - step / steps);
    const next = await minimumAt(objective, pair, { branch, distance, ...options });
    yield { branch: next, change: jumpBetween(branch, next) };
    branch = next;
  }
}

interface Target extends Omit<ApproachOptions, "steps"> {
  readonly branch: Branch;
  readonly distance: number;
}

async function minimumAt(
  objective: Objective,
  pair: UnitPair,
  { branch, distance, tolerance, signal }: Target,
): Promise<Branch> {
  const chart = heldPairChart([heldAt(pair, distance, branch.held.direction)]);
  const [found] = (await minimize(inChart(objective, chart), [branch.y], searchOptions(tolerance, signal))) as [
    CriticalPoint,
  ];
  const next = await branchAt(objective, pair, chart.toPoint(found.point, 0));
  if (!(next.gradientNorm <= tolerance)) throw notConverged(next, tolerance);
  return next;
}

/** Newton's method squares the gradient from step to step: what is well below the tolerance costs a step. */
const margin = 0.01;

function searchOptions(tolerance: number, signal: AbortSignal | undefined): MinimizeOptions {
  return { gradientTolerance: margin * tolerance, ...(signal && { signal }) };
}

function jumpBetween(before: Branch, after: Branch): BranchChange | null {
  const moved = distanceBetween(before.x, after.x);
  const explained = Math.max(norm(before.velocity), norm(after.velocity)) * (before.distance - after.distance);
  return moved > jumpFactor * explained ? change("jump", before, after) : null;
}

function change(kind: BranchChange["kind"], before: Branch, after: Branch): BranchChange {
  return {
    kind,
    distance: after.distance,
    size: distanceBetween(before.x, after.x),
    lossChange: after.loss - before.loss,
    negative: [before.index.negative, after.index.negative],
  };
}

/** Fractions of d0: where the strict approach ends, and its shortest step. */
const [nearest, shortest] = [1e-3, 1e-5];

/** The part of the longest step within which a change of the index is found. */
const finest = 1 / 64;

/** How far a corrector may move, relative to its predictor; below the second the next step is twice as long. */
const [mostCorrection, littleCorrection] = [0.3, 0.05];

/**
 * Follows one branch of critical points: predictor along its tangent, corrector by Newton's method, steps halved where
 * the corrector goes elsewhere or the index changes. A branch that ends in a fold is left by minimising.
 */
export async function* strictApproach(
  objective: Objective,
  pair: UnitPair,
  start: Branch,
  { steps, ...options }: ApproachOptions,
): AsyncGenerator<Stop> {
  const longest = start.distance / steps;
  const [end, least] = [nearest * start.distance, shortest * start.distance];
  let branch = start;
  let length = longest;
  while (branch.distance > end + least) {
    options.signal?.throwIfAborted();
    const distance = Math.max(end, branch.distance - length);
    const next = await corrected(objective, pair, { branch, distance, ...options });
    const isSameIndex = next?.branch.index.negative === branch.index.negative;
    if (!isSameIndex && length > (next ? finest * longest : least)) {
      length /= 2;
      continue;
    }
    if (next) {
      yield { branch: next.branch, change: isSameIndex ? null : change("index", branch, next.branch) };
      length = !isSameIndex ? longest : next.correction < littleCorrection ? Math.min(longest, 2 * length) : length;
      branch = next.branch;
    } else {
      const beyond = Math.max(end, branch.distance - longest);
      const found = await minimumAt(objective, pair, { branch, distance: beyond, ...options });
      yield { branch: found, change: change("fold", branch, found) };
      [branch, length] = [found, longest];
    }
  }
}

interface Corrected {
  readonly branch: Branch;
  /** |x - predicted| / |predicted - x before| */
  readonly correction: number;
}

/** The point of the same branch at another distance; null where Newton's method does not find one close to the tangent. */
async function corrected(
  objective: Objective,
  pair: UnitPair,
  { branch, distance, tolerance, signal }: Target,
): Promise<Corrected | null> {
  const chart = heldPairChart([heldAt(pair, distance, branch.held.direction)]);
  const step = distance - branch.distance;
  const guess = branch.y.map((value, a) => value + step * (branch.slope[a] as number));
  const predicted = chart.toPoint(guess, 0);
  const [found] = (await polish(inChart(objective, chart), [guess], searchOptions(tolerance, signal))) as [
    CriticalPoint,
  ];
  const x = chart.toPoint(found.point, 0);
  const correction = distanceBetween(x, predicted) / distanceBetween(predicted, branch.x);
  if (!(correction <= mostCorrection)) return null;
  const next = await branchAt(objective, pair, x);
  return next.gradientNorm <= tolerance ? { branch: next, correction } : null;
}

/**
 * The canonical permutation point next to the end of an approach: a critical point among those with two equal units. A
 * branch with no such end, such as one in a channel to infinity, is left by minimising.
 */
export async function permutationPointNear(
  objective: Objective,
  pair: UnitPair,
  { branch, isStrict, tolerance, signal }: Omit<Target, "distance"> & { readonly isStrict: boolean },
): Promise<{ readonly x: Float64Array; readonly change: BranchChange | null }> {
  const before = merged(pair, branch.x);
  const velocity = merged(pair, branch.velocity);
  const guess = before.map((value, k) => value - branch.distance * (velocity[k] as number));
  const isChannel = partingRate(pair, branch) > 0.5;
  const basis = equalUnits(pair);
  const searchFrom = async (start: Float64Array, search: typeof polish | typeof minimize) => {
    const chart = subspaceChart(start, basis);
    const origin = new Float64Array(basis.length);
    const [found] = (await search(inChart(objective, chart), [origin], searchOptions(tolerance, signal))) as [
      CriticalPoint,
    ];
    return { ...found, x: merged(pair, chart.toPoint(found.point, 0)) };
  };
  const near = isStrict && !isChannel ? await searchFrom(guess, polish) : null;
  const isNear = near !== null && near.gradientNorm <= tolerance;
  const { x, ...found } = isNear ? near : await searchFrom(before, minimize);
  if (!(found.gradientNorm <= tolerance)) throw notConverged({ distance: 0, ...found }, tolerance);
  const size = distanceBetween(before, x);
  const isJump = size > jumpFactor * norm(velocity) * branch.distance + rounding * (1 + norm(x));
  const kind = isChannel ? "channel" : isJump ? "jump" : null;
  const lossChange = found.loss - branch.loss;
  const negative = [branch.index.negative, found.index.negative] as const;
  return { x, change: kind && { kind, distance: 0, size, lossChange, negative } };
}

/** -d log |a_i - a_j| / d log d with outgoing weights a: 0 towards a permutation point, 1 in a channel to infinity. */
function partingRate(pair: UnitPair, { x, velocity, distance }: Branch): number {
  const [difference, change] = [x, velocity].map((each) => outgoingApart(pair, each)) as [Float64Array, Float64Array];
  return (-distance * dot(difference, change)) / dot(difference, difference);
}

/** Newton's method leaves a minimum in the shape of a valley undecided by so much. */
const rounding = 1e-6;

/** An orthonormal basis of the space in which both units have the same weights. */
function equalUnits({ size, incoming, outgoing }: UnitPair): Float64Array[] {
  const [i, j] = [
    [...incoming[0], ...outgoing[0]],
    [...incoming[1], ...outgoing[1]],
  ];
  const partner = new Map(i.map((place, c) => [place, j[c] as number]));
  const second = new Set(j);
  return Array.from({ length: size }, (_, place) => place)
    .filter((place) => !second.has(place))
    .map((place) => {
      const vector = new Float64Array(size);
      const other = partner.get(place);
      for (const k of other === undefined ? [place] : [place, other]) {
        vector[k] = other === undefined ? 1 : Math.SQRT1_2;
      }
      return vector;
    });
}
