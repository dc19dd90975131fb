import { type Dataset, splitSize, takeSamples } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import { grad, input, type Value } from "../../graph/index.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { allocate, convert, held, isFloat, type RngKey, type Tensor, tensor, toNumbers } from "../../tensor/index.ts";
import {
  batchInputs,
  batchOrder,
  batchTargets,
  evaluate,
  lossOf,
  sampleInputs,
  splitFeeds,
} from "../../train/index.ts";

/** The parameters of networks in memory and in one type, float64 if any is and float32 otherwise. */
export function inOneType(networks: readonly Parameters[]): Parameters[] {
  const isDouble = networks.some((each) => Object.values(each).some(({ dtype }) => dtype === "float64"));
  const dtype = isDouble ? "float64" : "float32";
  return networks.map((each) => {
    const entries = Object.entries(each).map(([name, own]) => [
      name,
      held(isFloat(own.dtype) ? convert(own, dtype) : own),
    ]);
    return Object.fromEntries(entries);
  });
}

type Entries = Float32Array | Float64Array;

/** (1 - t) a + t b in the parameters named, where both are of one type. */
export function between(a: Parameters, b: Parameters, { t, names }: { t: number; names: readonly string[] }) {
  const points = names.map((name) => {
    const { dtype, shape, data } = a[name] as Tensor;
    const [x, y, to] = [data, b[name]?.data, allocate(dtype, data.length)] as unknown as [Entries, Entries, Entries];
    for (let i = 0; i < to.length; i++) to[i] = (1 - t) * (x[i] as number) + t * (y[i] as number);
    return [name, tensor(dtype, shape, to as Float64Array<ArrayBuffer>)] as const;
  });
  return Object.fromEntries(points);
}

export interface LossOptions {
  readonly network: Network;
  /** Its train split is used. */
  readonly dataset: Dataset;
  readonly engine: Engine;
  readonly signal?: AbortSignal | undefined;
}

/** At most so many samples, the first of the train split, say which of two elements is better. */
const MEASURED_SAMPLES = 2048;

/** The mean loss half-way between two networks, over the first samples of the train split. */
export function midpointLoss({ network, dataset, engine, signal }: LossOptions) {
  const names = network.parameters.map(({ name }) => name);
  const split = takeSamples(dataset.train, Math.min(MEASURED_SAMPLES, splitSize(dataset.train)));
  return async (a: Parameters, b: Parameters): Promise<number> => {
    const middle = between(a, b, { t: 0.5, names });
    const [found] = await evaluate(network, [middle], dataset, { engine, split, ...(signal && { signal }) });
    return found?.loss as number;
  };
}

export interface LossGradient extends AsyncDisposable {
  /** The loss at these parameters on the batch of a step, and its gradients in all of them. */
  at(parameters: Parameters, step: number): Promise<{ readonly loss: number; readonly gradients: Parameters }>;
}

/** Gradients of the loss on batches of the train split, dealt anew every epoch. Batch norm keeps its statistics. */
export async function lossGradient(
  { network, dataset, engine }: LossOptions,
  { batchSize, dtype, key }: { batchSize: number; dtype: Tensor["dtype"]; key: RngKey },
): Promise<LossGradient> {
  const size = Math.min(batchSize, splitSize(dataset.train));
  const order = batchOrder([key], splitSize(dataset.train), size);
  const samples = sampleInputs(dataset.train, size);
  const values = network.parameters.map(({ name, shape }) => input(name, dtype, shape));
  const named = Object.fromEntries(values.map((value) => [value.attributes.name, value]));
  const { output } = network.apply(batchInputs(samples, dataset, dtype), named);
  const loss = lossOf(dataset, output, batchTargets(samples, dtype));
  const slopes = grad(loss, values);
  const gradientName = (value: Value<"Input">) => `gradient/${value.attributes.name}`;
  const outputs = Object.fromEntries(values.map((value, i) => [gradientName(value), slopes[i] as Value]));
  const program = await engine.compile({ ...outputs, loss });
  const shared = splitFeeds(dataset.train);
  return {
    async at(parameters, step) {
      const indices = new Int32Array(size);
      order.fill(indices, step);
      const batch = { ...shared, "data.indices": tensor("int32", [size], indices) };
      const found = await program.run({ ...parameters, ...batch });
      const gradients = values.map((value) => [value.attributes.name, found[gradientName(value)] as Tensor]);
      return { loss: toNumbers(found.loss as Tensor)[0] as number, gradients: Object.fromEntries(gradients) };
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
