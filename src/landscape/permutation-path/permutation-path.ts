import type { Dataset } from "../../data/index.ts";
import { check, InputError } from "../../errors.ts";
import type { Model, Parameters } from "../../nets/index.ts";
import { type Curvature, curvatureOf, flatten, type Index, indexOf, layoutOf, unflatten } from "../../train/index.ts";
import { checkDifferentiable, checkSmooth, kinksIn } from "../curvature/index.ts";
import { type HiddenLayer, hiddenLayer } from "../expansion/index.ts";
import type { BranchChange } from "./approach.ts";
import {
  criticalPoints,
  type PathStart,
  type PermutationPathPoint,
  type Scene,
  spectrumAt,
  trainedPoints,
} from "./half-path.ts";
import type { PathMethod, PermutationPathOptions } from "./path-options.ts";
import { resultOf } from "./result-of.ts";
import { sharedAs, swapped, unitPair } from "./unit-pair.ts";

/** A point of the first half with its weights. */
export interface ComputedPoint extends PermutationPathPoint {
  readonly parameters: Parameters;
}

/** The point at which both units are equal, and how the loss is curved there. */
export interface PermutationPoint {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly parameters: Parameters;
  /** Of the Hessian of all parameters, ascending; null for too many. */
  readonly eigenvalues: Float64Array | null;
  readonly index: Index | null;
}

/** A path from a network to itself with two units exchanged. */
export interface PermutationPath {
  readonly layer: string;
  readonly units: readonly [number, number];
  readonly method: PathMethod;
  readonly initialDistance: number;
  readonly start: PathStart;
  /** Both halves, the second the mirror image of the first. */
  readonly points: readonly PermutationPathPoint[];
  /** The largest loss above that of the ends. */
  readonly barrier: number;
  /** How far the loss sinks below that of the ends, where these are no minima, or others are lower. */
  readonly sinksBy: number;
  readonly permutationPoint: PermutationPoint;
  /** The straight line at the permutation point on which the outgoing weights change places. */
  readonly exchange: { readonly from: Parameters; readonly to: Parameters; readonly deviation: number };
  /** None are looked for in training. */
  readonly branchChanges: readonly BranchChange[];
  readonly tolerance: number;
  /** The largest gradient norm on the way. */
  readonly gradientNorm: number;
  readonly converged: boolean;
  /** Operators at which the gradient jumps, so that points need not be minima; none in a smooth network. */
  readonly kinks: readonly string[];
}

/**
 * The path from a minimum through a permutation point to the same minimum with two units exchanged (Brea 2019, arXiv
 * 1907.02911): the distance between their incoming weights shrinks to 0 while everything else minimises the loss, their
 * outgoing weights change places at constant loss, and the way back is the way there with the labels exchanged. Yields
 * the points of the first half, both ends included, as they are computed.
 */
export async function* permutationPath(
  model: Model,
  dataset: Dataset,
  { layer: which, units, method = "strict", ...rest }: PermutationPathOptions,
): AsyncGenerator<ComputedPoint, PermutationPath> {
  const layer = heldLayer(model, which);
  unitPair(layer, layoutOf(model.network), units);
  const kinks = checkMethod(model, method);
  await using curvature = await curvatureOf(model.network, dataset, { engine: rest.engine });
  return yield* pathOf({ model, dataset, layer, curvature, kinks, options: { ...rest, method } }, units);
}

/** A pair of units to which no path was found. */
export interface FailedPath {
  readonly units: readonly [number, number];
  readonly reason: InputError;
}

/** The paths of all pairs of units of a layer, one after the other, each with the number of pairs. */
export async function* permutationPaths(
  model: Model,
  dataset: Dataset,
  { layer: which, method = "strict", ...rest }: Omit<PermutationPathOptions, "units">,
): AsyncGenerator<(PermutationPath | FailedPath) & { readonly total: number }, void> {
  const layer = heldLayer(model, which);
  const kinks = checkMethod(model, method);
  await using curvature = await curvatureOf(model.network, dataset, { engine: rest.engine });
  const scene: Scene = { model, dataset, layer, curvature, kinks, options: { ...rest, method } };
  const pairs = pairsOf(layer);
  const total = pairs.length;
  for (const units of pairs) {
    try {
      yield { ...(await resultOf(pathOf(scene, units))), total };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      yield { units, reason: error, total };
    }
  }
}

/** All pairs of units, the first the smaller one. */
function pairsOf({ size }: HiddenLayer): (readonly [number, number])[] {
  return Array.from({ length: size }, (_, i) => i).flatMap((i) =>
    Array.from({ length: size - i - 1 }, (_, k) => [i, i + 1 + k] as const),
  );
}

