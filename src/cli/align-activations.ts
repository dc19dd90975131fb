import { type ActivationMatchOptions, type Match, matchActivations } from "../align/index.ts";
import { type Dataset, splitSize, standardized } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import type { Parameters } from "../nets/index.ts";
import { progressBar, type WeightsFile } from "../node/index.ts";
import { elementCount, type Tensor, tensor } from "../tensor/index.ts";
import { checkFit } from "../train/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { dataOptions, datasetOf, withSamples } from "./data-options.ts";
import { choiceOf } from "./values.ts";

/** Options of an alignment by activations. */
export const activationOptions: Readonly<Record<string, OptionSpec>> = {
  ...dataOptions,
  measure: { value: "NAME", help: "how activations are compared: correlation or inner-product (correlation)" },
};

/** Matches the units of two checkpoints by what they do on the train split of `--data`. */
export async function matchedOnData(
  call: Call,
  [a, b]: readonly [Parameters, Parameters],
  { weights, engine }: { readonly weights: WeightsFile; readonly engine: Engine },
): Promise<Match> {
  const measure = choiceOf(call, "measure", ["correlation", "inner-product"], "correlation");
  const dataset = withSamples(call, (await datasetOf(call)).dataset);
  const network = weights.network();
  checkFit(network, dataset);
  using bar = progressBar({ quiet: call.quiet });
  const total = splitSize(dataset.train);
  const onBatch = (done: number) => bar.update({ label: "activations", done, total, unit: "sample" });
  const options: ActivationMatchOptions = { network, engine, measure, inputs: batchesOf(dataset, onBatch) };
  return await matchActivations(a, b, weights.discovery, options);
}

const batchSize = 256;

/** The inputs of the train split, normalised. */
function* batchesOf({ train, normalization }: Dataset, onBatch: (start: number) => void): Generator<Tensor> {
  const { dtype, shape, data } = train.inputs;
  const [samples, ...sample] = shape as [number, ...number[]];
  const length = elementCount(sample);
  for (let start = 0; start < samples; start += batchSize) {
    onBatch(start);
    const rows = data.subarray(start * length, (start + batchSize) * length) as typeof data;
    yield standardized(tensor(dtype, [rows.length / length, ...sample], rows), normalization, "float32");
  }
}
