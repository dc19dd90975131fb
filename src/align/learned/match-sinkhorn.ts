import type { Dataset } from "../../data/index.ts";
import { check } from "../../errors.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { act, compose, type Factor, type GroupElement, identity, type SymmetryGroup } from "../../symmetry/index.ts";
import { fold, type RngKey, type Tensor, tensor, uniform } from "../../tensor/index.ts";
import { checkFit } from "../../train/index.ts";
import { assignUnits, gramEngine, type Matching, matchingOf } from "../matching/index.ts";
import { descend, freeFactors, matchWeights } from "../weights/index.ts";
import { adam } from "./adam.ts";
import {
  checkLearning,
  describeLearned,
  type LearnedMatch,
  type LearnedMatchOptions,
  weightOptions,
} from "./learned-match.ts";
import { between, inOneType, lossGradient, midpointLoss } from "./midpoint.ts";
import { sinkhorn, sinkhornGradient } from "./sinkhorn.ts";
import { softAction } from "./sinkhorn-action.ts";

export interface SinkhornMatchOptions extends LearnedMatchOptions {
  /** Learns by the loss on data between both networks; without it by the distance of their weights. */
  readonly data?: SinkhornData | undefined;
  /** The first and the last temperature; defaults to 1 and 0.1. */
  readonly temperatures?: readonly [number, number];
}

export interface SinkhornData {
  readonly network: Network;
  /** Its train split is used. */
  readonly dataset: Dataset;
  /** Half-way between both, as unless given, or drawn anew for every step. */
  readonly point?: "midpoint" | "random";
}

/**
 * Learns a doubly stochastic matrix for every factor in place of a permutation (Pena 2022, arXiv 2212.12042): Adam on
 * logits that Sinkhorn's operator turns into the matrices, with gradients by implicit differentiation and a temperature
 * that falls. They end as permutations by one linear assignment each, which coordinate descent then improves. Signs, and
 * blocks of other units, are those of the match by weights that comes first; of all three elements the best is kept.
 */
export async function matchSinkhorn(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  options: SinkhornMatchOptions,
): Promise<LearnedMatch> {
  const { engine, data } = options;
  checkLearning({ ...defaults, ...options });
  checkTemperatures(options.temperatures ?? defaults.temperatures);
  if (data) checkFit(data.network, data.dataset);
  const { element: first, starts } = await matchWeights(a, b, group, weightOptions(options));
  await using grams = gramEngine(engine);
  const [x, y] = inOneType([a, b]) as [Parameters, Parameters];
  const matching = matchingOf(group, [x, y], { grams });
  const projected = compose(group, await learnedUnits(matching, act(group, first, y), options), first);
  const { element: descended } = await descend(matching, projected, { ...weightOptions(options), restart: 0 });
  const measure = measureOf(matching, options);
  const before = await measure(first);
  let best = { element: first, value: before };
  for (const element of [projected, descended]) {
    const value = await measure(element);
    if (value < best.value) best = { element, value };
  }
  const learned = { measure: data ? "midpoint-loss" : "distance", before, after: best.value } as const;
  return await describeLearned(matchingOf(group, [a, b], { grams }), best.element, { starts, learned });
}

const defaults = { steps: 200, learningRate: 0.1, batchSize: 256, temperatures: [1, 0.1] } as const;

function checkTemperatures([hot, cold]: readonly [number, number]): void {
  check(Number.isFinite(hot) && hot >= cold && cold > 0, () => ({
    code: "bad-option",
    where: "temperatures",
    message: `expected positive numbers that do not rise, got ${hot} and ${cold}`,
  }));
}

function measureOf({ group, a, b }: Matching, { engine, signal, data }: SinkhornMatchOptions) {
  const lossOf = data
    ? midpointLoss({ ...data, engine, signal })
    : async (x: Parameters, y: Parameters) => distance(x, y, Object.keys(group.layouts)).value;
  return (element: GroupElement) => lossOf(a, act(group, element, b));
}

