import { average, type Merge, mergeAligned, repair, taskArithmetic } from "../align/index.ts";
import type { Dataset } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { batchStatistics } from "../landscape/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { progressBar, type WeightsFile } from "../node/index.ts";
import { convert, type Tensor } from "../tensor/index.ts";
import type { Call } from "./command.ts";
import { matchOptions } from "./matching.ts";

/** How several checkpoints become one. */
export interface Averaging {
  readonly a: WeightsFile;
  readonly models: readonly Parameters[];
  readonly engine: Engine;
  readonly isAligned: boolean;
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

/** The checkpoints, what they give as they are, and what is made of it; the last is the merge. */
export async function stagesOf(call: Call, setting: Averaging): Promise<readonly Stage[]> {
  const { a, models, engine, isAligned, weights, taskScale, restarts } = setting;
  using bar = progressBar({ quiet: call.quiet });
  const options = { ...matchOptions(call, { engine, bar, restarts }), weights };
  const [name, combine] =
    taskScale === undefined
      ? ["average", (all: readonly Parameters[]) => average(all, weights)]
      : ["sum", ([base, ...tuned]: readonly Parameters[]) => taskArithmetic(base as Parameters, tuned, taskScale)];
  const stages = models.map((parameters, i): Stage => ({ name: call.positionals[i] as string, parameters }));
  const plain = combine(models);
  stages.push({ name: `${name} ${asNumbered}`, parameters: plain });
  const parents = isAligned ? (await mergeAligned(models, a.discovery.group, options)).parents : models;
  const merged = isAligned ? combine(parents) : plain;
  if (isAligned) stages.push({ name: `${name}, aligned`, parameters: merged });
  if (setting.repair) {
    const parameters = await repaired(a.network(), { parameters: merged, parents }, setting);
    stages.push({ name: "repaired", parameters });
  }
  return stages;
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
