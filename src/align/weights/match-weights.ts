import type { Engine } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import type { Parameters } from "../../nets/index.ts";
import {
  act,
  type Factor,
  type GroupElement,
  identity,
  randomElement,
  type SymmetryGroup,
} from "../../symmetry/index.ts";
import { fold, permutation, type RngKey, type Tensor } from "../../tensor/index.ts";
import { headSets, withBetterHeads } from "../heads/index.ts";
import {
  assignGains,
  checkSame,
  currentValue,
  describeMatch,
  type Gains,
  gainsOf,
  gramEngine,
  innerProduct,
  type Match,
  type Matching,
  type Moved,
  matchingOf,
  movedBy,
  releaseGains,
  releaseScratches,
  type StartName,
  type UnitAssignment,
  withSigns,
} from "../matching/index.ts";
import { fingerprintStart } from "./fingerprint-start.ts";
import { blockFactors, freeFactors } from "./free-factors.ts";
import type { Descent, DescentState, MatchState } from "./match-state.ts";

export interface MatchOptions {
  readonly engine: Engine;
  readonly key: RngKey;
  /** How many starts are tried: from fingerprints, as the units stand, and then at random; defaults to 2. */
  readonly restarts?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: MatchProgress) => void;
  /** Where an earlier call with the same inputs and options was; the end is the same as without it. */
  readonly resume?: MatchState;
  /** Called after every set of units, to keep where the matching is. */
  readonly onState?: (state: () => MatchState) => Promise<void>;
}

export interface MatchProgress {
  readonly restart: number;
  /** Null while units are compared by their fingerprints. */
  readonly sweep: number | null;
  /** Sets of units looked at in this sweep, and all that it looks at. */
  readonly done: number;
  readonly total: number;
  /** Sets of units that may still improve. */
  readonly open: number;
}

/**
 * Matches the units of b to those of a by their weights (Git Re-Basin, arXiv 2209.04836): coordinate descent over the
 * factors of the group, each step a linear assignment, signs chosen with it, until no factor improves. Factors whose
 * neighbours have not moved are skipped.
 */
export async function matchWeights(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  options: MatchOptions,
): Promise<Match> {
  const { restarts = 2, key } = options;
  check(Number.isInteger(restarts) && restarts >= 1, () => ({
    code: "bad-option",
    where: "restarts",
    message: `expected at least 1, got ${restarts}`,
  }));
  checkSame(a, b, group);
  await using grams = gramEngine(options.engine);
  const matching = matchingOf(group, [a, b], { grams });
  const { resume, onState } = options;
  const onFactor = (done: number) => {
    const total = group.factors.length;
    options.signal?.throwIfAborted();
    options.onProgress?.({ restart: 0, sweep: null, done, total, open: total });
  };
  const fingerprint = resume?.fingerprint ?? (await fingerprintStart(matching, onFactor));
  const runs: Descent[] = [...(resume?.runs ?? [])];
  let moved: Moved | undefined;
  for (let restart = runs.length; restart < restarts; restart++) {
    const start = (["fingerprint", "identity"] as const)[restart] ?? "random";
    const element = startOf(group, { start, fingerprint, key: fold(key, "start", restart) });
    const from = restart === resume?.runs.length ? resume.descent : element;
    const onStep = (descent: () => DescentState) =>
      onState?.(() => ({ fingerprint, runs: [...runs], descent: descent() }));
    // What the start has computed holds for the descent from it.
    if (start !== "fingerprint") matching.kept.clear();
    const { moved: end, ...run } = await descend(matching, from, { ...options, restart, onStep });
    if (runs.every(({ objective }) => objective < run.objective)) moved = end;
    runs.push({ start, ...run });
  }
  releaseScratches(matching.scratch);
  const best = runs.reduce((most, run) => (run.objective > most.objective ? run : most));
  const starts = runs.map(({ start, objective, sweeps }) => ({ start, objective, sweeps }));
  return describeMatch(matching, best.element, { starts, gaps: best.gaps, moved });
}

interface Start {
  readonly start: StartName;
  readonly fingerprint: GroupElement;
  readonly key: RngKey;
}

/** The element to start from. */
export function startOf(group: SymmetryGroup, { start, fingerprint, key }: Start): GroupElement {
  if (start === "fingerprint") return fingerprint;
  const still = identity(group);
  const drawn = start === "random" ? randomElement(group, key, { spread: 1 }) : still;
  const blocks = blockFactors(group);
  return {
    permutations: drawn.permutations.map((units, factor) =>
      blocks.has(factor) ? (fingerprint.permutations[factor] as Int32Array) : units,
    ),
    scales: still.scales,
  };
}

const MOST_SWEEPS = 200;

/** Sweeps after which products are computed anew, before rounding adds up. */
const FRESH_SWEEPS = 8;

interface DescentOptions extends MatchOptions {
  readonly restart: number;
  readonly onStep?: (state: () => DescentState) => Promise<void> | undefined;
}

interface Ended extends Omit<Descent, "start"> {
  readonly moved: Moved;
}

