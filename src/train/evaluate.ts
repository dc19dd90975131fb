import { type Dataset, type Split, splitSize } from "../data/index.ts";
import type { Engine, Tensors } from "../engine/index.ts";
import { check } from "../errors.ts";
import { ensemble, input, type Value } from "../graph/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { type DType, formatShape, sameShape, type Tensor, toNumbers } from "../tensor/index.ts";
import { batchRuns } from "./batch-runs.ts";
import { checkFit, checkSplit } from "./fit.ts";
import { stackMembers } from "./members.ts";
import { batchInputs, batchTargets, errorOf, lossOf, sampleInputs } from "./samples.ts";

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
  const dtype = checkParameters(network, parameters);
  const size = splitSize(samples);
  const totals = parameters.map(() => ({ loss: 0, error: 0 }));
  const graphOf = (batchSize: number) =>
    evaluationGraph(network, dataset, samples, { dtype, members: parameters.length, batchSize });
  const feeds = stackMembers(parameters.map((each) => weightsOf(network, each)));
  for await (const { length, results } of batchRuns(samples, graphOf, { ...options, batchSize, feeds })) {
    addTotals(totals, results, length);
  }
  const isClassification = dataset.task === "classification";
  return totals.map(({ loss, error }) => ({
    loss: loss / size,
    error: isClassification ? error / size : null,
    samples: size,
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
