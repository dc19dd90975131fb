import { type Dataset, type Split, splitSize } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { check } from "../errors.ts";
import { input } from "../graph/index.ts";
import { defineNetwork, type Network, type Parameters } from "../nets/index.ts";
import { type Tensor, tensor } from "../tensor/index.ts";
import { batchRuns } from "./batch-runs.ts";
import { type Evaluation, evaluate } from "./evaluate.ts";
import { checkFit } from "./fit.ts";
import { batchInputs, sampleInputs } from "./samples.ts";

/** A network whose logits are divided by the temperature that its loss on the train split is least with. */
export interface Calibration extends Evaluation {
  readonly temperature: number;
}

export interface CalibrationOptions {
  readonly engine: Engine;
  /** What the calibrated network is measured on; the temperature is always of the train split. */
  readonly split: Split;
  readonly signal?: AbortSignal | undefined;
}

/** Temperatures that are looked at: the cross-entropy is convex in their inverse, so that few are enough. */
const COLDEST = 2 ** -10;
const HOTTEST = 2 ** 10;
const CANDIDATES = 17;
const TOLERANCE = 1e-4;
const BATCH = 500;

/**
 * Fits one temperature to the logits (Guo 2017, arXiv 1706.04599). Much of what the mean of two networks loses is
 * confidence: a merge has to do better than this.
 */
export async function calibrate(
  network: Network,
  parameters: Parameters,
  dataset: Dataset,
  { engine, split, signal }: CalibrationOptions,
): Promise<Calibration> {
  checkFit(network, dataset);
  check(dataset.task === "classification", () => ({
    code: "bad-fit",
    where: dataset.name,
    message: "expected classes to calibrate logits for, got a regression",
  }));
  const logits = {
    ...dataset,
    sampleShape: [network.outputs],
    normalization: { mean: identical(network.outputs, 0), deviation: identical(network.outputs, 1) },
    train: await logitsOf(network, parameters, dataset, { engine, split: dataset.train, signal }),
    test: await logitsOf(network, parameters, dataset, { engine, split, signal }),
  };
  const scaled = scaling(network.outputs);
  const measured = (inverses: readonly number[], on: "train" | "test") =>
    evaluate(scaled, inverses.map(weightsOf), logits, { engine, split: on, ...(signal && { signal }) });
  let [low, high] = [Math.log(1 / HOTTEST), Math.log(1 / COLDEST)];
  while (high - low > TOLERANCE) {
    const grid = Array.from({ length: CANDIDATES }, (_, i) => low + ((high - low) * i) / (CANDIDATES - 1));
    const losses = (await measured(grid.map(Math.exp), "train")).map(({ loss }) => loss);
    const best = losses.indexOf(Math.min(...losses));
    [low, high] = [grid[Math.max(0, best - 1)] as number, grid[Math.min(CANDIDATES - 1, best + 1)] as number];
  }
  const inverse = Math.exp((low + high) / 2);
  const [evaluation] = await measured([inverse], "test");
  return { temperature: 1 / inverse, ...(evaluation as Evaluation) };
}

function identical(length: number, value: number): number[] {
  return Array.from({ length }, () => value);
}

/** The network that multiplies its inputs by one number. */
function scaling(size: number): Network {
  return defineNetwork({
    description: { net: "scaling" },
    inputShape: [size],
    inputKind: "real",
    outputs: size,
    forward: (x, scope) => x.mul(scope.weight("inverse", [1], { kind: "constant", value: 1 })),
  });
}

const weightsOf = (inverse: number): Parameters => ({ inverse: tensor("float32", [1], Float32Array.of(inverse)) });

async function logitsOf(
  network: Network,
  parameters: Parameters,
  dataset: Dataset,
  { engine, split, signal }: CalibrationOptions,
): Promise<Split> {
  const dtype = network.parameters.some(({ name }) => parameters[name]?.dtype === "float64") ? "float64" : "float32";
  const values = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)]));
  const graphOf = (batchSize: number) => {
    const x = batchInputs(sampleInputs(split, batchSize), dataset, dtype);
    return { logits: network.apply(x, values).output.cast("float32") };
  };
  const feeds = Object.fromEntries(Object.keys(values).map((name) => [name, parameters[name] as Tensor]));
  const all = new Float32Array(splitSize(split) * network.outputs);
  for await (const { start, results } of batchRuns(split, graphOf, { engine, batchSize: BATCH, feeds, signal })) {
    all.set((results.logits as Tensor<"float32">).data, start * network.outputs);
  }
  return { inputs: tensor("float32", [splitSize(split), network.outputs], all), targets: split.targets };
}
