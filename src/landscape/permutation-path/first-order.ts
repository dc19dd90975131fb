import type { Dataset } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { convert, fold, norm, type RngKey, rngKey } from "../../tensor/index.ts";
import {
  type Curvature,
  flatten,
  initialState,
  memberParameters,
  type Optimizer,
  type Slope,
  train,
  unflatten,
} from "../../train/index.ts";
import type { HiddenLayer } from "../expansion/index.ts";
import { heldNetwork, heldTensors } from "./held-network.ts";
import { resultOf } from "./result-of.ts";
import { apart, freeGradientNorm, merged, type UnitPair } from "./unit-pair.ts";

/** How to train at each distance. */
export interface FirstOrderOptions {
  /** Defaults to adam with a learning rate of 1e-3. */
  readonly optimizer?: Optimizer;
  /** Passes over the data at each distance; defaults to 20. */
  readonly epochs?: number;
  /** Defaults to the whole train split. */
  readonly batchSize?: number;
  readonly dtype?: "float32" | "float64";
  /** Of the order of batches. */
  readonly key?: RngKey;
}

interface Training extends FirstOrderOptions {
  readonly network: Network;
  readonly dataset: Dataset;
  readonly layer: HiddenLayer;
  readonly units: readonly [number, number];
  readonly engine: Engine;
  readonly steps: number;
  readonly signal?: AbortSignal | undefined;
}

/** Where training at one distance has come to. */
export interface Trained extends Slope {
  readonly x: Float64Array;
  readonly distance: number;
  /** Of what is free at this distance. */
  readonly gradientNorm: number;
}

/** What is known of a point at a distance. */
export async function measured(
  curvature: Curvature,
  pair: UnitPair,
  x: Float64Array,
  distance: number,
): Promise<Trained> {
  const [slope] = (await curvature.slopes([x])) as [Slope];
  const difference = apart(pair, x);
  const length = norm(difference);
  const direction = length === 0 ? difference : difference.map((value) => value / length);
  return { ...slope, x, distance, gradientNorm: freeGradientNorm(pair, slope.gradient, { distance, direction }) };
}

/** Steps d0/T, 2 d0/T, ... down to 0, some training at each; the last point is the canonical one. */
export async function* trainedApproach(
  curvature: Curvature,
  pair: UnitPair,
  start: Trained,
  training: Training,
): AsyncGenerator<Trained> {
  const network = heldNetwork(training.network, training.layer);
  let x = start.x;
  let direction: Float64Array = apart(pair, x).map((value) => value / start.distance);
  for (let step = 1; step <= training.steps; step++) {
    const distance = start.distance * (1 - step / training.steps);
    const from = withCoordinates(pair, step === training.steps ? merged(pair, x) : x, direction);
    const y = await trainedFrom(network, curvature, { from, distance, step, training });
    direction = directionIn(pair, y);
    const reached = atDistance(pair, y, { distance, direction });
    x = step === training.steps ? merged(pair, reached) : reached;
    yield await measured(curvature, pair, x, distance);
  }
}

interface Leg {
  readonly from: Float64Array;
  readonly distance: number;
  readonly step: number;
  readonly training: Training;
}

async function trainedFrom(network: Network, { layout }: Curvature, leg: Leg): Promise<Float64Array> {
  const { from, distance, step, training } = leg;
  const { optimizer = defaultOptimizer, epochs = 20, dtype = "float32", key = rngKey(0), engine, signal } = training;
  const batchSize = training.batchSize ?? Number.MAX_SAFE_INTEGER;
  const held = heldTensors(training.layer, training.units, { distance, dtype });
  const weights = Object.entries(unflatten(layout, from)).map(
    ([name, value]) => [name, convert(value, dtype)] as const,
  );
  const state = initialState(network, optimizer, [key], dtype);
  const tensors: Parameters = { ...state.tensors, ...held, ...Object.fromEntries(weights) };
  const options = { engine, optimizer, epochs, batchSize, dtype, keys: [fold(key, "distance", step)] };
  const run = train(network, training.dataset, {
    ...options,
    schedule: { kind: "cosine" },
    resumeFrom: { ...state, tensors },
    ...(signal && { signal }),
  });
  const [trained] = memberParameters(network, await resultOf(run)) as [Parameters];
  return flatten(layout, trained);
}

const defaultOptimizer: Optimizer = { kind: "adam", learningRate: 1e-3 };

/** mu in the place of theta_i and e in that of theta_j. */
function withCoordinates({ incoming: [i, j] }: UnitPair, x: Float64Array, direction: Float64Array): Float64Array {
  const y = x.slice();
  for (const [c, place] of i.entries()) {
    const other = j[c] as number;
    y[place] = ((x[place] as number) + (x[other] as number)) / 2;
    y[other] = direction[c] as number;
  }
  return y;
}

function directionIn({ incoming: [, j] }: UnitPair, y: Float64Array): Float64Array {
  const q = Float64Array.from(j, (place) => y[place] as number);
  const length = norm(q);
  return q.map((value) => value / length);
}

function atDistance(
  { incoming: [i, j] }: UnitPair,
  y: Float64Array,
  { distance, direction }: { readonly distance: number; readonly direction: Float64Array },
): Float64Array {
  const x = y.slice();
  for (const [c, place] of i.entries()) {
    const [mean, offset] = [y[place] as number, (distance / 2) * (direction[c] as number)];
    x[place] = mean + offset;
    x[j[c] as number] = mean - offset;
  }
  return x;
}
