import type { Model } from "../../nets/index.ts";
import type { Shape } from "../../tensor/index.ts";
import { withoutConstants } from "./constant-units.ts";
import { type HiddenLayer, hiddenLayers, isHiddenLayer, type OtherUnits } from "./hidden-layers.ts";
import { defaultThresholds, type Likeness, type Thresholds, worse } from "./kinship.ts";
import type { LayerReduction } from "./layer-state.ts";
import { withoutCopies } from "./merge-units.ts";
import { resizedNetwork } from "./resized-network.ts";
import { unitFunction } from "./unit-function.ts";
import { inFloat64, inTypesOf } from "./unit-rows.ts";

/** A network without its superfluous units. */
export interface Reduction extends Model {
  readonly layers: readonly (LayerReduction & { readonly name: string; readonly before: number })[];
  /** Units that were left as they are, with the reason. */
  readonly others: readonly OtherUnits[];
  readonly thresholds: Required<Thresholds>;
}

/**
 * The irreducible core of a network (Simsek 2021, arXiv 2105.12221): equal units are merged, sets of equal units that
 * cancel each other are dropped, units without incoming weights go into the next biases; layer after layer until nothing
 * changes. Units also count as equal where they differ by a scale or a sign that their activation lets through:
 * f(z) = s f(-z) + k z + c with k = 0, or where what k leaves cancels in the whole layer.
 */
export async function reduce({ network, parameters }: Model, options: Thresholds = {}): Promise<Reduction> {
  const thresholds = { ...defaultThresholds, ...options };
  const all = hiddenLayers(network);
  const layers = all.filter(isHiddenLayer);
  const functions = await Promise.all(layers.map(unitFunction));
  const found = layers.map(untouched);
  let current = inFloat64(parameters);
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const [i, layer] of layers.entries()) {
      const before = found[i] as LayerReduction;
      const start = { layer, f: functions[i] ?? null, parameters: current, thresholds, found: before };
      const state = withoutCopies(await withoutConstants(start));
      current = state.parameters;
      found[i] = state.found;
      isChanged ||= state.found.copies.length < before.copies.length;
    }
  }
  const shapes = Object.entries(current).map(([name, { shape }]): [string, Shape] => [name, shape]);
  return {
    network: resizedNetwork(network, Object.fromEntries(shapes)),
    parameters: inTypesOf(parameters, current),
    layers: layers.map(({ name, size }, i) => ({ name, before: size, ...(found[i] as LayerReduction) })),
    others: all.flatMap((each) => (isHiddenLayer(each) ? [] : [each])),
    thresholds,
  };
}

function untouched({ size }: HiddenLayer): LayerReduction {
  return {
    copies: Array.from({ length: size }, (_, unit) => [unit]),
    zeroGroups: [],
    constants: [],
    opposite: [],
    worst: { angle: 0, size: 0 },
    dropped: 0,
  };
}

/** The worst of all layers: how far the core may be from the network that it is of. */
export function reductionError({ layers }: Reduction): Likeness & { readonly dropped: number } {
  const worst = layers.map((layer) => layer.worst).reduce(worse, { angle: 0, size: 0 });
  return { ...worst, dropped: Math.max(0, ...layers.map(({ dropped }) => dropped)) };
}
