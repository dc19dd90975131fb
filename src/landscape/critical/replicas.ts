import { binomial } from "../../counting/index.ts";
import type { Dataset } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import type { Model } from "../../nets/index.ts";
import { fold, norm, type RngKey, rngKey, uniform } from "../../tensor/index.ts";
import {
  type Curvature,
  curvatureOf,
  type Index,
  indexOf,
  type LocalCurvature,
  type Slope,
  symmetricEigenvalues,
} from "../../train/index.ts";
import {
  type Composition,
  compositions,
  expand,
  type HiddenLayer,
  hiddenLayer,
  inFloat64,
  rolesOf,
} from "../expansion/index.ts";
import { type DuplicationForm, duplicationForms } from "./duplication.ts";
import { type DuplicationSigns, duplicationSigns, type Inertia, predictedInertia } from "./prediction.ts";
import { outgoingVectors } from "./unit-vectors.ts";

/** How a layer is replicated: the shares of its outgoing weights that the copies of each unit have, their sums 1. */
export type Shares = readonly (readonly number[])[];

/** What is known of a critical point to second order. */
export interface PointReport {
  readonly loss: number;
  readonly gradientNorm: number;
  /** Ascending. */
  readonly eigenvalues: Float64Array;
  readonly index: Index;
}

/** One point of a subspace of critical points that a narrower network gives rise to (Simsek 2021, arXiv 2105.12221). */
export interface Replica extends PointReport {
  readonly shares: Shares;
  readonly composition: Composition;
  /** How many numberings of the units the subspace has. */
  readonly numberings: bigint;
  readonly predicted: Inertia;
  readonly agrees: boolean;
  /**
   * `saddle` where the loss falls in some direction, `minimum` where it rises in all but those of the subspace, and
   * `degenerate` where more directions are level to second order.
   */
  readonly kind: "saddle" | "minimum" | "degenerate";
}

/** A unit of the narrow network and what its duplication does. */
export interface ReplicatedUnit extends DuplicationSigns {
  readonly form: DuplicationForm;
}

/** A critical point, and critical points of wider networks that it gives rise to. */
export interface ReplicaStudy {
  readonly layer: string;
  readonly core: PointReport;
  readonly units: readonly ReplicatedUnit[];
  readonly replicas: readonly Replica[];
}

export interface ReplicaOptions {
  /** The layer that is widened, by name or by its place in the census. */
  readonly layer: string | number;
  readonly engine: Engine;
  /** Largest norm of the gradient of a critical point; defaults to 1e-10. */
  readonly gradientTolerance?: number;
  /** Eigenvalues up to this size count as zero; defaults to 10 n epsilon |H| and ten times the gradient. */
  readonly zeroTolerance?: number;
  /** Called after each replica. */
  readonly onProgress?: (done: number) => void;
}

/** Largest norm of the gradient of what counts as a critical point. */
export const defaultGradientTolerance = 1e-10;

/**
 * Replicates units of a layer at a critical point, with the gradient and the index of every replica beside the index that
 * B and C predict. The data set's train split defines the loss.
 */
export async function replicaStudy(
  given: Model,
  dataset: Dataset,
  { replicas, ...options }: ReplicaOptions & { readonly replicas: Iterable<Shares> },
): Promise<ReplicaStudy> {
  const { engine, gradientTolerance = defaultGradientTolerance, zeroTolerance, onProgress } = options;
  const model = { ...given, parameters: inFloat64(given.parameters) };
  const layer = hiddenLayer(model.network, options.layer);
  const forms = await duplicationForms(model, dataset, { layer, engine });
  const core = await coreOf(model, dataset, { engine, gradientTolerance, zeroTolerance });
  const outgoing = outgoingVectors(layer, model.parameters);
  const units = forms.map((form, i) => ({
    form,
    ...duplicationSigns(form, outgoing[i] as Float64Array, core.index.tolerance),
  }));
  const scene: Scene = { model, dataset, layer, core, units, engine, zeroTolerance, onProgress };
  return { layer: layer.name, core, units, replicas: await replicasIn(scene, replicas) };
}

/** Every composition of the width m of copies of r units: C(m - 1, r - 1) of them. */
function* copyCompositions(minimal: number, width: number): Generator<Composition, void> {
  for (const composition of compositions(minimal, width)) {
    // Those with zero-type groups come after.
    if (composition.zeroGroups.length > 0) return;
    yield composition;
  }
}

/** Some splits of every composition of the width m of copies of r units. */
export function* sharesOfAll(
  [minimal, width]: readonly [number, number],
  options: { readonly splits: number; readonly key: RngKey },
): Generator<Shares, void> {
  for (const composition of copyCompositions(minimal, width)) yield* splitShares(composition, options);
}

/** Even shares of a composition, and then random ones from -1 to 2; in all as many as `splits`. */
export function* splitShares(
  { copies }: Composition,
  { splits, key }: { readonly splits: number; readonly key: RngKey },
): Generator<Shares, void> {
  const own = fold(key, "composition", copies.join());
  for (let split = 0; split < splits; split++) {
    const random = (count: number, unit: number) => randomShares(count, fold(fold(own, "split", split), "unit", unit));
    yield copies.map(split === 0 ? evenShares : random);
  }
}

/** So many equal shares. */
export function evenShares(count: number): number[] {
  return new Array<number>(count).fill(1 / count);
}

/** So many shares with the sum 1, all but the last between -1 and 2. */
function randomShares(count: number, key: RngKey): number[] {
  const drawn = Array.from(uniform(key, [count - 1], { dtype: "float64" }).data, (x) => 3 * x - 1);
  return [...drawn, drawn.reduce((rest, x) => rest - x, 1)];
}

