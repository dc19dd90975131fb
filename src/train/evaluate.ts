import { type Dataset, type Split, splitSize } from "../data/index.ts";
import type { Engine, Tensors } from "../engine/index.ts";
import { check } from "../errors.ts";
import { ensemble, input, type Value } from "../graph/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { type DType, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { checkFit } from "./fit.ts";
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
  checkFit(network, dataset);
  checkParameters(network, parameters);
  const { split = "test", batchSize = 500 } = options;
  const samples = typeof split === "string" ? dataset[split] : split;
  const size = splitSize(samples);
  const totals = parameters.map(() => ({ loss: 0, error: 0 }));
  const full = Math.min(batchSize, size);
  const fixed = { ...splitFeeds(samples), ...stackMembers(parameters) };
  for (const { length, starts } of chunks(size, full)) {
    const graph = evaluationGraph(network, dataset, samples, parameters, length);
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

function checkParameters(network: Network, parameters: readonly Parameters[]): void {
  check(parameters.length > 0, () => ({ code: "bad-option", where: "evaluate", message: "expected parameters" }));
  for (const each of parameters) {
    for (const { name, shape } of network.parameters) {
      const got = each[name]?.shape;
      check(got?.join() === shape.join(), () => ({
        code: "bad-parameters",
        where: name,
        message: `expected a tensor [${shape.join(", ")}], got ${got ? `[${got.join(", ")}]` : "none"}`,
      }));
    }
  }
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
  parameters: readonly Parameters[],
  batchSize: number,
): Record<string, Value> {
  const dtype = (Object.values(parameters[0] as Parameters)[0] as Tensor).dtype as DType;
  const samples = sampleInputs(split, batchSize);
  const values = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)]));
  const { output } = network.apply(batchInputs(samples, dataset, dtype), values);
  const targets = batchTargets(samples, dtype);
  const loss = lossOf(dataset, output, targets);
  const error = errorOf(dataset, output, targets);
  const single = error ? { loss, error } : { loss };
  if (parameters.length === 1) return single;
  const many = new Map<Value, Value>(
    Object.values(values).map((value) => [
      value,
      input(value.attributes.name, dtype, [parameters.length, ...value.shape]),
    ]),
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
