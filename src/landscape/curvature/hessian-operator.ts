import { closestName } from "../../closest-name.ts";
import { type Dataset, type Split, splitSize } from "../../data/index.ts";
import type { Engine, Program, Tensors } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { convert, elementCount, norm, type Tensor, tensor, zeros } from "../../tensor/index.ts";
import { checkFit, checkSplit, flatten, layoutOf, type ParameterLayout, splitFeeds } from "../../train/index.ts";
import { checkFinite } from "./finite.ts";
import { directionName, type LossSetting, planRuns, productGraph, slopeGraph } from "./loss-graphs.ts";
import { checkDifferentiable } from "./smoothness.ts";
import type { SymmetricOperator } from "./symmetric-operator.ts";
import { addScaled, type Vector, zeroVector } from "./vectors.ts";

export interface HessianOptions {
  readonly engine: Engine;
  /** Defaults to the train split. */
  readonly split?: "train" | "test" | Split;
  /** Samples per run of the engine; the result does not depend on it but for rounding. Defaults to what fits into memory. */
  readonly batchSize?: number;
  /** Defaults to float32. */
  readonly dtype?: "float32" | "float64";
  /** The parameters whose Hessian it is; all others are held fixed. Defaults to all that are trained. */
  readonly only?: readonly string[];
  readonly signal?: AbortSignal;
}

/** The loss at the point of a Hessian, and its gradient. */
export interface HessianSlope {
  readonly loss: number;
  readonly gradient: Float64Array;
  readonly gradientNorm: number;
}

/** The Hessian of the mean loss over a split, in the vector order of `layout`. */
export interface HessianOperator extends SymmetricOperator, AsyncDisposable {
  readonly layout: ParameterLayout;
  readonly samples: number;
  slope(): Promise<HessianSlope>;
}

/**
 * The Hessian of a network's loss, without its matrix: mean squared error without 1/2 for real targets, mean
 * cross-entropy for classes. Samples are streamed in batches; running statistics keep their values.
 */
export function hessianOperator(
  network: Network,
  parameters: Parameters,
  dataset: Dataset,
  options: HessianOptions,
): HessianOperator {
  const { engine, dtype = "float32", signal } = options;
  const setting = { ...settingOf(network, dataset, options), dtype };
  const { layout, split } = setting;
  checkParameters(network, parameters);
  const plan = planRuns(setting);
  const samples = splitSize(split);
  const batches = batchesOf(samples, checkedBatchSize(options.batchSize ?? plan.samples));
  const programs = programCache(engine);
  const fixedFeeds: Tensors = {
    ...splitFeeds(split),
    ...Object.fromEntries(network.parameters.map(({ name }) => [name, convert(parameters[name] as Tensor, dtype)])),
  };
  async function* runs(kind: RunKind, feeds: Tensors) {
    for (const { start, length } of batches) {
      signal?.throwIfAborted();
      const program = await programs.get(setting, kind, length);
      const indices = tensor(
        "int32",
        [length],
        Int32Array.from({ length }, (_, i) => start + i),
      );
      const results = await program.run({ ...fixedFeeds, ...feeds, "data.indices": indices }, kind.into);
      yield { results, share: length / samples };
    }
  }
  async function productsOf(vectors: readonly Vector[]): Promise<readonly Vector[]> {
    const kind = { width: vectors.length, into: stackedZeros(setting, vectors.length) };
    const sums = vectors.map(() => new Float64Array(layout.size));
    for await (const { results, share } of runs(kind, stackedParts(setting, vectors))) {
      addParts(layout, results, { sums, share });
    }
    return dtype === "float64" ? sums : sums.map((sum) => Float32Array.from(sum));
  }
  return {
    layout,
    samples,
    size: layout.size,
    dtype,
    width: plan.width,
    async products(vectors) {
      const products: Vector[] = [];
      for (let k = 0; k < vectors.length; k += plan.width) {
        products.push(...(await productsOf(vectors.slice(k, k + plan.width))));
      }
      return products;
    },
    async slope() {
      const gradient = new Float64Array(layout.size);
      let loss = 0;
      for await (const { results, share } of runs({ width: null, into: {} }, {})) {
        loss += share * ((results.loss as Tensor<"float32" | "float64">).data[0] as number);
        addParts(layout, results, { sums: [gradient], share });
      }
      checkFinite("loss", loss);
      return { loss, gradient, gradientNorm: norm(gradient) };
    },
    [Symbol.asyncDispose]: () => programs.release(),
  };
}

