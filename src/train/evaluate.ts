import { type Dataset, type Split, splitSize } from "../data/index.ts";
import type { Engine, Tensors } from "../engine/index.ts";
import { check } from "../errors.ts";
import { ensemble, input, type Value } from "../graph/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { type DType, formatShape, sameShape, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { checkFit, checkSplit } from "./fit.ts";
import { stackMembers } from "./members.ts";
import { batchInputs, batchTargets, errorOf, lossOf, sampleInputs, splitFeeds } from "./samples.ts";

export interface EvaluateOptions {
  readonly engine: Engine;
  readonly split?: "train" | "test" | Split;
  /** Samples per run of the engine; the result does not depend on it but for rounding. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/** Means over all samples of a split. */
export interface Evaluation {
  readonly loss: number;
  /** Fraction of wrong answers; null for regression. */
  readonly error: number | null;
  readonly samples: number;
}

/** Loss and error of several networks of one architecture, evaluated together. */
export async function evaluate(
  network: Network,
  parameters: readonly Parameters[],
  dataset: Dataset,
  options: EvaluateOptions,
): Promise<readonly Evaluation[]> {
  const { split = "test", batchSize = 500 } = options;
  const samples = typeof split === "string" ? dataset[split] : split;
  checkFit(network, dataset);
  checkSplit("evaluate", dataset, samples);
  checkBatchSize(batchSize);
  const dtype = checkParameters(network, parameters);
  const size = splitSize(samples);
  const totals = parameters.map(() => ({ loss: 0, error: 0 }));
  const full = Math.min(batchSize, size);
  const fixed = { ...splitFeeds(samples), ...stackMembers(parameters.map((each) => weightsOf(network, each))) };
  for (const { length, starts } of chunks(size, full)) {
    const graph = evaluationGraph(network, dataset, samples, { dtype, members: parameters.length, batchSize: length });
    await using program = await options.engine.compile(graph);
    for (const start of starts) {
      options.signal?.throwIfAborted();
      const indices = tensor(
        "int32",
        [length],
        Int32Array.from({ length }, (_, i) => start + i),
      );
      addTotals(totals, await program.run({ ...fixed, "data.indices": indices }), length);
    }
  }
  const isClassification = dataset.task === "classification";
  return totals.map(({ loss, error }) => ({
    loss: loss / size,
    error: isClassification ? error / size : null,
    samples: size,
  }));
}

function checkBatchSize(batchSize: number): void {
  check(Number.isInteger(batchSize) && batchSize >= 1, () => ({
    code: "bad-option",
    where: "evaluate",
    message: `expected a batch size of at least 1, got ${batchSize}`,
  }));
}

/** The element type that all tensors of all networks have. */
function checkParameters(network: Network, parameters: readonly Parameters[]): "float32" | "float64" {
  const [head] = parameters;
  check(head, () => ({
    code: "bad-option",
    where: "evaluate",
    message: "expected parameters of at least one network, got none",
  }));
  const dtype = Object.values(weightsOf(network, head)).some((each) => each?.dtype === "float64")
    ? "float64"
    : "float32";
  for (const each of parameters) {
    for (const { name, shape } of network.parameters) {
      const got = each[name];
      check(got?.dtype === dtype && sameShape(got.shape, shape), () => ({
        code: "bad-parameters",
        where: name,
        message: `expected ${dtype} ${formatShape(shape)}, got ${got ? `${got.dtype} ${formatShape(got.shape)}` : "none"}`,
      }));
    }
  }
  return dtype;
}

/** The tensors that the network knows. */
function weightsOf(network: Network, parameters: Parameters): Parameters {
  return Object.fromEntries(network.parameters.map(({ name }) => [name, parameters[name] as Tensor]));
}

/** Full batches, and the rest as a batch of its own size. */
function chunks(size: number, length: number): { length: number; starts: number[] }[] {
  const count = Math.floor(size / length);
  const rest = size - count * length;
  const full = { length, starts: Array.from({ length: count }, (_, i) => i * length) };
  return rest === 0 ? [full] : [full, { length: rest, starts: [count * length] }];
}

function evaluationGraph(
  network: Network,
  dataset: Dataset,
  split: Split,
  { dtype, members, batchSize }: { readonly dtype: DType; readonly members: number; readonly batchSize: number },
): Record<string, Value> {
  const samples = sampleInputs(split, batchSize);
  const values = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)]));
  const { output } = network.apply(batchInputs(samples, dataset, dtype), values);
  const targets = batchTargets(samples, dtype);
  const loss = lossOf(dataset, output, targets);
  const error = errorOf(dataset, output, targets);
  const single = error ? { loss, error } : { loss };
  if (members === 1) return single;
  const many = new Map<Value, Value>(
    Object.values(values).map((value) => [value, input(value.attributes.name, dtype, [members, ...value.shape])]),
  );
  const stacked = ensemble(Object.values(single), many);
  return Object.fromEntries(Object.keys(single).map((name, i) => [name, stacked[i] as Value]));
}

function addTotals(totals: { loss: number; error: number }[], results: Tensors, samples: number): void {
  const losses = toNumbers(results.loss as Tensor);
  const errors = results.error ? toNumbers(results.error) : null;
  for (const [m, total] of totals.entries()) {
    total.loss += (losses[m] as number) * samples;
    total.error += errors ? Math.round((errors[m] as number) * samples) : 0;
  }
}
