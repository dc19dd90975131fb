import { type Dataset, splitSize } from "../data/index.ts";
import type { Engine, Tensors } from "../engine/index.ts";
import { check } from "../errors.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { fromNumbers, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { trainingStep } from "../train/index.ts";

/** Computes the running statistics of batch norm anew. */
export interface BatchStatistics extends AsyncDisposable {
  /** The parameters with their statistics replaced by the means of the batches' statistics. */
  replaced(parameters: Parameters): Promise<Parameters>;
}

const BATCH = 128;

/**
 * Running statistics as means over the batches of the train split, each of 128 samples in the order of the set (what is
 * left over is not used): weights between two networks have other statistics than those between theirs.
 */
export async function batchStatistics(
  network: Network,
  dataset: Dataset,
  { engine, like }: { readonly engine: Engine; readonly like: Parameters },
): Promise<BatchStatistics> {
  const size = Math.min(BATCH, splitSize(dataset.train));
  const dtype = network.parameters.some(({ name }) => like[name]?.dtype === "float64") ? "float64" : "float32";
  const optimizer = { kind: "sgd", learningRate: 1 } as const;
  const step = trainingStep(network, dataset, { optimizer, batchSize: size, dtype });
  const updates = network.parameters.flatMap(({ name, trainable }) => {
    const update = trainable ? undefined : step[name];
    return update ? [[name, update] as const] : [];
  });
  check(updates.length > 0, () => ({
    code: "no-statistics",
    where: network.description.net,
    message: "expected a network with running statistics to estimate, got one without, or exported for inference",
    remedy: "leave the statistics as they are",
  }));
  const program = await engine.compile(Object.fromEntries(updates));
  const { inputs, targets } = dataset.train;
  const batches = batchesOf(dataset, size).map((indices) => ({
    "data.inputs": inputs,
    "data.targets": targets,
    "data.indices": indices,
  }));
  return {
    replaced: async (parameters) => {
      const step: Step = (batch, statistics) => program.run({ ...parameters, ...statistics, ...batch });
      const old = Object.fromEntries(updates.map(([name]) => [name, parameters[name] as Tensor]));
      return { ...parameters, ...(await estimate(step, batches, old)) };
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

function batchesOf({ train }: Dataset, size: number): Tensor[] {
  return Array.from({ length: Math.floor(splitSize(train) / size) }, (_, batch) =>
    tensor(
      "int32",
      [size],
      Int32Array.from({ length: size }, (_, i) => batch * size + i),
    ),
  );
}

/** The running statistics after a step on one batch. */
type Step = (batch: Tensors, statistics: Tensors) => Promise<Tensors>;

/** A step moves statistics r to k r + (1 - k) s for those s of its batch: steps from zero give (1 - k) s, one from afar k. */
async function estimate(step: Step, batches: readonly Tensors[], old: Tensors): Promise<Tensors> {
  const zero = mapped(old, ({ data }) => new Float64Array(data.length));
  const first = await step(batches[0] as Tensors, zero);
  const distant = mapped(old, ({ data }, name) =>
    new Float64Array(data.length).fill(distanceFrom(first[name] as Tensor)),
  );
  const far = await step(batches[0] as Tensors, distant);
  let sums = mapped(old, (_, name) => toNumbers(first[name] as Tensor), "float64");
  for (const batch of batches.slice(1)) {
    const next = await step(batch, zero);
    sums = mapped(sums, (own, name) => added(toNumbers(own), next[name] as Tensor), "float64");
  }
  return mapped(old, (_, name) => {
    const [start, end] = [first[name], far[name]].map((each) => toNumbers(each as Tensor)[0] as number) as [
      number,
      number,
    ];
    const kept = (end - start) / distanceFrom(first[name] as Tensor);
    return toNumbers(sums[name] as Tensor).map((sum) => sum / batches.length / (1 - kept));
  });
}

/** So far that rounding in what a step adds does not show in what it keeps. */
function distanceFrom(step: Tensor): number {
  return 1024 * (1 + toNumbers(step).reduce((most, x) => Math.max(most, Math.abs(x)), 0));
}

function added(sums: Float64Array, more: Tensor): Float64Array {
  const numbers = toNumbers(more);
  return sums.map((sum, i) => sum + (numbers[i] as number));
}

function mapped(tensors: Tensors, numbersOf: (own: Tensor, name: string) => Float64Array, dtype?: "float64"): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, own]) => [
      name,
      fromNumbers(dtype ?? own.dtype, numbersOf(own, name), own.shape),
    ]),
  );
}
