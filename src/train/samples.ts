import { type Dataset, type Normalization, type Split, splitSize } from "../data/index.ts";
import { constant, crossEntropy, input, meanSquaredError, type Value } from "../graph/index.ts";
import { type DType, fromNumbers, isFloat, type Tensor } from "../tensor/index.ts";

/** A whole split and the places of a batch in it, as inputs of a graph: batches are gathered by the engine. */
export interface SampleInputs {
  readonly inputs: Value<"Input">;
  readonly targets: Value<"Input">;
  /** int32 [batch]; null where every batch is the whole split, in its own order. */
  readonly indices: Value<"Input"> | null;
}

export function sampleInputs({ inputs, targets }: Split, batchSize: number): SampleInputs {
  return {
    inputs: input("data.inputs", inputs.dtype, inputs.shape),
    targets: input("data.targets", targets.dtype, targets.shape),
    indices: isWhole({ inputs, targets }, batchSize) ? null : input("data.indices", "int32", [batchSize]),
  };
}

/** Whether a batch is all of the split. */
export function isWhole(split: Split, batchSize: number): boolean {
  return batchSize === splitSize(split);
}

/** The tensors of those inputs that stay the same from batch to batch. */
export function splitFeeds({ inputs, targets }: Split): Readonly<Record<string, Tensor>> {
  return { "data.inputs": inputs, "data.targets": targets };
}

/** The inputs of the batch, normalised. */
export function batchInputs({ inputs, indices }: SampleInputs, { normalization }: Dataset, dtype: DType): Value {
  return normalized(picked(inputs, indices).cast(dtype), normalization);
}

function picked(values: Value, indices: Value | null): Value {
  return indices ? values.gather(indices) : values;
}

/** (x - mean) / deviation per channel, which is the axis behind the samples. */
export function normalized(x: Value, { mean, deviation }: Normalization): Value {
  const perChannel = (values: readonly number[]) =>
    constant(fromNumbers(x.dtype, values, [values.length, ...x.shape.slice(2).map(() => 1)]));
  const scale = deviation.map((d) => 1 / d);
  const shift = mean.map((m, channel) => -m / (deviation[channel] as number));
  const isIdentity = scale.every((s) => s === 1) && shift.every((s) => s === 0);
  return isIdentity ? x : x.mul(perChannel(scale)).add(perChannel(shift));
}

/** The targets of the batch: labels, one-hot rows or real numbers. */
export function batchTargets({ targets, indices }: SampleInputs, dtype: DType): Value {
  const gathered = picked(targets, indices);
  return isFloat(gathered.dtype) ? gathered.cast(dtype) : gathered;
}

/** Cross-entropy for classes, mean squared error for real targets. */
export function lossOf(dataset: Dataset, output: Value, targets: Value): Value {
  return dataset.task === "classification" ? crossEntropy(output, targets) : meanSquaredError(output, targets);
}

/** The fraction of samples whose largest logit is not at the label; null for regression. */
export function errorOf(dataset: Dataset, output: Value, targets: Value): Value | null {
  if (dataset.task === "regression") return null;
  const labels = isFloat(targets.dtype) ? targets.argMax() : targets.cast("int64");
  return output.argMax().equal(labels).not().cast(output.dtype).mean();
}
