import type { Dataset } from "../../data/index.ts";
import { check } from "../../errors.ts";
import type { Model } from "../../nets/index.ts";
import { norm } from "../../tensor/index.ts";
import {
  type CriticalPoint,
  type Curvature,
  type LocalCurvature,
  minimize,
  type Slope,
  symmetricEigenvalues,
} from "../../train/index.ts";
import type { HiddenLayer } from "../expansion/index.ts";
import { distanceBetween } from "../vectors.ts";
import { type BranchChange, greedyApproach, permutationPointNear, strictApproach } from "./approach.ts";
import { type Branch, branchAt } from "./branch.ts";
import { measured, trainedApproach } from "./first-order.ts";
import { notConverged } from "./not-converged.ts";
import type { PathMethod, PermutationPathOptions } from "./path-options.ts";
import { apart, type UnitPair } from "./unit-pair.ts";

/** A point of the path; the distance between the incoming weights of the units is d0 |1 - 2 t|. */
export interface PermutationPathPoint {
  readonly t: number;
  readonly distance: number;
  readonly loss: number;
  /** Of what is free at this distance. */
  readonly gradientNorm: number;
  /** Ascending, in the metric of the parameters; null unless asked for, and in training. */
  readonly eigenvalues: Float64Array | null;
}

/** The given network, and how far the minimum is at which the path starts. */
export interface PathStart {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly moved: number;
}

/** What all pairs of one layer share. */
export interface Scene {
  readonly model: Model;
  readonly dataset: Dataset;
  readonly layer: HiddenLayer;
  readonly curvature: Curvature;
  readonly kinks: readonly string[];
  readonly options: PairOptions;
}

/** Options that all pairs share. */
type PairOptions = Omit<PermutationPathOptions, "units" | "layer"> & { readonly method: PathMethod };

/** What an approach leads to, before it is described. */
export interface Found {
  readonly initialDistance: number;
  readonly start: PathStart;
  /** The permutation point. */
  readonly x: Float64Array;
  /** The point before. */
  readonly last: Float64Array;
  readonly changes: readonly BranchChange[];
  readonly tolerance: number;
}

/** A point with its vector of parameters. */
type Placed = PermutationPathPoint & { readonly x: Float64Array };

/** The first half by second order: the minimum next to the given network, and critical points down to distance 0. */
export async function* criticalPoints(
  { model, curvature, options }: Scene,
  pair: UnitPair,
): AsyncGenerator<Placed, Found> {
  const { steps = 50, tolerance = 1e-10, spectrum = false, signal } = options;
  const given = curvature.flatten(model.parameters);
  const start = await startAt(curvature, pair, { given, tolerance, signal });
  const placed = ({ x, distance, loss, gradientNorm, eigenvalues }: Branch): Placed => ({
    t: (1 - distance / start.branch.distance) / 2,
    distance,
    loss,
    gradientNorm,
    eigenvalues: spectrum ? eigenvalues : null,
    x,
  });
  yield placed(start.branch);
  const approach = options.method === "strict" ? strictApproach : greedyApproach;
  let { branch } = start;
  const changes: BranchChange[] = [];
  for await (const stop of approach(curvature, pair, branch, { steps, tolerance, signal })) {
    ({ branch } = stop);
    if (stop.change) changes.push(stop.change);
    yield placed(branch);
  }
  const isStrict = options.method === "strict";
  const { x, change } = await permutationPointNear(curvature, pair, { branch, isStrict, tolerance, signal });
  if (change) changes.push(change);
  const [at] = (await curvature.slopes([x])) as [Slope];
  const eigenvalues = spectrum ? await spectrumAt(curvature, x) : null;
  yield { t: 0.5, distance: 0, loss: at.loss, gradientNorm: norm(at.gradient), eigenvalues, x };
  const { distance: initialDistance } = start.branch;
  return { initialDistance, start: start.known, x, last: branch.x, changes, tolerance };
}

interface Start {
  readonly given: Float64Array;
  readonly tolerance: number;
  readonly signal: AbortSignal | undefined;
}

/** The minimum next to the given network. */
async function startAt(curvature: Curvature, pair: UnitPair, { given, tolerance, signal }: Start) {
  const [found] = (await minimize(curvature, [given], { gradientTolerance: tolerance, ...(signal && { signal }) })) as [
    CriticalPoint,
  ];
  if (!(found.gradientNorm <= tolerance)) {
    throw notConverged({ ...found, distance: norm(apart(pair, found.point)) }, tolerance);
  }
  checkApart(pair, found.point);
  const branch = await branchAt(curvature, pair, found.point);
  const [at] = (await curvature.slopes([given])) as [Slope];
  const moved = distanceBetween(given, found.point);
  return { branch, known: { loss: at.loss, gradientNorm: norm(at.gradient), moved } };
}

function checkApart(pair: UnitPair, x: Float64Array): void {
  check(norm(apart(pair, x)) > 0, () => ({
    code: "equal-units",
    where: "permutation path",
    message: "expected units with different incoming weights, got equal ones",
    remedy: "go on from there with orbifold plateau",
  }));
}

/** What training comes to within reasonable time. */
const trainedTolerance = 1e-3;

/** The first half by training. */
export async function* trainedPoints(
  { model, dataset, layer, curvature, options }: Scene,
  pair: UnitPair,
  units: readonly [number, number],
): AsyncGenerator<Placed, Found> {
  const { steps = 20, ...recipe } = options;
  const x = curvature.flatten(model.parameters);
  checkApart(pair, x);
  const initialDistance = norm(apart(pair, x));
  const start = await measured(curvature, pair, x, initialDistance);
  const training = { ...recipe, network: model.network, dataset, layer, units, steps };
  let [before, last] = [start, start];
  const placed = ({ distance, loss, gradientNorm, x: at }: typeof start): Placed => ({
    t: (1 - distance / initialDistance) / 2,
    distance,
    loss,
    gradientNorm,
    eigenvalues: null,
    x: at,
  });
  yield placed(start);
  for await (const point of trainedApproach(curvature, pair, start, training)) {
    [before, last] = [last, point];
    yield placed(point);
  }
  const known = { loss: start.loss, gradientNorm: norm(start.gradient), moved: 0 };
  const tolerance = options.tolerance ?? Math.max(trainedTolerance, known.gradientNorm);
  return { initialDistance, start: known, x: last.x, last: before.x, changes: [], tolerance };
}

/** The eigenvalues of the Hessian of all parameters. */
export async function spectrumAt(curvature: Curvature, x: Float64Array): Promise<Float64Array> {
  const [{ hessian }] = (await curvature.curvatures([x])) as [LocalCurvature];
  return symmetricEigenvalues(hessian, curvature.size);
}
