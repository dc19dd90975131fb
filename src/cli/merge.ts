import { average, diagnose, type Merge, mergeAligned, repair } from "../align/index.ts";
import { type Dataset, splitSize } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { check } from "../errors.ts";
import { batchStatistics } from "../landscape/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { checkTarget, progressBar, type WeightsFile } from "../node/index.ts";
import { convert, type Tensor } from "../tensor/index.ts";
import { type Evaluation, evaluate } from "../train/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, splitOf, withSamples } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { formatCount, formatLoss, formatPercent, table } from "./format.ts";
import { defaultRestarts, matchOptions } from "./matching.ts";
import { checkSameNetwork, checkSameSymmetries, checkSameTypes } from "./same-network.ts";
import { numberOf, numbersOf, textOf } from "./values.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";
import { checkOutput, outputOf, outputOptions } from "./written-weights.ts";

export const command: Command = {
  summary: "average checkpoints, their units renumbered alike",
  usage: "<a> <b> [<c> ...] -o <file> [options]",
  options: {
    weights: { value: "X,X,...", help: "the part of each checkpoint in the mean (the same)" },
    "no-align": { help: "average the units as they are numbered" },
    repair: { help: "give units the statistics of their parents on train data; estimate those of batch norm anew" },
    restarts: { value: "N", help: `starts of each matching (${defaultRestarts})` },
    seed: { value: "N", help: "seed of the matching (0)" },
    ...outputOptions,
    ...dataOptions,
    split: { value: "NAME", help: "measure on train or test (test)" },
    ...weightsOptions,
    ...engineOptions,
  },
  positionals: [2, Number.POSITIVE_INFINITY],
  examples: ["merge a.safetensors b.safetensors -o c.npz --repair --data mnist"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const output = outputOf(call);
  const isForced = call.options.force === true;
  const weights = numbersOf(call, "weights", { least: 0 });
  const restarts = numberOf(call, "restarts", { least: 1, most: 1000, whole: true }, defaultRestarts);
  const data = await dataOf(call);
  const [first, ...others] = call.positionals as readonly [string, ...string[]];
  await using a = await weightsOf(first, call);
  await checkOutput(call, a);
  await checkTarget(output, call.positionals, isForced);
  const models = [await a.read()];
  for (const path of others) models.push(await readLike(a, { path, like: models[0] as Parameters, call }));
  await using engine = await engineOf(call);
  const isAligned = call.options["no-align"] !== true;
  const stages = await stagesOf(call, { a, models, engine, isAligned, weights, restarts, data });
  const found = data
    ? await measured(a.network(), stages, { engine, data })
    : await expected(call, { a, models, engine, isAligned });
  await a.write(output, (stages.at(-1) as Stage).parameters, { force: isForced });
  return {
    json: { output, aligned: isAligned, weights: weights ?? null, ...found.json, assumptions: a.assumptions },
    text: [
      ...notesOn(a),
      ...found.text,
      "no certificate: a merged network is another function than its parents",
      `written to ${output}`,
    ],
  };
}

interface Setting {
  readonly a: WeightsFile;
  readonly models: readonly Parameters[];
  readonly engine: Engine;
  readonly isAligned: boolean;
}

interface Averaging extends Setting {
  readonly weights: readonly number[] | undefined;
  readonly restarts: number;
  readonly data: Data | null;
}

interface Stage {
  readonly name: string;
  readonly parameters: Parameters;
}

const asNumbered = "average as numbered";

/** The checkpoints, their average as they are, and what is made of it; the last is the merge. */
async function stagesOf(call: Call, setting: Averaging): Promise<readonly Stage[]> {
  const { a, models, engine, isAligned, weights, restarts, data } = setting;
  using bar = progressBar({ quiet: call.quiet });
  const options = { ...matchOptions(call, { engine, bar, restarts }), weights };
  const plain = average(models, weights);
  const merge = isAligned
    ? await mergeAligned(models, a.discovery.group, options)
    : { parameters: plain, parents: models };
  const stages = models.map((parameters, i): Stage => ({ name: call.positionals[i] as string, parameters }));
  stages.push({ name: asNumbered, parameters: plain });
  if (isAligned) stages.push({ name: "average, aligned", parameters: merge.parameters });
  if (data && call.options.repair) {
    const parameters = await repaired(a.network(), merge, { dataset: data.train, engine, weights });
    stages.push({ name: "repaired", parameters });
  }
  return stages;
}

interface Data {
  readonly dataset: Dataset;
  /** The set that repair measures units on. */
  readonly train: Dataset;
  readonly measured: ReturnType<typeof splitOf>;
}

async function dataOf(call: Call): Promise<Data | null> {
  if (textOf(call, "data") === undefined) {
    check(!call.options.repair, () => ({
      code: "usage",
      where: "--repair",
      message: "expected data to measure units on, got none",
      remedy: "name a set with --data",
    }));
    return null;
  }
  const { dataset } = await datasetOf(call);
  return { dataset, train: withSamples(call, dataset), measured: splitOf(call, dataset) };
}

async function readLike(
  a: WeightsFile,
  { path, like, call }: { readonly path: string; readonly like: Parameters; readonly call: Call },
): Promise<Parameters> {
  await using b = await weightsOf(path, call);
  checkSameNetwork(a, b);
  checkSameSymmetries(a, b);
  const parameters = await b.read();
  checkSameTypes(like, parameters, path);
  return parameters;
}

interface RepairSetting {
  readonly dataset: Dataset;
  readonly engine: Engine;
  readonly weights: readonly number[] | undefined;
}

async function repaired(
  network: Network,
  merge: Pick<Merge, "parameters" | "parents">,
  { dataset, engine, weights }: RepairSetting,
): Promise<Parameters> {
  if (network.parameters.every(({ trainable }) => trainable))
    return await repair(network, merge, dataset, { engine, weights });
  const wide = computable(merge.parameters);
  await using statistics = await batchStatistics(network, dataset, { engine, like: wide });
  const estimated = await statistics.replaced(wide);
  return mapped(merge.parameters, ({ dtype }, name) => convert(estimated[name] as Tensor, dtype));
}

/** In a type that engines compute with. */
function computable(parameters: Parameters): Parameters {
  const dtype = Object.values(parameters).some((each) => each.dtype === "float64") ? "float64" : "float32";
  return mapped(parameters, (each) => convert(each, dtype));
}

function mapped(parameters: Parameters, change: (tensor: Tensor, name: string) => Tensor): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, tensor]) => [name, change(tensor, name)]));
}

