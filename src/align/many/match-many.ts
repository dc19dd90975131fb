import type { Engine } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import type { Parameters } from "../../nets/index.ts";
import { act, compose, type GroupElement, identity, inverse, type SymmetryGroup } from "../../symmetry/index.ts";
import { convert, fold, permutation, type RngKey, type Tensor, tensor } from "../../tensor/index.ts";
import {
  checkFinite,
  cosine,
  entriesOf,
  type GramEngine,
  gramEngine,
  innerProduct,
  type Matching,
  matchingOf,
  type StartName,
  siteRuns,
  sortedBound,
} from "../matching/index.ts";
import { average, type Merge, sharesOf } from "../merging/index.ts";
import { descend, fingerprintStart, startOf } from "../weights/index.ts";

export interface ManyOptions {
  readonly engine: Engine;
  readonly key: RngKey;
  /** How many starts are tried: from fingerprints, as the units stand, and then at random; defaults to 2. */
  readonly restarts?: number;
  /** The parts of the networks in the mean, the same unless given; they do not change how units are matched. */
  readonly weights?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: ManyProgress) => void;
}

export interface ManyProgress {
  readonly restart: number;
  readonly stage: "frank-wolfe" | "ascent";
  /** Iterations of Frank-Wolfe, or sweeps over the networks. */
  readonly round: number;
}

/** Several networks, numbered alike, as one. */
export interface ManyMerge extends Pick<Merge, "parameters" | "parents"> {
  /** What makes the parents of the networks: nothing for the first. The map from b to a is inverse(a) after b. */
  readonly elements: readonly GroupElement[];
  /** The sum of the inner products of all pairs; `bound` is what no permutations can exceed. */
  readonly objective: { readonly before: number; readonly after: number; readonly bound: number };
  readonly pairs: readonly PairMatch[];
  /** The objective that each start led to. */
  readonly starts: readonly StartOutcome[];
}

/** How well two of several networks are matched. */
export interface PairMatch {
  readonly a: number;
  readonly b: number;
  /** Cosines of all parameters that the group knows, as stored and as matched. */
  readonly cosineBefore: number;
  readonly cosineAfter: number;
}

export interface StartOutcome {
  readonly start: StartName;
  readonly objective: number;
  /** Sweeps over all networks. */
  readonly sweeps: number;
}

/** Networks while they are matched, in the type that is computed in. */
export interface ManyMatching {
  readonly group: SymmetryGroup;
  readonly models: readonly Parameters[];
  readonly sites: Matching["sites"];
  readonly grams: GramEngine;
}

/** What is known of the end that a start led to. */
export type Outcome = Omit<StartOutcome, "start">;

/** Improves the elements that a start gives. */
export type Improve<O extends Outcome> = (
  matching: ManyMatching,
  elements: readonly GroupElement[],
  restart: number,
) => Promise<Improved<O>>;

export interface Improved<O extends Outcome> {
  readonly elements: readonly GroupElement[];
  readonly outcome: O;
}

/** Improves every start, and merges with the elements of the best end. */
export async function matchMany<O extends Outcome>(
  models: readonly Parameters[],
  group: SymmetryGroup,
  { options, improve }: { readonly options: ManyOptions; readonly improve: Improve<O> },
): Promise<Omit<ManyMerge, "starts"> & { readonly starts: readonly ({ readonly start: StartName } & O)[] }> {
  const { restarts = 2, key, weights } = options;
  checkMany(models, group, { restarts, weights });
  await using grams = gramEngine(options.engine);
  const matching: ManyMatching = { group, models: inOneType(models, group), sites: siteRuns(group), grams };
  const fingerprints = [identity(group)];
  for (let i = 1; i < models.length; i++) fingerprints.push(await fingerprintStart(pairOf(matching, i)));
  const runs = [];
  for (let restart = 0; restart < restarts; restart++) {
    const start: StartName = (["fingerprint", "identity"] as const)[restart] ?? "random";
    const elements = fingerprints.map((fingerprint, i) =>
      startOf(group, { start, fingerprint, key: fold(key, "start", restart, i) }),
    );
    runs.push({ start, ...(await improve(matching, elements, restart)) });
  }
  const best = runs.reduce((most, run) => (run.outcome.objective > most.outcome.objective ? run : most));
  const starts = runs.map(({ start, outcome }) => ({ start, ...outcome }));
  return { ...describeMany(models, group, { elements: best.elements, weights }), starts };
}

interface Limits {
  readonly restarts: number;
  readonly weights: readonly number[] | undefined;
}

function checkMany(models: readonly Parameters[], group: SymmetryGroup, { restarts, weights }: Limits): void {
  check(Number.isInteger(restarts) && restarts >= 1, () => ({
    code: "bad-option",
    where: "restarts",
    message: `expected at least 1, got ${restarts}`,
  }));
  sharesOf(models, weights);
  for (const [i, model] of models.entries()) checkFinite(model, group, `network ${i + 1} of ${models.length}`);
}