/** The permutations learned, from matrices that are uniform at first, for what is to be moved to be like `a`. */
export async function learnedUnits(
  { group, a, sites }: Matching,
  b: Parameters,
  options: SinkhornMatchOptions,
): Promise<GroupElement> {
  const { engine, signal, onProgress, steps, learningRate, temperatures } = { ...defaults, ...options };
  const [hot, cold] = temperatures;
  await using action = softAction(sites, engine);
  await using objective = await objectiveOf(a, { ...options, names: Object.keys(group.layouts) });
  const factors = freeFactors(group).map((factor) => softFactor(factor, group.factors[factor] as Factor));
  for (let step = 0; step < steps && factors.length > 0; step++) {
    signal?.throwIfAborted();
    const temperature = hot * (cold / hot) ** (step / Math.max(1, steps - 1));
    const units = new Map(factors.map(({ factor, plansAt }) => [factor, plansAt(temperature)]));
    const moved = await action.apply(b, units);
    const { value, slopes } = await objective.at(moved.parameters, step);
    onProgress?.({ step, steps, value });
    const gradients = await moved.gradient(slopes);
    for (const { factor, learn } of factors) {
      learn(gradients.get(factor) as Float64Array, { temperature, learningRate });
    }
  }
  const { permutations, scales } = identity(group);
  for (const { factor, plansAt } of factors) {
    permutations[factor]?.set(assignUnits(plansAt(cold), group.factors[factor] as Factor).units);
  }
  return { permutations, scales };
}

/** Sums of rows and columns that are this close to 1 are near enough for a step, as is a gradient this precise. */
const PLAN = { tolerance: 1e-3, iterations: 50 } as const;
const GRADIENT = { tolerance: 1e-4 } as const;

interface Learning {
  readonly temperature: number;
  readonly learningRate: number;
}

/** The matrices of a factor's copies, and the logits that they are made from. */
function softFactor(factor: number, { size, copies }: Factor) {
  const area = size * size;
  const logits = new Float64Array(copies * area);
  const plans = new Float64Array(copies * area);
  const update = adam(copies * area);
  const columns = new Map<number, Float64Array>();
  const eachCopy = (visit: (copy: number, of: (all: Float64Array) => Float64Array) => void) => {
    for (let copy = 0; copy < copies; copy++) visit(copy, (all) => all.subarray(copy * area, (copy + 1) * area));
  };
  return {
    factor,
    plansAt(temperature: number): Float64Array {
      eachCopy((copy, of) => {
        const found = sinkhorn(of(logits), size, { ...PLAN, temperature, columns: columns.get(copy) });
        columns.set(copy, found.columns);
        of(plans).set(found.plan);
      });
      return plans;
    },
    learn(gradient: Float64Array, { temperature, learningRate }: Learning): void {
      const slope = new Float64Array(copies * area);
      eachCopy((_, of) => of(slope).set(sinkhornGradient(of(plans), of(gradient), { ...GRADIENT, temperature })));
      update(logits, slope, learningRate);
    },
  };
}

interface Objective extends AsyncDisposable {
  at(moved: Parameters, step: number): Promise<{ readonly value: number; readonly slopes: Parameters }>;
}

async function objectiveOf(
  a: Parameters,
  options: SinkhornMatchOptions & { readonly names: readonly string[] },
): Promise<Objective> {
  const { data, engine, signal, key, batchSize } = { ...defaults, ...options };
  if (!data) return { at: async (moved) => distance(a, moved, options.names), [Symbol.asyncDispose]: async () => {} };
  const names = data.network.parameters.map(({ name }) => name);
  const { dtype } = a[names[0] as string] as Tensor;
  const slope = await lossGradient({ ...data, engine, signal }, { batchSize, dtype, key: fold(key, "batches") });
  return {
    async at(moved, step) {
      const t = data.point === "random" ? pointOf(key, step) : 0.5;
      const { loss, gradients } = await slope.at(between(a, moved, { t, names }), step);
      return { value: loss, slopes: gradients };
    },
    [Symbol.asyncDispose]: () => slope[Symbol.asyncDispose](),
  };
}

function pointOf(key: RngKey, step: number): number {
  return uniform(fold(key, "point", step), [1], { dtype: "float64" }).data[0] as number;
}

/** The squared distance of two networks in some parameters, and its gradients in the second. */
function distance(a: Parameters, b: Parameters, names: readonly string[]): { value: number; slopes: Parameters } {
  let value = 0;
  const slopes = names.map((name) => {
    const { dtype, shape, data } = a[name] as Tensor;
    const other = b[name] as Tensor;
    const slope = (data as Float64Array<ArrayBuffer>).map((x, i) => 2 * ((other.data[i] as number) - x));
    value += slope.reduce((sum, each) => sum + each * each, 0) / 4;
    return [name, tensor(dtype, shape, slope)] as const;
  });
  return { value, slopes: Object.fromEntries(slopes) };
}