/** Coordinate descent from one start. */
export async function descend(
  matching: Matching,
  from: GroupElement | DescentState,
  options: DescentOptions,
): Promise<Ended> {
  const { group, sites } = matching;
  const neighbours = neighboursOf(sites.map((each) => each.map(({ tensor }) => tensor)));
  const free = freeFactors(group);
  const heads = headSets(group);
  const known = "sweeps" in from ? from : null;
  const open = new Set(known?.open ?? free);
  const gaps = [...(known?.gaps ?? group.factors.map(() => 0))];
  const duals = new Map<number, UnitAssignment["duals"]>(known?.duals);
  let element = "sweeps" in from ? from.element : from;
  let sweeps = known?.sweeps ?? 0;
  let pending = [...(known?.pending ?? [])];
  /** Only where nothing is kept that a descent from this state would not have. */
  const report = async (at: number) => {
    if (matching.kept.size > 0) return;
    const where = { element, sweeps: at, pending: [...pending], open: [...open], gaps: [...gaps] };
    const state = { ...where, duals: new Map(duals) };
    await options.onStep?.(() => state);
  };
  if (!known) await report(0);
  for (; (open.size > 0 || pending.length > 0) && sweeps < MOST_SWEEPS; sweeps++) {
    const order = permutation(fold(options.key, "order", options.restart, sweeps), free.length);
    if (pending.length === 0) pending = Array.from(order, (i) => free[i] as number).filter((each) => open.has(each));
    const total = pending.length;
    for (let factor = pending.shift(); factor !== undefined; factor = pending.shift()) {
      options.signal?.throwIfAborted();
      const done = total - pending.length - 1;
      options.onProgress?.({ restart: options.restart, sweep: sweeps, done, total, open: open.size });
      open.delete(factor);
      const gains = await gainsOf(matching, factor, element);
      const step = improve(matching, { factor, element, gains, duals, signal: options.signal });
      releaseGains(matching);
      gaps[factor] = step.gap;
      if (step.isBetter && isTrulyBetter(matching, factor, [element, step.element])) {
        element = step.element;
        for (const neighbour of neighbours[factor] ?? []) if (free.includes(neighbour)) open.add(neighbour);
      }
      const isSweepDone = pending.length === 0;
      const better = isSweepDone && open.size === 0 ? await withBetterHeads(matching, heads, element) : null;
      if (better) {
        element = better;
        for (const each of free) open.add(each);
      }
      if (isSweepDone && (sweeps + 1) % FRESH_SWEEPS === 0) matching.kept.clear();
      await report(isSweepDone ? sweeps + 1 : sweeps);
    }
  }
  const moved = movedBy(matching, element);
  return { element, objective: moved.objective, sweeps, gaps, moved };
}

/**
 * Where a tensor has the same units along two axes, as recurrent weights do, gains hold for small steps only: the objective
 * itself decides.
 */
function isTrulyBetter(
  { group, a, b, sites }: Matching,
  factor: number,
  [before, after]: readonly [GroupElement, GroupElement],
): boolean {
  const names = (sites[factor] ?? []).map(({ tensor }) => tensor);
  const axes = new Set((sites[factor] ?? []).map(({ tensor, run }) => `${tensor} ${run.place.axis}`));
  const own = [...new Set(names)];
  if (axes.size === own.length) return true;
  const parts = Object.fromEntries(own.map((name) => [name, b[name] as Tensor]));
  const [old, next] = [before, after].map((element) => innerProduct(a, act(group, element, parts), own));
  return (next as number) > (old as number);
}

/** For each factor those that index one of its tensors too. */
function neighboursOf(tensors: readonly (readonly string[])[]): number[][] {
  const users = new Map<string, number[]>();
  for (const [factor, names] of tensors.entries()) {
    for (const name of new Set(names)) users.set(name, [...(users.get(name) ?? []), factor]);
  }
  return tensors.map((names, factor) => {
    const all = new Set(names.flatMap((name) => users.get(name) ?? []));
    const isRecurrent = new Set(names).size < names.length;
    return [...all].filter((other) => other !== factor || isRecurrent);
  });
}

interface Step {
  readonly factor: number;
  readonly element: GroupElement;
  readonly gains: readonly Gains[];
  /** By factor, of its last assignment. */
  readonly duals: Map<number, UnitAssignment["duals"]>;
  readonly signal: AbortSignal | undefined;
}

/** The best units of one factor for the gains; the element stays the same where they are not better. */
function improve(matching: Matching, { factor, element, gains, duals, signal }: Step) {
  const { size } = matching.group.factors[factor] as Factor;
  const current = element.permutations[factor] as Int32Array;
  const before = currentValue(gains, element, { factor, size });
  const optionsOf = (copy: number) => {
    const known = duals.get(factor)?.[copy];
    const start = current.subarray(copy * size, (copy + 1) * size);
    return { start, ...(known && { duals: known }), ...(signal && { signal }) };
  };
  const assigned = assignGains(matching, factor, { gains, optionsOf });
  duals.set(factor, assigned.duals);
  const moved = { ...element, permutations: element.permutations.with(factor, assigned.units) };
  const better = withSigns(gains, moved, { factor, size });
  const after = currentValue(gains, better, { factor, size });
  const isBetter = after - before > 1e-12 * Math.max(1, Math.abs(before));
  return { isBetter, gap: assigned.gap, element: isBetter ? better : element };
}