/** The weights with two units of a layer exchanged: the point of the second half to one of the first. */
export function withUnitsExchanged(
  { network, parameters }: Model,
  { layer, units }: Pick<PermutationPathOptions, "layer" | "units">,
): Parameters {
  const layout = layoutOf(network);
  const pair = unitPair(heldLayer({ network, parameters }, layer), layout, units);
  return { ...parameters, ...unflatten(layout, swapped(pair, flatten(layout, parameters))) };
}

function heldLayer({ network }: Model, which: string | number): HiddenLayer {
  const layer = hiddenLayer(network, which);
  const statistics = network.parameters.find(({ trainable }) => !trainable);
  check(!statistics, () => ({
    code: "running-statistics",
    where: network.description.net,
    message: `expected a network whose weights are all trained, got ${statistics?.name}, which is measured`,
    remedy: "take a network without batch norm",
  }));
  return layer;
}

/** Parameters above which Hessians at every point, or only one, take too much time and memory. */
const [mostForSecondOrder, mostForSpectrum] = [1000, 2000];

/** Throws where a method cannot be used; otherwise the kinks of the network. */
function checkMethod({ network }: Model, method: PathMethod): readonly string[] {
  const layout = layoutOf(network);
  if (method === "first-order") {
    checkDifferentiable(network, layout);
    return kinksIn(network, layout);
  }
  const where = `method ${method}`;
  const remedy = "use the first-order method";
  checkSmooth(network, layout, { where, remedy });
  check(layout.size <= mostForSecondOrder, () => ({
    code: "too-large",
    where,
    message: `expected at most ${mostForSecondOrder} parameters, got ${layout.size}`,
    remedy,
  }));
  return [];
}

async function* pathOf(scene: Scene, units: readonly [number, number]): AsyncGenerator<ComputedPoint, PermutationPath> {
  const { model, layer, curvature, options, kinks } = scene;
  const pair = unitPair(layer, curvature.layout, units);
  const points: PermutationPathPoint[] = [];
  const approach = options.method === "first-order" ? trainedPoints(scene, pair, units) : criticalPoints(scene, pair);
  let found = await approach.next();
  while (!found.done) {
    const { x, ...point } = found.value;
    points.push(point);
    yield { ...point, parameters: withWeights(model, curvature, x) };
    found = await approach.next();
  }
  const { x, last, initialDistance, start, changes, tolerance } = found.value;
  const top = points.at(-1) as PermutationPathPoint;
  const losses = points.map(({ loss }) => loss);
  const [end] = losses as [number];
  const from = sharedAs(pair, x, last);
  const to = swapped(pair, from);
  const gradientNorm = Math.max(...points.map((point) => point.gradientNorm));
  return {
    layer: layer.name,
    units,
    method: options.method,
    initialDistance,
    start,
    points: [
      ...points,
      ...points
        .slice(0, -1)
        .reverse()
        .map((point) => ({ ...point, t: 1 - point.t })),
    ],
    barrier: Math.max(...losses) - end,
    sinksBy: end - Math.min(...losses),
    permutationPoint: {
      loss: top.loss,
      gradientNorm: top.gradientNorm,
      parameters: withWeights(model, curvature, x),
      ...(await curved(curvature, x)),
    },
    exchange: {
      from: withWeights(model, curvature, from),
      to: withWeights(model, curvature, to),
      deviation: await deviationOn(curvature, { from, to, loss: top.loss }),
    },
    branchChanges: changes,
    tolerance,
    gradientNorm,
    converged: gradientNorm <= tolerance,
    kinks,
  };
}

function withWeights({ parameters }: Model, curvature: Curvature, x: Float64Array): Parameters {
  return { ...parameters, ...curvature.unflatten(x) };
}

async function curved(curvature: Curvature, x: Float64Array): Promise<Pick<PermutationPoint, "eigenvalues" | "index">> {
  if (curvature.size > mostForSpectrum) return { eigenvalues: null, index: null };
  const eigenvalues = await spectrumAt(curvature, x);
  return { eigenvalues, index: indexOf(eigenvalues) };
}

/** Places at which the loss is compared on the line of the exchange, both ends included. */
const compared = 11;

async function deviationOn(
  curvature: Curvature,
  { from, to, loss }: { readonly from: Float64Array; readonly to: Float64Array; readonly loss: number },
): Promise<number> {
  const places = Array.from({ length: compared }, (_, k) =>
    from.map((value, c) => value + (k / (compared - 1)) * ((to[c] as number) - value)),
  );
  const slopes = await curvature.slopes(places);
  return Math.max(...slopes.map((slope) => Math.abs(slope.loss - loss)));
}