/** What the Hessian is of, checked. */
export function settingOf(
  network: Network,
  dataset: Dataset,
  { split: given = "train", only }: Pick<HessianOptions, "split" | "only">,
): Omit<LossSetting, "dtype"> {
  const split = typeof given === "string" ? dataset[given] : given;
  checkFit(network, dataset);
  checkSplit("hessian", dataset, split);
  const layout = layoutOf(network, only ? heldBy(network, only) : []);
  checkDifferentiable(network, layout);
  return { network, dataset, split, layout };
}

function heldBy(network: Network, only: readonly string[]): string[] {
  const names = network.parameters.filter(({ trainable }) => trainable).map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  const meant = unknown === undefined ? undefined : closestName(unknown, names);
  check(unknown === undefined && only.length > 0, () => ({
    code: "bad-option",
    where: "hessian",
    message: `expected trained parameters, got ${unknown === undefined ? "none" : JSON.stringify(unknown)}`,
    remedy: meant ? `did you mean ${meant}?` : `the network has ${names.join(", ")}`,
  }));
  return names.filter((name) => !only.includes(name));
}

/** Throws unless there is a tensor of the right shape for every parameter, fixed ones too. */
function checkParameters(network: Network, parameters: Parameters): void {
  let start = 0;
  const entries = network.parameters.map(({ name, shape }) => {
    const entry = { name, shape, start };
    start += elementCount(shape);
    return entry;
  });
  flatten({ entries, size: start }, parameters);
}

function checkedBatchSize(batchSize: number): number {
  check(Number.isInteger(batchSize) && batchSize >= 1, () => ({
    code: "bad-option",
    where: "hessian",
    message: `expected a batch size of at least 1, got ${batchSize}`,
  }));
  return batchSize;
}

interface Batch {
  readonly start: number;
  readonly length: number;
}

function batchesOf(samples: number, batchSize: number): Batch[] {
  return Array.from({ length: Math.ceil(samples / batchSize) }, (_, i) => {
    const start = i * batchSize;
    return { start, length: Math.min(batchSize, samples - start) };
  });
}

/** What one run computes: products with so many directions, or (null) the loss and its gradient. */
interface RunKind {
  readonly width: number | null;
  readonly into: Tensors;
}

/** Programs that are compiled when they are first asked for. */
function programCache(engine: Engine) {
  const compiled = new Map<string, Promise<Program>>();
  return {
    get(setting: LossSetting, { width }: RunKind, samples: number): Promise<Program> {
      const key = `${width} ${samples}`;
      const graph = () => (width === null ? slopeGraph(setting, samples) : productGraph(setting, samples, width));
      const program = compiled.get(key) ?? engine.compile(graph());
      compiled.set(key, program);
      return program;
    },
    async release() {
      await Promise.all([...compiled.values()].map(async (program) => (await program)[Symbol.asyncDispose]()));
      compiled.clear();
    },
  };
}

function stackedZeros({ layout, dtype }: LossSetting, width: number): Tensors {
  return Object.fromEntries(layout.entries.map(({ name, shape }) => [name, zeros(dtype, [width, ...shape])]));
}

/** The parts of vectors along every parameter, one vector after another. */
function stackedParts({ layout, dtype }: LossSetting, vectors: readonly Vector[]): Tensors {
  return Object.fromEntries(
    layout.entries.map(({ name, shape, start }) => {
      const length = elementCount(shape);
      const data = zeroVector(dtype, vectors.length * length);
      for (const [i, vector] of vectors.entries()) data.set(vector.subarray(start, start + length), i * length);
      return [directionName(name), tensor(dtype, [vectors.length, ...shape], data)];
    }),
  );
}

/** Adds a share of what a batch gave, by parameter, to vectors. */
function addParts(
  { entries }: ParameterLayout,
  results: Tensors,
  { sums, share }: { readonly sums: readonly Float64Array<ArrayBuffer>[]; readonly share: number },
): void {
  for (const { name, shape, start } of entries) {
    const length = elementCount(shape);
    const data = (results[name] as Tensor).data as Vector;
    for (const [i, sum] of sums.entries()) {
      addScaled(sum.subarray(start, start + length), data.subarray(i * length, (i + 1) * length), share);
    }
  }
}
