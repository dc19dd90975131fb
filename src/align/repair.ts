import { type Dataset, splitSize } from "../data/index.ts";
import type { Engine, Program, Tensors } from "../engine/index.ts";
import { check } from "../errors.ts";
import { input, type Value } from "../graph/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { convert, elementCount, fromNumbers, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { batchInputs, checkFit, sampleInputs, splitFeeds } from "../train/index.ts";
import { type BiasedLayer, biasedLayers } from "./biased-layers.ts";
import { type Merge, sharesOf } from "./merge.ts";

export interface RepairOptions {
  readonly engine: Engine;
  /** The weights that the parents have in the merge; evenly unless given. */
  readonly weights?: readonly number[] | undefined;
  /** Most samples per run of the engine; runs are of one size, and the few samples left over are not used. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/**
 * REPAIR (Jordan 2022, arXiv 2211.08403): gives every hidden unit of a merged network the mean and the standard deviation
 * that its parents' units have on average before their activation, on the train split. The map z -> m + s (z - m') / s'
 * goes into the unit's own weights and bias, layer by layer, each measured behind the repaired ones. Units without a
 * bias, and those of the output, stay as they are.
 */
export async function repair(
  network: Network,
  { parameters: merged, parents }: Pick<Merge, "parameters" | "parents">,
  dataset: Dataset,
  options: RepairOptions,
): Promise<Parameters> {
  checkFit(network, dataset);
  const shares = sharesOf(parents, options.weights);
  await using meter = await unitMeter(network, merged, dataset, options);
  const goals: (readonly Units[])[] = [];
  for (const parent of parents) goals.push(await meter.measure(parent));
  let repaired = merged;
  for (const [i, layer] of meter.layers.entries()) {
    const own = (await meter.measure(repaired))[i] as Units;
    const goal = mixed(
      goals.map((each) => each[i] as Units),
      shares,
    );
    repaired = withStatistics(repaired, layer, own, goal);
  }
  return repaired;
}

/** What the units of a layer are before their activation, over samples and places. */
interface Units {
  readonly means: Float64Array;
  readonly deviations: Float64Array;
}

function mixed(parents: readonly Units[], shares: readonly number[]): Units {
  const mix = (of: keyof Units) =>
    (parents[0] as Units)[of].map((_, unit) =>
      parents.reduce((sum, parent, i) => sum + (shares[i] as number) * (parent[of][unit] as number), 0),
    );
  return { means: mix("means"), deviations: mix("deviations") };
}

/** Deviations that are smaller beside the mean are rounding: the unit is constant. */
const CONSTANT = 1e-6;

function withStatistics(parameters: Parameters, layer: BiasedLayer, own: Units, goal: Units): Parameters {
  const factors = own.deviations.map((deviation, unit) =>
    deviation > CONSTANT * Math.abs(own.means[unit] as number) ? (goal.deviations[unit] as number) / deviation : 1,
  );
  const weight = parameters[layer.weight] as Tensor;
  const bias = parameters[layer.bias] as Tensor;
  const behind = elementCount(weight.shape.slice(layer.axis + 1));
  const rows = toNumbers(weight).map((w, i) => w * (factors[Math.floor(i / behind) % factors.length] as number));
  const biases = toNumbers(bias).map(
    (b, unit) => (goal.means[unit] as number) + (factors[unit] as number) * (b - (own.means[unit] as number)),
  );
  return {
    ...parameters,
    [layer.weight]: fromNumbers(weight.dtype, rows, weight.shape),
    [layer.bias]: fromNumbers(bias.dtype, biases, bias.shape),
  };
}

interface UnitMeter extends AsyncDisposable {
  readonly layers: readonly BiasedLayer[];
  measure(parameters: Parameters): Promise<readonly Units[]>;
}

const BATCH = 500;

async function unitMeter(
  network: Network,
  like: Parameters,
  dataset: Dataset,
  { engine, batchSize = BATCH, signal }: RepairOptions,
): Promise<UnitMeter> {
  const dtype = Object.values(like).some((each) => each.dtype === "float64") ? "float64" : "float32";
  check(Number.isInteger(batchSize) && batchSize >= 1, () => ({
    code: "bad-option",
    where: "repair",
    message: `expected a batch size of at least 1, got ${batchSize}`,
  }));
  const samples = splitSize(dataset.train);
  const count = Math.ceil(samples / batchSize);
  const size = Math.floor(samples / count);
  const values = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)]));
  const x = batchInputs(sampleInputs(dataset.train, size), dataset, dtype);
  const layers = biasedLayers(network.apply(x, values).output, new Set(Object.values(values)));
  check(layers.length > 0 && network.parameters.every(({ trainable }) => trainable), () => ({
    code: "no-repair",
    where: network.description.net,
    message: "expected hidden units with a bias and no running statistics",
    remedy: "estimate running statistics anew, or merge without repair",
  }));
  const program = await engine.compile(Object.fromEntries(layers.flatMap(statisticsOf)));
  const batches = Array.from({ length: count }, (_, batch) => ({
    ...splitFeeds(dataset.train),
    "data.indices": tensor(
      "int32",
      [size],
      Int32Array.from({ length: size }, (_, i) => batch * size + i),
    ),
  }));
  return {
    layers,
    measure: async (parameters) => {
      const stored = Object.keys(values).map((name) => [name, convert(parameters[name] as Tensor, dtype)] as const);
      return measured(program, { layers, batches, parameters: Object.fromEntries(stored), signal });
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

function statisticsOf({ output, unitAxis }: BiasedLayer, i: number): (readonly [string, Value])[] {
  const axes = output.shape.map((_, axis) => axis).filter((axis) => axis !== unitAxis);
  const mean = output.mean(axes, { keepDims: true });
  const variance = output.sub(mean).square().mean(axes);
  return [
    [`${i}.mean`, mean.reshape(variance.shape)],
    [`${i}.variance`, variance],
  ];
}

interface Measurement {
  readonly layers: readonly BiasedLayer[];
  readonly batches: readonly Tensors[];
  readonly parameters: Tensors;
  readonly signal: AbortSignal | undefined;
}

async function measured(program: Program, { layers, batches, parameters, signal }: Measurement) {
  const found: Tensors[] = [];
  for (const batch of batches) {
    signal?.throwIfAborted();
    found.push(await program.run({ ...parameters, ...batch }));
  }
  return layers.map((_, i): Units => {
    const [means, variances] = [`${i}.mean`, `${i}.variance`].map((name) =>
      found.map((batch) => toNumbers(batch[name] as Tensor)),
    ) as [Float64Array[], Float64Array[]];
    const mean = meanOf(means);
    const between = meanOf(means.map((own) => own.map((m, unit) => (m - (mean[unit] as number)) ** 2)));
    const deviations = meanOf(variances).map((within, unit) => Math.sqrt(within + (between[unit] as number)));
    return { means: mean, deviations };
  });
}

function meanOf(rows: readonly Float64Array[]): Float64Array {
  const [first] = rows as readonly [Float64Array, ...Float64Array[]];
  return first.map((_, i) => rows.reduce((sum, row) => sum + (row[i] as number), 0) / rows.length);
}
