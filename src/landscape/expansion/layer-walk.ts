import { check } from "../../errors.ts";
import type { Model, Parameters } from "../../nets/index.ts";
import { type CertifyOptions, outputDeviations } from "../../symmetry/index.ts";
import { held, isLazy, lazyTensor, type Shelf, shelf, type Tensor } from "../../tensor/index.ts";
import { linearPath } from "../path.ts";
import type { HiddenLayer } from "./hidden-layers.ts";
import { type Rows, rowsAt, tensorOf, withRows } from "./unit-rows.ts";
import { areSame, type UnitWeights } from "./unit-weights.ts";

/** Straight lines in weight space along which the function stays the same. */
export interface PlateauPath {
  /** The ends of the segments, one more than there are segments; their tensors are put together when they are asked for. */
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

/** Most numbers that the stops of a walk may hold. */
const mostNumbers = 2 ** 27;

/** Throws where the stops of a walk, which hold all rows that change and a list of the others, would fill the memory. */
export function checkLength({ name, size, incoming, outgoing }: HiddenLayer, steps: readonly Step[]): void {
  const [{ weights }] = steps as readonly [Step];
  const own = weights.outgoing.reduce((sum, rows) => sum + (rows[0] as Float64Array).length, 0);
  const most = Math.floor(mostNumbers / (size * (incoming.length + outgoing.length) + own));
  check(steps.length <= most, () => ({
    code: "too-large",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected a walk of at most ${most} steps, which fill the memory, got a longer one`,
    remedy: "move fewer units, or take a narrower layer",
  }));
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
  const shelves = new Map([...layer.incoming, ...layer.outgoing].map(({ tensor }) => [tensor, shelf()]));
  return {
    corners: [start, ...moving.map(({ weights }) => weights)].map((weights) => ({
      ...parameters,
      ...Object.fromEntries(lazyTensors(layer, { parameters, weights, shelves })),
    })),
    segments: moving.map(({ changes, units }) => ({ layer: layer.name, changes, units })),
  };
}

interface Corner {
  readonly parameters: Parameters;
  readonly weights: LayerWeights;
  readonly shelves: ReadonlyMap<string, Shelf>;
}

/** The tensors of a layer at a corner, made of rows that corners share. */
function lazyTensors({ incoming, outgoing }: HiddenLayer, { parameters, weights, shelves }: Corner) {
  const made = (sites: HiddenLayer["incoming"], rows: readonly Rows[]) =>
    sites.map((site, place) => {
      const { shape } = parameters[site.tensor] as Tensor;
      const load = () => tensorOf(site, shape, rows[place] as Rows).data;
      return [site.tensor, lazyTensor({ dtype: "float64", shape, load }, shelves.get(site.tensor) as Shelf)] as const;
    });
  return [...made(incoming, weights.incoming), ...made(outgoing, weights.outgoing)];
}

/** Where on each segment the function is compared with that at the start, its end included. */
const tried = [0.25, 0.5, 0.75, 1];

interface DeviationOptions extends Pick<CertifyOptions, "engine" | "key" | "probes" | "data"> {
  /** Called after each segment. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** For each segment how far outputs are from those at the start, relative to the largest. */
export async function pathDeviations(
  network: Model["network"],
  { corners }: PlateauPath,
  { onProgress, ...options }: DeviationOptions,
): Promise<number[]> {
  const [start] = corners as readonly [Parameters];
  const points = pointsBetween(corners, onProgress);
  const deviations = await outputDeviations({ network, parameters: start }, points, options);
  return corners.slice(1).map((_, i) => Math.max(...deviations.slice(i * tried.length, (i + 1) * tried.length)));
}

/** The points at which segments are tried, one at a time. */
function* pointsBetween(
  corners: readonly Parameters[],
  onProgress: DeviationOptions["onProgress"],
): Generator<Parameters, void> {
  let from = inMemory(corners[0] as Parameters);
  for (const [i, corner] of corners.slice(1).entries()) {
    const to = inMemory(corner);
    const at = linearPath(from, to);
    for (const t of tried) yield at(t);
    onProgress?.(i + 1, corners.length - 1);
    from = to;
  }
}

function inMemory(corner: Parameters): Parameters {
  const tensors = Object.entries(corner).map(([name, value]) => [name, isLazy(value) ? held(value) : value]);
  return Object.fromEntries(tensors);
}
