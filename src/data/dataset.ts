import { check } from "../errors.ts";
import { type DType, elementCount, fromNumbers, type Shape, type Tensor, tensor } from "../tensor/index.ts";

/** Samples and what a network should say about them, in the same order. */
export interface Split {
  /** [N, ...sampleShape], as stored: images stay uint8. */
  readonly inputs: Tensor;
  /** int32 labels [N] for classification, floats [N, d] for regression. */
  readonly targets: Tensor;
}

/** One mean and one standard deviation per channel, in units of the stored values. */
export interface Normalization {
  readonly mean: readonly number[];
  /** Never zero: a constant channel has 1. */
  readonly deviation: readonly number[];
}

/** A named set of samples with its fixed division into train and test. */
export interface Dataset {
  readonly name: string;
  readonly task: "classification" | "regression";
  /** 0 for regression. */
  readonly classes: number;
  /** Channels first: [1, 28, 28] for MNIST, [2] for the toy. */
  readonly sampleShape: Shape;
  /** Of the train split; (x - mean) / deviation standardises every input. */
  readonly normalization: Normalization;
  readonly train: Split;
  readonly test: Split;
}

/** The contents of a file, and the name that errors give it. */
export interface FileBytes {
  readonly where: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The number of samples of a split. */
export function splitSize(split: Split): number {
  return split.inputs.shape[0] as number;
}

/** The first `count` samples, sharing memory with the split. */
export function takeSamples(split: Split, count: number): Split {
  const size = splitSize(split);
  check(Number.isInteger(count) && count >= 1 && count <= size, () => ({
    code: "bad-samples",
    where: "samples",
    message: `expected a whole number from 1 to ${size}, got ${count}`,
  }));
  return { inputs: firstRows(split.inputs, count), targets: firstRows(split.targets, count) };
}

/** (x - mean) / deviation per channel, which is the axis behind the samples. */
export function standardized<D extends "float32" | "float64">(
  { shape, data }: Tensor,
  { mean, deviation }: Normalization,
  dtype: D,
): Tensor {
  const plane = elementCount(shape.slice(2));
  const values = Float64Array.from(data as Float64Array, (value, i) => {
    const channel = Math.floor(i / plane) % mean.length;
    return (value - (mean[channel] as number)) / (deviation[channel] as number);
  });
  return fromNumbers(dtype, values, shape);
}

function firstRows<D extends DType>({ dtype, shape, data }: Tensor<D>, count: number): Tensor<D> {
  const rows = [count, ...shape.slice(1)];
  return tensor(dtype, rows, data.subarray(0, elementCount(rows)) as typeof data);
}
