import {
  average,
  type ManyProgress,
  type Match,
  type Merge,
  matchCycleConsistently,
  mergeAligned,
  mergeMany,
  repair,
  taskArithmetic,
} from "../align/index.ts";
import type { Dataset } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { batchStatistics } from "../landscape/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { progressBar, type WeightsFile } from "../node/index.ts";
import { convert, type Tensor } from "../tensor/index.ts";
import type { Call } from "./command.ts";
import { matchOptions } from "./matching.ts";

/** All to the first, one after another to the sum of the others, or through one common numbering. */
export const togetherNames = ["to-first", "merge-many", "cycle-consistent"] as const;
export type Together = (typeof togetherNames)[number];

/** How several checkpoints become one. */
export interface Averaging {
  readonly a: WeightsFile;
  readonly models: readonly Parameters[];
  readonly engine: Engine;
  /** Which pairs the units are matched in; null where they stay as they are numbered. */
  readonly together: Together | null;
  readonly weights: readonly number[] | undefined;
  /** What the differences from the first are added with instead of averaging; undefined to average. */
  readonly taskScale: number | undefined;
  readonly restarts: number;
  /** The set that repair measures units on, and how; null for none. */
  readonly repair: { readonly dataset: Dataset; readonly form: "forward" | "closed" } | null;
}

/** One of the networks on the way from the checkpoints to their merge. */
export interface Stage {
  readonly name: string;
  readonly parameters: Parameters;
}

/** What the units as they are numbered give. */
export const asNumbered = "as numbered";

/** The way to a merge. */
export interface Merging {
  /** The checkpoints, what they give as they are, and what is made of it; the last is the merge. */
  readonly stages: readonly Stage[];
  /** How each checkpoint but the first was matched to the first; null where it was not. */
  readonly matches: readonly Match[] | null;
}

/** Merges the checkpoints, step by step. */
export async function merging(call: Call, setting: Averaging): Promise<Merging> {
  const { models, weights, taskScale, together } = setting;
  const [name, combine] =
    taskScale === undefined
      ? ["average", (all: readonly Parameters[]) => average(all, weights)]
      : ["sum", ([base, ...tuned]: readonly Parameters[]) => taskArithmetic(base as Parameters, tuned, taskScale)];
  const stages = models.map((parameters, i): Stage => ({ name: call.positionals[i] as string, parameters }));
  const plain = combine(models);
  stages.push({ name: `${name} ${asNumbered}`, parameters: plain });
  const { parents, matches } = together ? await alignedAs(together, call, setting) : { parents: models, matches: null };
  const merged = together ? combine(parents) : plain;
  if (together) stages.push({ name: `${name}, aligned`, parameters: merged });
  if (setting.repair) {
    const parameters = await repaired(setting.a.network(), { parameters: merged, parents }, setting);
    stages.push({ name: "repaired", parameters });
  }
  return { stages, matches };
}

async function alignedAs(
  together: Together,
  call: Call,
  { a, models, engine, weights, restarts }: Averaging,
): Promise<Pick<Merge, "parents"> & Pick<Merging, "matches">> {
  const { group } = a.discovery;
  using bar = progressBar({ quiet: call.quiet });
  const options = { ...matchOptions(call, { engine, bar, restarts }), weights };
  if (together === "to-first") return await mergeAligned(models, group, options);
  const onProgress = ({ restart, stage, round }: ManyProgress) => {
    const note = `start ${restart + 1} of ${restarts}, ${stage} ${round + 1}`;
    bar.update({ label: "matching", done: restart, total: restarts, unit: "start", note });
  };
  const match = together === "merge-many" ? mergeMany : matchCycleConsistently;
  const { parents } = await match(models, group, { ...options, onProgress });
  return { parents, matches: null };
}

async function repaired(
  network: Network,
  merge: Pick<Merge, "parameters" | "parents">,
  { engine, weights, repair: how }: Averaging,
): Promise<Parameters> {
  const { dataset, form } = how as NonNullable<Averaging["repair"]>;
  if (network.parameters.every(({ trainable }) => trainable))
    return await repair(network, merge, dataset, { engine, weights, form });
  const wide = computable(merge.parameters);
  await using statistics = await batchStatistics(network, dataset, { engine, like: wide });
  const estimated = await statistics.replaced(wide);
  return mapped(merge.parameters, ({ dtype }, name) => convert(estimated[name] as Tensor, dtype));
}

/** In a type that engines compute with. */
export function computable(parameters: Parameters): Parameters {
  const dtype = Object.values(parameters).some((each) => each.dtype === "float64") ? "float64" : "float32";
  return mapped(parameters, (each) => convert(each, dtype));
}

function mapped(parameters: Parameters, change: (tensor: Tensor, name: string) => Tensor): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, tensor]) => [name, change(tensor, name)]));
}
