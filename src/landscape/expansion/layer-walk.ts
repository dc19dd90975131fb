import type { Model, Parameters } from "../../nets/index.ts";
import type { CertifyOptions } from "../../symmetry/index.ts";
import { outputDeviations } from "../../symmetry/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { linearPath } from "../path.ts";
import type { HiddenLayer } from "./hidden-layers.ts";
import { type Rows, rowsAt, withRows } from "./unit-rows.ts";
import { areSame, type UnitWeights } from "./unit-weights.ts";

/** Straight lines in weight space along which the function stays the same. */
export interface PlateauPath {
  /** The ends of the segments, one more than there are segments. */
  readonly corners: readonly Parameters[];
  readonly segments: readonly PlateauSegment[];
}

export interface PlateauSegment {
  readonly layer: string;
  /** Either outgoing weights go from one unit to an equal one, or the incoming weights of a unit change that has none. */
  readonly changes: "outgoing" | "incoming";
  readonly units: readonly number[];
}

/** The weights of the units of one layer, by site and unit. */
export interface LayerWeights {
  readonly incoming: readonly Rows[];
  readonly outgoing: readonly Rows[];
}

/** The weights of a layer's units, in float64. */
export function layerWeights({ incoming, outgoing }: HiddenLayer, parameters: Parameters): LayerWeights {
  const rowsOf = (sites: HiddenLayer["incoming"]) =>
    sites.map((site) => rowsAt(site, parameters[site.tensor] as Tensor));
  return { incoming: rowsOf(incoming), outgoing: rowsOf(outgoing) };
}

/** The parameters with other weights of a layer's units. */
export function withLayer(
  layer: HiddenLayer,
  parameters: Parameters,
  { incoming, outgoing }: LayerWeights,
): Parameters {
  return withRows(parameters, [
    ...layer.incoming.map((site, place) => ({ site, rows: incoming[place] as Rows })),
    ...layer.outgoing.map((site, place) => ({ site, rows: outgoing[place] as Rows })),
  ]);
}

/** The same rows with those of some units replaced. */
export function withUnits(rows: readonly Rows[], units: ReadonlyMap<number, UnitWeights>): readonly Rows[] {
  return rows.map((each, place) => each.map((row, unit) => units.get(unit)?.[place] ?? row));
}

/** A stop on the way: the weights there, and what has changed since the stop before. */
export interface Step extends Omit<PlateauSegment, "layer"> {
  readonly weights: LayerWeights;
}

/** The path through the stops, as parameters of the whole network; stops at which nothing changes are left out. */
export function pathThroughSteps(
  layer: HiddenLayer,
  parameters: Parameters,
  { start, steps }: { readonly start: LayerWeights; readonly steps: readonly Step[] },
): PlateauPath {
  const stops = [start, ...steps.map(({ weights }) => weights)];
  const moving = steps.filter(({ weights, changes }, i) => {
    const before = (stops[i] as LayerWeights)[changes];
    return !weights[changes].every((rows, place) => areSame(rows, before[place] as Rows));
  });
  return {
    corners: [start, ...moving.map(({ weights }) => weights)].map((weights) => withLayer(layer, parameters, weights)),
    segments: moving.map(({ changes, units }) => ({ layer: layer.name, changes, units })),
  };
}

/** Where on each segment the function is compared with that at the start, its end included. */
const tried = [0.25, 0.5, 0.75, 1];

/** For each segment how far outputs are from those at the start, relative to the largest. */
export async function pathDeviations(
  network: Model["network"],
  { corners }: PlateauPath,
  options: Pick<CertifyOptions, "engine" | "key" | "probes" | "data">,
): Promise<number[]> {
  const [start] = corners as readonly [Parameters];
  const points = corners.slice(1).flatMap((end, i) => {
    const at = linearPath(corners[i] as Parameters, end);
    return tried.map((t) => at(t));
  });
  const deviations = await outputDeviations({ network, parameters: start }, points, options);
  return corners.slice(1).map((_, i) => Math.max(...deviations.slice(i * tried.length, (i + 1) * tried.length)));
}
