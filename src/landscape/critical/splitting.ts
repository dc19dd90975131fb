import type { Dataset } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import type { Model, Parameters } from "../../nets/index.ts";
import {
  type CriticalPoint,
  type Curvature,
  curvatureOf,
  hasSettled,
  minimize,
  symmetricEigen,
} from "../../train/index.ts";
import { type HiddenLayer, hiddenLayer, inFloat64, withRows } from "../expansion/index.ts";
import { type DuplicationForm, duplicationForms } from "./duplication.ts";
import { evenShares, replicate } from "./replicas.ts";
import { incomingRows, incomingVectors } from "./unit-vectors.ts";

/** A minimum on the way, and the split by which it is left. */
export interface SplitStage {
  readonly width: number;
  readonly minimum: CriticalPoint;
  /** Null at the last one. */
  readonly split: UnitSplit | null;
}

/** A unit is split in two that go opposite ways from it. */
export interface UnitSplit {
  readonly unit: number;
  /** The least eigenvalue of B of the unit: the loss changes by step^2 / 2 times this, to second order. */
  readonly eigenvalue: number;
  /** How far each half goes along the eigenvector. */
  readonly step: number;
  /** The loss there. */
  readonly loss: number;
}

export interface SplittingOptions {
  readonly layer: string | number;
  /** How many units the layer may come to have. */
  readonly width: number;
  readonly engine: Engine;
  /** A minimum of at most this loss is not left; defaults to 1e-20. */
  readonly enough?: number;
  readonly signal?: AbortSignal;
}

/** Minima of wider and wider networks, and why there are no more. */
export interface SplittingDescent {
  readonly stages: readonly SplitStage[];
  readonly model: Model;
  /** `stable` where no unit has a B with a negative eigenvalue, `lost` where the last search came to no minimum. */
  readonly stopped: "enough" | "width" | "stable" | "lost";
}

/**
 * Splitting steepest descent (Liu 2019, arXiv 1910.02366): minimises, then splits the unit whose B has the most negative
 * eigenvalue into two halves w + step v and w - step v along its eigenvector v, which leaves the minimum downwards; and so on.
 */
export async function splittingDescent(
  start: Model,
  dataset: Dataset,
  { layer: which, width, engine, enough = 1e-20, signal }: SplittingOptions,
): Promise<SplittingDescent> {
  const stages: SplitStage[] = [];
  let model: Model = { ...start, parameters: inFloat64(start.parameters) };
  for (;;) {
    const layer = hiddenLayer(model.network, which);
    const found = await minimumFrom(model, dataset, { engine, ...(signal && { signal }) });
    const { minimum } = found;
    model = found.model;
    const stage = { width: layer.size, minimum };
    const end = (stopped: SplittingDescent["stopped"]) => ({
      stages: [...stages, { ...stage, split: null }],
      model,
      stopped,
    });
    if (minimum.loss <= enough) return end("enough");
    if (!hasSettled(minimum)) return end("lost");
    if (layer.size >= width) return end("width");
    const steepest = steepestOf(await duplicationForms(model, dataset, { layer, engine }));
    if (!(steepest.eigenvalue < -minimum.index.tolerance)) return end("stable");
    const wide = replicate(
      model,
      layer,
      Array.from({ length: layer.size }, (_, i) => evenShares(i === steepest.unit ? 2 : 1)),
    );
    await using curvature = await curvatureOf(wide.network, dataset, { engine });
    const best = await bestStep(curvature, { wide, layer: hiddenLayer(wide.network, which), steepest });
    check(best.loss < minimum.loss, () => ({
      code: "not-converged",
      where: `layer ${JSON.stringify(layer.name)}`,
      message: `expected a lower loss than ${minimum.loss.toPrecision(6)} behind a split, got ${best.loss.toPrecision(6)}`,
    }));
    stages.push({
      ...stage,
      split: { unit: steepest.unit, eigenvalue: steepest.eigenvalue, step: best.step, loss: best.loss },
    });
    model = { ...wide, parameters: best.parameters };
  }
}

async function minimumFrom(
  { network, parameters }: Model,
  dataset: Dataset,
  { engine, signal }: { readonly engine: Engine; readonly signal?: AbortSignal },
): Promise<{ readonly minimum: CriticalPoint; readonly model: Model }> {
  await using curvature = await curvatureOf(network, dataset, { engine });
  const [minimum] = await minimize(curvature, [curvature.flatten(parameters)], signal && { signal });
  return {
    minimum: minimum as CriticalPoint,
    model: { network, parameters: curvature.unflatten((minimum as CriticalPoint).point) },
  };
}

interface Steepest {
  readonly unit: number;
  readonly eigenvalue: number;
  readonly direction: Float64Array;
}

/** The unit whose B has the least eigenvalue of all. */
function steepestOf(forms: readonly DuplicationForm[]): Steepest {
  const all = forms.map(({ b, inputs }, unit): Steepest => {
    const { values, vectors } = symmetricEigen(b, inputs);
    return { unit, eigenvalue: values[0] as number, direction: vectors.slice(0, inputs) };
  });
  return all.reduce((least, each) => (each.eigenvalue < least.eigenvalue ? each : least));
}

/** Steps that are tried, each half of the one before; the largest is about as long as weights are. */
const steps = Array.from({ length: 20 }, (_, k) => 2 ** -k);

interface WideLayer {
  readonly wide: Model;
  readonly layer: HiddenLayer;
  readonly steepest: Steepest;
}

async function bestStep(curvature: Curvature, wide: WideLayer) {
  const moved = steps.map((step) => parted(wide, step));
  const slopes = await curvature.slopes(moved.map((parameters) => curvature.flatten(parameters)));
  const losses = slopes.map(({ loss }) => loss);
  const best = losses.indexOf(Math.min(...losses));
  return { step: steps[best] as number, loss: losses[best] as number, parameters: moved[best] as Parameters };
}

/** The two copies of the unit, moved so far along its direction, one each way. */
function parted({ wide, layer, steepest: { unit, direction } }: WideLayer, step: number): Parameters {
  const by = (vector: Float64Array, length: number) => vector.map((x, k) => x + length * (direction[k] as number));
  const vectors = incomingVectors(layer, wide.parameters).map((vector, i) =>
    i === unit ? by(vector, step) : i === unit + 1 ? by(vector, -step) : vector,
  );
  return withRows(wide.parameters, incomingRows(layer, wide.parameters, vectors));
}
