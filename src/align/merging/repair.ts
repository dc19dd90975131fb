import type { Dataset } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { elementCount, fromNumbers, type Tensor, toNumbers } from "../../tensor/index.ts";
import type { BiasedLayer } from "./biased-layers.ts";
import { type Merge, sharesOf } from "./merge.ts";
import { type UnitMeter, type Units, unitMeter } from "./unit-meter.ts";

export interface RepairOptions {
  readonly engine: Engine;
  /**
   * "forward" measures the merged network layer by layer, each behind the repaired ones; "closed" takes its units for the
   * means of the parents', and needs the parents only. Defaults to "forward".
   */
  readonly form?: "forward" | "closed";
  /** The weights that the parents have in the merge; evenly unless given. */
  readonly weights?: readonly number[] | undefined;
  /** Most samples per run of the engine; runs are of one size, and the few samples left over are not used. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/**
 * REPAIR (Jordan 2022, arXiv 2211.08403): gives every hidden unit of a merged network the mean and the standard deviation
 * that its parents' units have on average before their activation, on the train split. The map z -> m + s (z - m') / s'
 * goes into the unit's own weights and bias. Units without a bias, and those of the output, stay as they are.
 */
export async function repair(
  network: Network,
  { parameters: merged, parents }: Pick<Merge, "parameters" | "parents">,
  dataset: Dataset,
  { form = "forward", weights, ...options }: RepairOptions,
): Promise<Parameters> {
  const shares = sharesOf(parents, weights);
  const like = { ...options, networks: form === "closed" ? parents.length : 1 };
  await using meter = await unitMeter(network, merged, dataset, form === "closed" ? { ...like, shares } : like);
  return form === "closed"
    ? await inClosedForm(meter, merged, { parents, shares })
    : await layerByLayer(meter, merged, { parents, shares });
}

interface Goal {
  readonly parents: readonly Parameters[];
  readonly shares: readonly number[];
}

async function layerByLayer(meter: UnitMeter, merged: Parameters, { parents, shares }: Goal): Promise<Parameters> {
  const measure = async (parameters: Parameters) => (await meter.measure([parameters]))[0] as readonly Units[];
  const goals: (readonly Units[])[] = [];
  for (const parent of parents) goals.push(await measure(parent));
  let repaired = merged;
  for (const [i, layer] of meter.layers.entries()) {
    const own = (await measure(repaired))[i] as Units;
    repaired = withStatistics(repaired, layer, own, goalOf(goals, i, shares));
  }
  return repaired;
}

/** A repaired layer gives the next what its parents give theirs, so that one measurement serves all layers. */
async function inClosedForm(meter: UnitMeter, merged: Parameters, { parents, shares }: Goal): Promise<Parameters> {
  const found = await meter.measure(parents);
  const [goals, mixed] = [found.slice(0, -1), found.at(-1) as readonly Units[]];
  return meter.layers.reduce(
    (repaired, layer, i) => withStatistics(repaired, layer, mixed[i] as Units, goalOf(goals, i, shares)),
    merged,
  );
}

function goalOf(parents: readonly (readonly Units[])[], layer: number, shares: readonly number[]): Units {
  const mix = (of: keyof Units) =>
    ((parents[0] as readonly Units[])[layer] as Units)[of].map((_, unit) =>
      parents.reduce((sum, own, i) => sum + (shares[i] as number) * ((own[layer] as Units)[of][unit] as number), 0),
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
