import { type Dataset, splitSize } from "../../data/index.ts";
import type { Engine, Program, Tensors } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import { input, type Value } from "../../graph/index.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { convert, type Tensor, tensor, toNumbers } from "../../tensor/index.ts";
import { batchInputs, checkFit, sampleInputs, splitFeeds } from "../../train/index.ts";
import { type BiasedLayer, biasedLayers } from "./biased-layers.ts";

/** What the units of a layer are before their activation, over samples and places. */
export interface Units {
  readonly means: Float64Array;
  readonly deviations: Float64Array;
}

/** Measures hidden units on the train split. */
export interface UnitMeter extends AsyncDisposable {
  readonly layers: readonly BiasedLayer[];
  /** By network its layers; where units are mixed, these come last. */
  measure(models: readonly Parameters[]): Promise<readonly (readonly Units[])[]>;
}

export interface UnitMeterOptions {
  readonly engine: Engine;
  /** Most samples per run of the engine; runs are of one size, and the few samples left over are not used. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  /** How many networks are measured at a time. */
  readonly networks: number;
  /** Measures also, unit by unit, the mean of all networks with these weights. */
  readonly shares?: readonly number[];
}

const BATCH = 500;

/** A meter for networks with the types of `like`. */
export async function unitMeter(
  network: Network,
  like: Parameters,
  dataset: Dataset,
  { engine, batchSize = BATCH, signal, networks, shares }: UnitMeterOptions,
): Promise<UnitMeter> {
  checkFit(network, dataset);
  check(Number.isInteger(batchSize) && batchSize >= 1, () => ({
    code: "bad-option",
    where: "repair",
    message: `expected a batch size of at least 1, got ${batchSize}`,
  }));
  const dtype = Object.values(like).some((each) => each.dtype === "float64") ? "float64" : "float32";
  const { size, batches } = batchesOf(dataset, batchSize);
  const x = batchInputs(sampleInputs(dataset.train, size), dataset, dtype);
  const layersOf = (model: number) => {
    const values = Object.fromEntries(
      network.parameters.map(({ name, shape }) => [name, input(inputName(model, name), dtype, shape)]),
    );
    return biasedLayers(network.apply(x, values).output, new Set(Object.values(values)));
  };
  const models = Array.from({ length: networks }, (_, model) => layersOf(model));
  const layers = models[0] as readonly BiasedLayer[];
  check(layers.length > 0 && network.parameters.every(({ trainable }) => trainable), () => ({
    code: "no-repair",
    where: network.description.net,
    message: "expected hidden units with a bias and no running statistics",
    remedy: "estimate running statistics anew, or merge without repair",
  }));
  const streams = models.map((own) => own.map(({ output }) => output));
  if (shares)
    streams.push(
      layers.map((_, i) =>
        mixed(
          streams.map((own) => own[i] as Value),
          shares,
        ),
      ),
    );
  const outputs = streams.flatMap((own, stream) =>
    own.flatMap((value, i) =>
      statisticsOf(value, { unitAxis: (layers[i] as BiasedLayer).unitAxis, name: `${stream} ${i}` }),
    ),
  );
  const program = await engine.compile(Object.fromEntries(outputs));
  return {
    layers,
    measure: async (parameters) => {
      const feeds = parameters.flatMap((own, model) =>
        network.parameters.map(({ name }) => [inputName(model, name), convert(own[name] as Tensor, dtype)] as const),
      );
      const found = await runAll(program, { batches, parameters: Object.fromEntries(feeds), signal });
      return streams.map((own, stream) => own.map((_, i) => unitsOf(found, `${stream} ${i}`)));
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** The first network's parameters keep their names. */
function inputName(model: number, name: string): string {
  return model === 0 ? name : `${model}.${name}`;
}

function mixed(values: readonly Value[], shares: readonly number[]): Value {
  return values.map((value, i) => value.mul(shares[i] as number)).reduce((sum, value) => sum.add(value));
}

function batchesOf({ train }: Dataset, batchSize: number): { readonly size: number; readonly batches: Tensors[] } {
  const samples = splitSize(train);
  const count = Math.ceil(samples / batchSize);
  const size = Math.floor(samples / count);
  const indicesOf = (batch: number) => Int32Array.from({ length: size }, (_, i) => batch * size + i);
  const batches = Array.from({ length: count }, (_, batch) => ({
    ...splitFeeds(train),
    "data.indices": tensor("int32", [size], indicesOf(batch)),
  }));
  return { size, batches };
}

function statisticsOf(
  output: Value,
  { unitAxis, name }: { readonly unitAxis: number; readonly name: string },
): (readonly [string, Value])[] {
  const axes = output.shape.map((_, axis) => axis).filter((axis) => axis !== unitAxis);
  const mean = output.mean(axes, { keepDims: true });
  const variance = output.sub(mean).square().mean(axes);
  return [
    [`${name}.mean`, mean.reshape(variance.shape)],
    [`${name}.variance`, variance],
  ];
}

interface Run {
  readonly batches: readonly Tensors[];
  readonly parameters: Tensors;
  readonly signal: AbortSignal | undefined;
}

async function runAll(program: Program, { batches, parameters, signal }: Run): Promise<readonly Tensors[]> {
  const found: Tensors[] = [];
  for (const batch of batches) {
    signal?.throwIfAborted();
    found.push(await program.run({ ...parameters, ...batch }));
  }
  return found;
}

function unitsOf(found: readonly Tensors[], name: string): Units {
  const [means, variances] = [`${name}.mean`, `${name}.variance`].map((each) =>
    found.map((batch) => toNumbers(batch[each] as Tensor)),
  ) as [Float64Array[], Float64Array[]];
  const mean = meanOf(means);
  const between = meanOf(means.map((own) => own.map((m, unit) => (m - (mean[unit] as number)) ** 2)));
  const deviations = meanOf(variances).map((within, unit) => Math.sqrt(within + (between[unit] as number)));
  return { means: mean, deviations };
}

function meanOf(rows: readonly Float64Array[]): Float64Array {
  const [first] = rows as readonly [Float64Array, ...Float64Array[]];
  return first.map((_, i) => rows.reduce((sum, row) => sum + (row[i] as number), 0) / rows.length);
}