/** How many of some replicas are of each kind, each standing for all numberings of its units. */
export interface ReplicaClasses {
  readonly fractions: Readonly<Record<Replica["kind"], number>>;
  /** Subspaces of all replicas; with one split of every composition G(r, m). */
  readonly subspaces: bigint;
  readonly agreeing: number;
}

/** Fractions of saddles, minima on plateaus, and degenerate points among replicas, weighted by their numberings. */
export function classifyReplicas(replicas: readonly Replica[]): ReplicaClasses {
  const total = sumOf(replicas);
  const fraction = (kind: Replica["kind"]) =>
    replicas.length === 0 ? 0 : Number(sumOf(replicas.filter((replica) => replica.kind === kind))) / Number(total);
  return {
    fractions: { saddle: fraction("saddle"), minimum: fraction("minimum"), degenerate: fraction("degenerate") },
    subspaces: sumOf(replicas.filter(({ composition }, i) => isFirst(replicas, composition, i))),
    agreeing: replicas.filter(({ agrees }) => agrees).length,
  };
}

function sumOf(replicas: readonly Replica[]): bigint {
  return replicas.reduce((sum, { numberings }) => sum + numberings, 0n);
}

function isFirst(replicas: readonly Replica[], { copies }: Composition, at: number): boolean {
  return replicas.findIndex(({ composition }) => composition.copies.join() === copies.join()) === at;
}

interface Scene {
  readonly model: Model;
  readonly dataset: Dataset;
  readonly layer: HiddenLayer;
  readonly core: PointReport;
  readonly units: readonly ReplicatedUnit[];
  readonly engine: Engine;
  readonly zeroTolerance: number | undefined;
  readonly onProgress: ReplicaOptions["onProgress"];
}

async function replicasIn(scene: Scene, all: Iterable<Shares>): Promise<Replica[]> {
  await using curvatures = curvatureCache(scene);
  const found: Replica[] = [];
  for (const shares of all) {
    const wide = replicate(scene.model, scene.layer, shares);
    const curvature = await curvatures.of(wide, shares.flat().length);
    found.push(replicaOf(scene, shares, await reportAt(curvature, wide, scene.zeroTolerance)));
    scene.onProgress?.(found.length);
  }
  return found;
}

/** One curvature for all replicas of a width. */
function curvatureCache({ dataset, engine }: Scene) {
  const made = new Map<number, Curvature>();
  return {
    async of({ network }: Model, width: number): Promise<Curvature> {
      const curvature = made.get(width) ?? (await curvatureOf(network, dataset, { engine }));
      made.set(width, curvature);
      return curvature;
    },
    async [Symbol.asyncDispose]() {
      for (const curvature of made.values()) await curvature[Symbol.asyncDispose]();
    },
  };
}

/** The wider network in which unit i has a copy for each of `shares[i]`. */
export function replicate(model: Model, { name, size }: HiddenLayer, shares: Shares): Model {
  check(shares.length === size, () => ({
    code: "bad-composition",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected copies of ${size} units, got ${shares.length}`,
  }));
  const roles = rolesOf({ copies: shares.map(({ length }) => length), zeroGroups: [] });
  // Copies alone draw nothing at random.
  return expand(model, [{ layer: name, roles, split: shares.flat() }], { key: rngKey(0) });
}

function replicaOf({ core, units }: Scene, shares: Shares, report: PointReport): Replica {
  const { outputs } = (units[0] as ReplicatedUnit).form;
  const predicted = predictedInertia(core.index, units, { shares, outputs });
  const { negative, zero } = report.index;
  const copies = shares.map(({ length }) => length);
  return {
    ...report,
    shares,
    composition: { copies, zeroGroups: [] },
    numberings: multinomial(copies),
    predicted,
    agrees: predicted.negative === negative && predicted.zero === zero,
    kind: negative > 0 ? "saddle" : zero > shares.flat().length - copies.length ? "degenerate" : "minimum",
  };
}

function multinomial(parts: readonly number[]): bigint {
  let total = 0;
  return parts.reduce((product, part) => {
    total += part;
    return product * binomial(total, part);
  }, 1n);
}

async function coreOf(
  model: Model,
  dataset: Dataset,
  { engine, gradientTolerance, zeroTolerance }: Pick<Scene, "engine" | "zeroTolerance"> & { gradientTolerance: number },
): Promise<PointReport> {
  await using curvature = await curvatureOf(model.network, dataset, { engine });
  const [{ gradient }] = (await curvature.slopes([curvature.flatten(model.parameters)])) as readonly [Slope];
  checkCritical(model, norm(gradient), gradientTolerance);
  return await reportAt(curvature, model, zeroTolerance);
}

async function reportAt(curvature: Curvature, { parameters }: Model, zeroTolerance?: number): Promise<PointReport> {
  const point = curvature.flatten(parameters);
  const [{ loss, gradient, hessian }] = (await curvature.curvatures([point])) as readonly [LocalCurvature];
  const eigenvalues = symmetricEigenvalues(hessian, curvature.size);
  const gradientNorm = norm(gradient);
  const rounding = indexOf(eigenvalues).tolerance + gradientFactor * gradientNorm;
  return { loss, gradientNorm, eigenvalues, index: indexOf(eigenvalues, zeroTolerance ?? rounding) };
}

/** A gradient that is left over moves eigenvalues by about as much, for weights of a size around one. */
const gradientFactor = 10;

/** Throws where the gradient is larger than that of a critical point. */
function checkCritical({ network }: Model, gradientNorm: number, tolerance: number): void {
  check(gradientNorm <= tolerance, () => ({
    code: "not-critical",
    where: network.description.net,
    message: `expected a critical point with a gradient of at most ${tolerance}, got one of ${gradientNorm.toExponential(3)}`,
    remedy: "polish or minimize it first, or allow a larger gradient",
  }));
}
