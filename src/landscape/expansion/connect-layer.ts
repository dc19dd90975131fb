import { check } from "../../errors.ts";
import type { Parameters } from "../../nets/index.ts";
import { gaugedUnits } from "./gauged-units.ts";
import type { HiddenLayer } from "./hidden-layers.ts";
import { alikeUnits, type Thresholds, unitVectors } from "./kinship.ts";
import {
  checkLength,
  type LayerWeights,
  layerWeights,
  type PlateauPath,
  pathThroughSteps,
  type Step,
  withUnits,
} from "./layer-walk.ts";
import { handOver, slide } from "./plateau-walk.ts";
import type { Rows } from "./unit-rows.ts";
import { silence, sizeOf, sumOfUnits, type UnitWeights, unitDistance, unitOf } from "./unit-weights.ts";

/** What counts as equal, and what is left of outgoing weights that cancel relative to their lengths. */
export interface Rounding extends Required<Thresholds> {
  readonly cancelled: number;
}

/** Nothing but rounding, as the function is to stay the same. */
const exactly: Rounding = { angle: 1e-6, size: 1e-8, zero: 1e-10, cancelled: 1e-10 };
/** The same of weights with fewer digits. */
const inFloat32: Rounding = { angle: 1e-4, size: 1e-5, zero: 1e-10, cancelled: 1e-6 };

/** What is equal at points that are stored like these. */
export function roundingOf(points: readonly Parameters[]): Rounding {
  const hasFewDigits = points.some((point) => Object.values(point).some(({ dtype }) => dtype !== "float64"));
  return hasFewDigits ? inFloat32 : exactly;
}

/** A neuron of the minimal network in a wider layer: its copies, and their outgoing weights together. */
export interface Neuron {
  readonly copies: readonly number[];
  readonly incoming: UnitWeights;
  readonly outgoing: UnitWeights;
}

/**
 * A path at constant loss between two points that differ in one layer. All copies of a neuron give their outgoing weights
 * to one; a silent unit takes the place that the other point has for it; at last the silent units take their incoming
 * weights there, and the copies their outgoing weights.
 */
export function connectLayer(
  layer: HiddenLayer,
  [from, to]: readonly [Parameters, Parameters],
  rounding: Rounding,
): PlateauPath {
  const [start, end] = [layerWeights(layer, from), layerWeights(layer, to)];
  const own = neuronsOf(layer, from, { weights: start, rounding });
  const wanted = matched(own, neuronsOf(layer, to, { weights: end, rounding }), { layer, rounding });
  const steps = [gathered(start, own)];
  const last = () => (steps.at(-1) as Step).weights;
  const places = own.map(({ copies }) => copies[0] as number);
  const free = () => Array.from({ length: layer.size }, (_, unit) => unit).find((unit) => !places.includes(unit));
  const move = (neuron: number, to: number) => {
    const slid = slide(last(), to, unitOf(last().incoming, places[neuron] as number));
    steps.push(slid, handOver(slid.weights, places[neuron] as number, to));
    places[neuron] = to;
    checkLength(layer, steps);
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
  return pathThroughSteps(layer, from, { start, steps });
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

/** The path on which all copies of each neuron give their outgoing weights to one, and the others lose the incoming ones too. */
export function gatheredPath(layer: HiddenLayer, parameters: Parameters, rounding: Rounding): PlateauPath {
  const start = layerWeights(layer, parameters);
  const neurons = neuronsOf(layer, parameters, { weights: start, rounding });
  const first = gathered(start, neurons);
  const places = new Set(neurons.map(({ copies }) => copies[0] as number));
  const silent = first.units.filter((unit) => !places.has(unit));
  const none = new Map(silent.map((unit) => [unit, silence(unitOf(start.incoming, unit))]));
  const weights = { ...first.weights, incoming: withUnits(start.incoming, none) };
  return pathThroughSteps(layer, parameters, {
    start,
    steps: [first, { changes: "incoming", units: silent, weights }],
  });
}

/** The neurons that the units of a layer make up together. */
export function neuronsOf(
  layer: HiddenLayer,
  parameters: Parameters,
  { weights, rounding }: { readonly weights: LayerWeights; readonly rounding: Rounding },
): Neuron[] {
  const plain = { ...layer, generators: [] };
  const vectors = unitVectors(plain, gaugedUnits(plain, parameters));
  const { groups } = alikeUnits(
    vectors,
    Array.from({ length: layer.size }, () => 0),
    rounding,
  );
  return groups.flatMap((copies) => {
    const parts = copies.map((unit) => unitOf(weights.outgoing, unit));
    const outgoing = parts.reduce(sumOfUnits);
    const whole = parts.reduce((sum, part) => sum + sizeOf(part), 0);
    if (sizeOf(outgoing) <= rounding.cancelled * whole) return [];
    return [{ copies, incoming: unitOf(weights.incoming, copies[0] as number), outgoing }];
  });
}

interface Matching {
  readonly layer: HiddenLayer;
  readonly rounding: Rounding;
  readonly by?: "all" | "incoming";
}

/** For each neuron the same one at the other point; by its incoming weights alone where the next layer is another one. */
export function matched(
  own: readonly Neuron[],
  others: readonly Neuron[],
  { layer, rounding, by = "all" }: Matching,
): Neuron[] {
  const found = own.map((neuron) => others.find((other) => areEqual(neuron, other, { rounding, by })));
  const isComplete = own.length === others.length && new Set(found).size === own.length;
  check(isComplete && found.every((each) => each !== undefined), () => ({
    code: "different-functions",
    where: `layer ${JSON.stringify(layer.name)}`,
    message: `expected two expansions of one minimal network, got ones of ${own.length} and ${others.length} neurons, of which ${found.filter((each) => each).length} are the same`,
    remedy: "reduce both and compare them with orbifold certify",
  }));
  return found as Neuron[];
}

function areEqual(a: Neuron, b: Neuron, { rounding, by }: Omit<Matching, "layer">): boolean {
  const isNear = (x: UnitWeights, y: UnitWeights) =>
    unitDistance(x, y) <= rounding.size * Math.max(sizeOf(x), sizeOf(y));
  return isNear(a.incoming, b.incoming) && (by === "incoming" || isNear(a.outgoing, b.outgoing));
}

/** The outgoing weights of all copies on the first of each neuron, none on the other units. */
function gathered({ incoming, outgoing }: LayerWeights, neurons: readonly Neuron[]): Step {
  const all = Array.from({ length: (outgoing[0] as Rows).length }, (_, unit) => unit);
  const made = new Map(all.map((unit) => [unit, silence(unitOf(outgoing, unit))]));
  for (const neuron of neurons) made.set(neuron.copies[0] as number, neuron.outgoing);
  return { changes: "outgoing", units: all, weights: { incoming, outgoing: withUnits(outgoing, made) } };
}