interface Found {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: readonly string[];
}

interface Row extends Pick<Evaluation, "loss" | "error"> {
  readonly name: string;
}

async function measured(
  network: Network,
  stages: readonly Stage[],
  { engine, data }: { readonly engine: Engine; readonly data: Data },
): Promise<Found> {
  const { name: split, split: samples } = data.measured;
  const rows: Row[] = [];
  for (const { name, parameters } of stages) {
    const [found] = await evaluate(network, [computable(parameters)], data.dataset, { engine, split: samples });
    const { loss, error } = found as Evaluation;
    rows.push({ name, loss, error });
  }
  const before = rows.find(({ name }) => name === asNumbered);
  const count = splitSize(samples);
  return {
    json: { before: valuesOf(before), after: valuesOf(rows.at(-1)), stages: rows, split, samples: count },
    text: [
      ...table(
        ["", "loss", "error"],
        rows.map(({ name, loss, error }) => [name, formatLoss(loss), formatPercent(error)]),
      ),
      `on ${formatCount(count)} ${split} samples of ${data.dataset.name}`,
    ],
  };
}

function valuesOf(row: Row | undefined) {
  return row && { loss: row.loss, error: row.error };
}

/** What the weights alone say about the average. */
async function expected(call: Call, { a, models, engine, isAligned }: Setting): Promise<Found> {
  const [first, ...others] = models as readonly [Parameters, ...Parameters[]];
  using bar = progressBar({ quiet: call.quiet });
  const options = matchOptions(call, { engine, bar });
  const found = [];
  for (const [i, other] of others.entries()) {
    const { verdict, advice, cosine, matchedCosine } = await diagnose(first, other, a.discovery.group, options);
    found.push({ path: call.positionals[i + 1] as string, verdict, advice, cosine, matchedCosine });
  }
  const text = found.map(({ path, verdict, advice, cosine, matchedCosine }) => {
    const cosines = `cosine ${cosine.toFixed(4)}, ${matchedCosine.toFixed(4)} once aligned`;
    return `${a.path} and ${path}: ${verdict}, ${cosines}.${isAligned ? "" : ` ${advice}`}`;
  });
  return {
    json: { expected: found },
    text: [...text, "the nearer the cosine is to 1, the less the average loses; --data measures it"],
  };
}
