import { check } from "../../errors.ts";
import type { Model, Parameters } from "../../nets/index.ts";
import { norm, type Tensor, toNumbers } from "../../tensor/index.ts";
import { distanceBetween } from "../vectors.ts";
import { connectLayer, gatheredPath, matched, neuronsOf, type Rounding, roundingOf } from "./connect-layer.ts";
import { type HiddenLayer, hiddenLayer, hiddenLayers, isHiddenLayer } from "./hidden-layers.ts";
import { layerWeights, type PlateauPath, withLayer, withUnits } from "./layer-walk.ts";
import { inFloat64 } from "./unit-rows.ts";
import { silence, unitOf } from "./unit-weights.ts";

/**
 * A path at constant loss between two points on the expansion manifold of one minimal network, in any two of its
 * subspaces: where every layer has a unit more than the minimal network there is one (Simsek 2021, arXiv 2105.12221,
 * theorem 4.2). Without a layer, all hidden layers may differ.
 */
export function connect(
  network: Model["network"],
  [from, to]: readonly [Parameters, Parameters],
  { layer: which }: { readonly layer?: string | number } = {},
): PlateauPath {
  const all = hiddenLayers(network).filter(isHiddenLayer);
  const layers = which === undefined ? all : [hiddenLayer(network, which)];
  const rounding = roundingOf([from, to]);
  const ends = [inFloat64(from), inFloat64(to)] as const;
  const [only, ...others] = layers;
  if (layers.length < all.length) checkOthers(layers, ends, rounding);
  const path = only && others.length === 0 ? connectLayer(only, ends, rounding) : connectAll(layers, ends, rounding);
  checkOthers(layers, ends, rounding);
  return path;
}

/**
 * From both ends the weights of copies are gathered. In between, layer after layer goes over to the places of the other end.
 */
function connectAll(
  layers: readonly HiddenLayer[],
  [from, to]: readonly [Parameters, Parameters],
  rounding: Rounding,
): PlateauPath {
  const [there, back] = [from, to].map((end) => gatheredFrom(end, layers, rounding)) as [PlateauPath, PlateauPath];
  const goal = lastOf(back);
  const across = layers.reduce((path, layer) => {
    const end = rearranged(layer, [lastOf(path), goal], rounding);
    return joined(path, connectLayer(layer, [lastOf(path), end], rounding));
  }, there);
  return joined(across, { corners: back.corners.toReversed(), segments: back.segments.toReversed() });
}

/**
 * The copies of each neuron give their outgoing weights to one, layer after layer until nothing changes: units are equal
 * where what they read has been gathered, and cancel each other where units that are not read have let go of them.
 */
function gatheredFrom(point: Parameters, layers: readonly HiddenLayer[], rounding: Rounding): PlateauPath {
  let path: PlateauPath = { corners: [point], segments: [] };
  for (let before = -1; before < path.segments.length; ) {
    before = path.segments.length;
    for (const layer of layers) path = joined(path, gatheredPath(layer, lastOf(path), rounding));
  }
  return path;
}

function lastOf({ corners }: PlateauPath): Parameters {
  return corners.at(-1) as Parameters;
}

/** One path after the other; the end of the first is the start of the second but for rounding, and gives way to it. */
function joined(a: PlateauPath, b: PlateauPath): PlateauPath {
  const corners =
    a.segments.length > 0 ? [...a.corners.slice(0, -1), ...b.corners] : [...a.corners, ...b.corners.slice(1)];
  return { corners, segments: [...a.segments, ...b.segments] };
}

/** A point with gathered weights whose units have the places that those of another such point have in one layer. */
function rearranged(
  layer: HiddenLayer,
  [point, goal]: readonly [Parameters, Parameters],
  rounding: Rounding,
): Parameters {
  const [here, there] = [layerWeights(layer, point), layerWeights(layer, goal)];
  const own = neuronsOf(layer, point, { weights: here, rounding });
  const wanted = neuronsOf(layer, goal, { weights: there, rounding });
  const places = matched(own, wanted, { layer, rounding, by: "incoming" });
  const all = Array.from({ length: layer.size }, (_, unit) => unit);
  const outgoing = new Map(all.map((unit) => [unit, silence(unitOf(here.outgoing, unit))]));
  for (const [i, neuron] of own.entries()) outgoing.set(places[i]?.copies[0] as number, neuron.outgoing);
  return withLayer(layer, point, { incoming: there.incoming, outgoing: withUnits(here.outgoing, outgoing) });
}

/** Throws where the ends differ beside the layers, which no path within these makes up for. */
function checkOthers(
  layers: readonly HiddenLayer[],
  [from, to]: readonly [Parameters, Parameters],
  { size }: Rounding,
): void {
  const own = new Set(
    layers.flatMap(({ incoming, outgoing }) => [...incoming, ...outgoing]).map(({ tensor }) => tensor),
  );
  for (const [name, value] of Object.entries(from)) {
    if (own.has(name)) continue;
    const [a, b] = [value, to[name] as Tensor].map(toNumbers) as [Float64Array, Float64Array];
    const distance = distanceBetween(a, b);
    check(distance <= size * Math.max(norm(a), norm(b)), () => ({
      code: "different-functions",
      where: name,
      message: `expected the same at both ends, got tensors at a distance of ${distance.toPrecision(4)}`,
      remedy:
        layers.length === 1
          ? "connect without naming a layer, where others differ too"
          : "reduce both and compare them",
    }));
  }
}