function inOneType(models: readonly Parameters[], group: SymmetryGroup): Parameters[] {
  const names = Object.keys(group.layouts);
  const isWide = names.some((name) => models.some((model) => model[name]?.dtype === "float64"));
  return models.map((model) =>
    Object.fromEntries(names.map((name) => [name, convert(model[name] as Tensor, isWide ? "float64" : "float32")])),
  );
}

function pairOf({ models, group, ...shared }: ManyMatching, index: number, a = models[0] as Parameters): Matching {
  return matchingOf(group, [a, models[index] as Parameters], shared);
}

/** Sweeps over all networks at most; each but the last improves the objective. */
const MOST_SWEEPS = 200;

/**
 * Matches one network after another, in an order of its own for each sweep, to the sum of all others as they are matched,
 * until none improves.
 */
export async function ascend(
  matching: ManyMatching,
  start: readonly GroupElement[],
  { restart, engine, key, signal, onProgress }: ManyOptions & { readonly restart: number },
): Promise<Improved<Outcome>> {
  const { group, models } = matching;
  const names = Object.keys(group.layouts);
  const elements = [...start];
  const parentOf = (i: number) => act(group, elements[i] as GroupElement, models[i] as Parameters);
  let total = models.map((_, i) => parentOf(i)).reduce((sum, parent) => plus(sum, parent, 1), {});
  let sweeps = 0;
  for (let isBetter = true; isBetter && sweeps < MOST_SWEEPS; sweeps++) {
    isBetter = false;
    onProgress?.({ restart, stage: "ascent", round: sweeps });
    for (const i of permutation(fold(key, "networks", restart, sweeps), models.length)) {
      const parent = parentOf(i);
      const others = plus(total, parent, -1);
      const pair = pairOf(matching, i, likeTypes(others, parent));
      const own = { engine, signal, key: fold(key, "network", sweeps, i), restart };
      const found = await descend(pair, elements[i] as GroupElement, own);
      const before = innerProduct(pair.a, parent, names);
      if (found.objective - before <= 1e-12 * Math.max(1, Math.abs(before))) continue;
      elements[i] = found.element;
      total = plus(others, parentOf(i), 1);
      isBetter = true;
    }
  }
  const parents = models.map((_, i) => parentOf(i));
  const objective = pairSum(parents, (a, b) => innerProduct(a, b, names));
  return { elements, outcome: { objective, sweeps } };
}

/** a + sign b in double precision. */
function plus(a: Parameters, b: Parameters, sign: 1 | -1): Parameters {
  const sums = Object.entries(b).map(([name, { shape, data }]) => {
    const known = a[name]?.data as Float64Array | undefined;
    const values = Float64Array.from(data as Float64Array, (x, i) => (known?.[i] ?? 0) + sign * x);
    return [name, tensor("float64", shape, values)] as const;
  });
  return Object.fromEntries(sums);
}

function likeTypes(parameters: Parameters, like: Parameters): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, each]) => [name, convert(each, (like[name] as Tensor).dtype)]),
  );
}

function pairsOf(count: number): (readonly [number, number])[] {
  return Array.from({ length: count }, (_, b) => Array.from({ length: b }, (_, a) => [a, b] as const)).flat();
}

function pairSum(models: readonly Parameters[], of: (a: Parameters, b: Parameters) => number): number {
  return pairsOf(models.length).reduce((sum, [a, b]) => sum + of(models[a] as Parameters, models[b] as Parameters), 0);
}

interface Numbering {
  readonly elements: readonly GroupElement[];
  readonly weights: readonly number[] | undefined;
}

/** The networks numbered as the first is, which changes no inner product. */
function describeMany(
  models: readonly Parameters[],
  group: SymmetryGroup,
  { elements: universal, weights }: Numbering,
): Omit<ManyMerge, "starts"> {
  const back = inverse(group, universal[0] as GroupElement);
  const elements = universal.map((element) => compose(group, back, element));
  const parents = models.map((model, i) => act(group, elements[i] as GroupElement, model));
  const names = Object.keys(group.layouts);
  const objectiveOf = (all: readonly Parameters[]) => pairSum(all, (a, b) => innerProduct(a, b, names));
  const pairs = pairsOf(models.length).map(([a, b]): PairMatch => {
    const [cosineBefore, cosineAfter] = [models, parents].map((all) =>
      cosine(all[a] as Parameters, all[b] as Parameters, names),
    ) as [number, number];
    return { a, b, cosineBefore, cosineAfter };
  });
  const boundOf = (a: Parameters, b: Parameters) =>
    names.reduce((sum, name) => sum + sortedBound(entriesOf(a[name] as Tensor), entriesOf(b[name] as Tensor)), 0);
  const bound = pairSum(models, boundOf);
  const objective = { before: objectiveOf(models), after: objectiveOf(parents), bound };
  return { parameters: average(parents, weights), parents, elements, objective, pairs };
}
