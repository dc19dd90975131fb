import type { Dataset } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { input, oneHot } from "../graph/index.ts";
import { bytesPerElement, type DType, elementCount, type Tensor, zeros } from "../tensor/index.ts";
import { normalized } from "./samples.ts";

/** Above this the inputs stay as they are stored, and every batch is normalised as it is gathered. */
const largestPreparedBytes = 2 ** 30;

/**
 * The data set with its train split in the form that a training step reads fastest: inputs normalised, labels as one-hot
 * rows, both in the type of the network.
 */
export async function prepareDataset(dataset: Dataset, dtype: DType, engine: Engine): Promise<Dataset> {
  const { inputs, targets } = dataset.train;
  if (elementCount(inputs.shape) * bytesPerElement(dtype) > largestPreparedBytes) return dataset;
  const [x, y] = [input("inputs", inputs.dtype, inputs.shape), input("targets", targets.dtype, targets.shape)];
  const graph = {
    inputs: normalized(x.cast(dtype), dataset.normalization),
    targets: dataset.task === "classification" ? oneHot(y, dataset.classes, dtype) : y.cast(dtype),
  };
  await using program = await engine.compile(graph);
  const into = { inputs: zeros(dtype, graph.inputs.shape), targets: zeros(dtype, graph.targets.shape) };
  await program.run({ inputs, targets }, into);
  const ofChannels = (value: number) => dataset.normalization.mean.map(() => value);
  const train: { inputs: Tensor; targets: Tensor } = into;
  return { ...dataset, normalization: { mean: ofChannels(0), deviation: ofChannels(1) }, train };
}
