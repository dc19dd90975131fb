import { check } from "../../errors.ts";
import type { Model, Parameters } from "../../nets/index.ts";
import { gaugedUnits } from "./gauged-units.ts";
import { type HiddenLayer, hiddenLayer } from "./hidden-layers.ts";
import { alikeUnits, unitVectors } from "./kinship.ts";
import {
  type LayerWeights,
  layerWeights,
  type PlateauPath,
  pathThroughSteps,
  type Step,
  silence,
  sumOfRows,
  unitOf,
  withUnits,
} from "./layer-walk.ts";
import { handOver, slide } from "./plateau-walk.ts";
import { inFloat64, lengthOf, type Rows } from "./unit-rows.ts";

/** What counts as equal on the way: rounding, as the function is to stay the same. */
const exactly = { angle: 1e-6, size: 1e-8, zero: 1e-10 };

/** A neuron of the minimal network in a wider layer: its copies, and their outgoing weights together. */
interface Neuron {
  readonly copies: readonly number[];
  readonly incoming: Rows;
  readonly outgoing: Rows;
}

/**
 * A path at constant loss between two points on the expansion manifold of one minimal network, in any two of its
 * subspaces: from one unit more than the minimal network has on there is one (Simsek 2021, arXiv 2105.12221, theorem 4.2).
 * All copies of a neuron give their outgoing weights to one; a silent unit takes the place that the other point has for
 * it; at last the silent units take their incoming weights there, and the copies their outgoing weights.
 */
export function connect(
  network: Model["network"],
  [from, to]: readonly [Parameters, Parameters],
  { layer: which }: { readonly layer: string | number },
): PlateauPath {
  const layer = hiddenLayer(network, which);
  const [start, end] = [layerWeights(layer, inFloat64(from)), layerWeights(layer, inFloat64(to))];
  const own = neuronsOf(layer, from, start);
  const wanted = matched(own, neuronsOf(layer, to, end), layer);
  const steps = [gathered(start, own)];
  const last = () => (steps.at(-1) as Step).weights;
  const places = own.map(({ copies }) => copies[0] as number);
  const free = () => Array.from({ length: layer.size }, (_, unit) => unit).find((unit) => !places.includes(unit));
  const move = (neuron: number, to: number) => {
    const slid = slide(last(), to, unitOf(last().incoming, places[neuron] as number));
    steps.push(slid, handOver(slid.weights, places[neuron] as number, to));
    places[neuron] = to;
  };
  for (;;) {
    const neuron = places.findIndex((place, i) => !wanted[i]?.copies.includes(place));
    if (neuron < 0) break;
    const target = wanted[neuron]?.copies[0] as number;
    const holder = places.indexOf(target);
    const hole = free();
    if (holder >= 0) move(holder, checkHole(hole, layer));
    move(neuron, target);
  }
  const settled = new Map(
    Array.from({ length: layer.size }, (_, unit) => unit).map((unit) => [unit, unitOf(end.incoming, unit)]),
  );
  for (const place of places) settled.delete(place);
  const incoming = withUnits(last().incoming, settled);
  steps.push({ changes: "incoming", units: [...settled.keys()], weights: { ...last(), incoming } });
  steps.push({
    changes: "outgoing",
    units: [...(end.outgoing[0] as Rows).keys()],
    weights: { incoming: end.incoming, outgoing: end.outgoing },
  });
  return pathThroughSteps(layer, inFloat64(from), { start, steps });
}

function checkHole(hole: number | undefined, { name, size }: HiddenLayer): number {
  check(hole !== undefined, () => ({
    code: "not-connected",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected more units than the minimal network has, got ${size}, of which each is needed`,
    remedy: "expand the layer by a unit",
  }));
  return hole;
}

function neuronsOf(layer: HiddenLayer, parameters: Parameters, weights: LayerWeights): Neuron[] {
  const plain = { ...layer, generators: [] };
  const vectors = unitVectors(plain, gaugedUnits(plain, inFloat64(parameters)));
  const { groups } = alikeUnits(
    vectors,
    Array.from({ length: layer.size }, () => 0),
    exactly,
  );
  return groups
    .map((copies) => ({
      copies,
      incoming: unitOf(weights.incoming, copies[0] as number),
      outgoing: copies.map((unit) => unitOf(weights.outgoing, unit)).reduce(sumOfRows),
    }))
    .filter(({ outgoing }) => Math.hypot(...outgoing.map(lengthOf)) > exactly.zero);
}

/** For each neuron the same one at the other point. */
function matched(own: readonly Neuron[], others: readonly Neuron[], { name }: HiddenLayer): Neuron[] {
  const found = own.map((neuron) => others.find((other) => areEqual(neuron, other)));
  check(own.length === others.length && found.every((each) => each !== undefined), () => ({
    code: "different-functions",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected two expansions of one minimal network, got ones of ${own.length} and ${others.length} neurons, of which ${found.filter((each) => each).length} are the same`,
    remedy: "reduce both and compare them with orbifold certify",
  }));
  return found as Neuron[];
}

function areEqual(a: Neuron, b: Neuron): boolean {
  const isNear = (x: Rows, y: Rows) =>
    Math.hypot(...x.map((row, place) => lengthOf(row.map((each, i) => each - (y[place]?.[i] as number))))) <=
    exactly.size * Math.max(...[x, y].map((rows) => Math.hypot(...rows.map(lengthOf))));
  return isNear(a.incoming, b.incoming) && isNear(a.outgoing, b.outgoing);
}

/** The outgoing weights of all copies on the first of each neuron, none on the other units. */
function gathered({ incoming, outgoing }: LayerWeights, neurons: readonly Neuron[]): Step {
  const all = Array.from({ length: (outgoing[0] as Rows).length }, (_, unit) => unit);
  const made = new Map(all.map((unit) => [unit, silence(unitOf(outgoing, unit))]));
  for (const neuron of neurons) made.set(neuron.copies[0] as number, neuron.outgoing);
  return { changes: "outgoing", units: all, weights: { incoming, outgoing: withUnits(outgoing, made) } };
}
