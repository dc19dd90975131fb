import { type Evaluation, evaluate } from "../train/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, splitOf } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { formatCount, formatLoss, formatPercent } from "./format.ts";
import { modelOf, modelOptions } from "./model-options.ts";

export const command: Command = {
  summary: "loss and error of a network on a data set",
  usage: "<model> --data <set> [options]",
  options: {
    ...dataOptions,
    split: { value: "NAME", help: "train or test (test)" },
    ...modelOptions,
    ...engineOptions,
  },
  positionals: [1, 1],
  examples: ["evaluate out/mlp-seed0.safetensors --data digits"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  const { dataset } = await datasetOf(call);
  const { name, split } = splitOf(call, dataset);
  const { network, parameters } = await modelOf(path, call, dataset);
  await using engine = await engineOf(call);
  const [result] = (await evaluate(network, [parameters], dataset, { engine, split })) as [Evaluation];
  const { loss, error, samples } = result;
  const what = `${formatCount(samples)} ${name} samples of ${dataset.name}`;
  const accuracy = error === null ? "" : `, error ${formatPercent(error)}`;
  return { json: { loss, error, samples, split: name }, text: [`loss ${formatLoss(loss)}${accuracy} on ${what}`] };
}
