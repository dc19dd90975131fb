import type { Dataset, Split } from "../../data/index.ts";
import { ensemble, grad, hessianVectorProduct, input, topologicalOrder, type Value } from "../../graph/index.ts";
import type { Network } from "../../nets/index.ts";
import { bytesPerElement, elementCount } from "../../tensor/index.ts";
import { batchInputs, batchTargets, lossOf, type ParameterLayout, sampleInputs } from "../../train/index.ts";

/** The mean loss of a network over batches of a split. */
export interface LossSetting {
  readonly network: Network;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly layout: ParameterLayout;
  readonly dtype: "float32" | "float64";
}

type Graph = Readonly<Record<string, Value>>;

/** The name of the tensor that holds the part of a direction, or of many, along a parameter. */
export function directionName(name: string): string {
  return `direction.${name}`;
}

/** The loss of a batch of so many samples, and its gradient by parameter. */
export function slopeGraph(setting: LossSetting, samples: number): Graph {
  const { loss, free } = lossGraph(setting, samples);
  return { loss, ...named(setting.layout, grad(loss, free)) };
}

/** Products of the Hessian of a batch's loss with `width` directions, by parameter; what they share is computed once. */
export function productGraph(setting: LossSetting, samples: number, width: number): Graph {
  const { layout, dtype } = setting;
  const { loss, free } = lossGraph(setting, samples);
  const directions = layout.entries.map(({ name, shape }) => input(directionName(name), dtype, shape));
  const products = hessianVectorProduct(loss, free, directions);
  const many = layout.entries.map(({ name, shape }) => input(directionName(name), dtype, [width, ...shape]));
  return named(layout, ensemble(products, new Map(directions.map((one, i) => [one, many[i] as Value]))));
}

function lossGraph({ network, dataset, split, layout, dtype }: LossSetting, count: number) {
  const samples = sampleInputs(split, count);
  const values = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)]));
  const { output } = network.apply(batchInputs(samples, dataset, dtype), values);
  const loss = lossOf(dataset, output, batchTargets(samples, dtype));
  return { loss, free: layout.entries.map(({ name }) => values[name] as Value) };
}

function named({ entries }: ParameterLayout, values: readonly Value[]): Graph {
  return Object.fromEntries(entries.map(({ name }, i) => [name, values[i] as Value]));
}

/** How much is computed in one run. */
export interface RunPlan {
  readonly samples: number;
  /** Directions. */
  readonly width: number;
}

/** All intermediate results of a run together: larger ones leave the caches, and take longer per sample. */
const mostBytes = 2 ** 28;
const mostSamples = 1000;
const mostDirections = 8;

/** As many samples as that leaves room for, then as many directions. */
export function planRuns(setting: LossSetting): RunPlan {
  const [one, two] = [1, 2].map((samples) => bytesOf(productGraph(setting, samples, 1))) as [number, number];
  const most = (available: number, each: number, limit: number) =>
    Math.max(1, Math.min(limit, Math.floor(available / Math.max(each, 1))));
  const perSample = two - one;
  const samples = most(mostBytes - one, perSample, mostSamples);
  return { samples, width: most(mostBytes, one + samples * perSample, mostDirections) };
}

/** What all intermediate results take. */
function bytesOf(graph: Graph): number {
  return topologicalOrder(Object.values(graph))
    .filter(({ op }) => op !== "Input" && op !== "Constant")
    .reduce((sum, { shape, dtype }) => sum + elementCount(shape) * bytesPerElement(dtype), 0);
}
