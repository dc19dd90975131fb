import { splitSize } from "../data/index.ts";
import { datasetNames } from "../node/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, loadNamed } from "./data-options.ts";
import { formatCount } from "./format.ts";

export const command: Command = {
  summary: "fetch, verify and describe a data set",
  usage: `<${datasetNames.join("|")}>`,
  options: { "data-dir": dataOptions["data-dir"] as { help: string } },
  positionals: [1, 1],
  examples: ["data digits", "data mnist --data-dir ~/data/mnist"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const { dataset, path } = await loadNamed(call.positionals[0] as string, call);
  const { name, task, classes, sampleShape, normalization } = dataset;
  const [train, test] = [splitSize(dataset.train), splitSize(dataset.test)];
  const channels = normalization.mean.map(
    (mean, i) => `${mean.toFixed(4)} +- ${(normalization.deviation[i] as number).toFixed(4)}`,
  );
  return {
    json: { name, task, train, test, shape: sampleShape, classes, normalization, path },
    text: [
      `${name}: ${formatCount(train)} train and ${formatCount(test)} test samples`,
      `samples   ${sampleShape.join(" x ")} ${dataset.train.inputs.dtype}`,
      `targets   ${task === "regression" ? `${dataset.train.targets.shape[1]} real` : `${classes} classes`}`,
      `values    ${channels.join(", ")}`,
      `from      ${path}`,
    ],
  };
}
