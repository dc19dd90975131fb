import { check } from "../../errors.ts";
import type { Model } from "../../nets/index.ts";
import { checkPair, type HiddenLayer, hiddenLayer } from "./hidden-layers.ts";
import {
  checkLength,
  type LayerWeights,
  layerWeights,
  type PlateauPath,
  pathThroughSteps,
  type Step,
  withUnits,
} from "./layer-walk.ts";
import { inFloat64, type Rows } from "./unit-rows.ts";
import { silence, sizeOf, sumOfUnits, type UnitWeights, unitDistance, unitOf } from "./unit-weights.ts";

/** From a permutation point, where two units have the same incoming weights, to another numbering of the layer. */
export interface PlateauWalk {
  readonly layer: string | number;
  /** The two equal units. */
  readonly units: readonly [number, number];
  /** For each place the unit that comes there; "all" for a round trip through every numbering. */
  readonly to: readonly number[] | "all";
}

/** Incoming vectors that are further apart, relative to the longer, are not equal. */
const equal = 1e-9;

/**
 * Renumbers the units of a layer at constant loss (Brea 2019, arXiv 1907.02911): at a permutation point all outgoing
 * weights of one of the two equal units go to the other, which leaves a silent unit, a hole. It takes the incoming weights
 * of any unit, then its outgoing weights, and that unit is the hole. In the end the hole becomes the equal unit again.
 */
export function plateauWalk({ network, parameters }: Model, { layer: which, units, to }: PlateauWalk): PlateauPath {
  const layer = hiddenLayer(network, which);
  const wide = inFloat64(parameters);
  const start = layerWeights(layer, wide);
  checkPair(layer, units);
  checkEqual(start, units, layer);
  const [keeper, hole] = units;
  const placements = to === "all" ? roundTrip(layer, hole) : [to];
  for (const placement of placements) checkPermutation(placement, layer);
  const walk = renumber(layer, start, { units, placements });
  const back = to === "all" ? [] : handBack(walk, start, [keeper, hole]);
  return pathThroughSteps(layer, wide, { start, steps: [...walk.steps, ...back] });
}

function checkEqual({ incoming }: LayerWeights, [i, j]: readonly [number, number], { name }: HiddenLayer): void {
  const [a, b] = [unitOf(incoming, i), unitOf(incoming, j)];
  const distance = unitDistance(a, b);
  check(distance <= equal * Math.max(sizeOf(a), sizeOf(b)), () => ({
    code: "not-a-permutation-point",
    where: `layer ${JSON.stringify(name)}, units ${i} and ${j}`,
    message: `expected equal incoming weights, got ones at a distance of ${distance.toPrecision(4)}`,
    remedy: "go to a permutation point first with orbifold path swap",
  }));
}

function checkPermutation(permutation: readonly number[], { size, name }: HiddenLayer): void {
  const isPermutation = permutation.length === size && new Set(permutation).size === size;
  check(isPermutation && permutation.every((unit) => Number.isInteger(unit) && unit >= 0 && unit < size), () => ({
    code: "bad-permutation",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected each unit from 0 to ${size - 1} once, got ${permutation.join(",")}`,
  }));
}

interface Renumbered {
  readonly steps: readonly Step[];
  readonly weights: LayerWeights;
  /** The unit at each place; the hole counts as the unit that it was. */
  readonly contents: readonly number[];
}

function renumber(
  layer: HiddenLayer,
  start: LayerWeights,
  {
    units: [keeper, hole],
    placements,
  }: { readonly units: readonly [number, number]; readonly placements: readonly (readonly number[])[] },
): Renumbered {
  const contents = (start.incoming[0] as Rows).map((_, unit) => unit);
  const steps = [handOver(start, hole, keeper)];
  const fill = (from: number) => {
    const to = contents.indexOf(hole);
    const { weights } = steps.at(-1) as Step;
    const slid = slide(weights, to, unitOf(weights.incoming, from));
    steps.push(slid, handOver(slid.weights, from, to));
    checkLength(layer, steps);
    [contents[to], contents[from]] = [contents[from] as number, hole];
  };
  for (const placement of placements) {
    while (contents.some((unit, place) => unit !== placement[place])) {
      const wanted = placement[contents.indexOf(hole)] as number;
      const misplaced = contents.findIndex((unit, place) => unit !== placement[place]);
      fill(wanted === hole ? misplaced : contents.indexOf(wanted));
    }
  }
  return { steps, weights: (steps.at(-1) as Step).weights, contents };
}

/** The hole becomes the unit that it was, equal to the other again. */
function handBack(
  { weights, contents }: Renumbered,
  start: LayerWeights,
  [keeper, hole]: readonly [number, number],
): Step[] {
  const [kept, place] = [contents.indexOf(keeper), contents.indexOf(hole)];
  const slid = slide(weights, place, unitOf(start.incoming, hole));
  const shared = new Map([
    [kept, unitOf(start.outgoing, keeper)],
    [place, unitOf(start.outgoing, hole)],
  ]);
  const outgoing = withUnits(weights.outgoing, shared);
  return [slid, { changes: "outgoing", units: [kept, place], weights: { ...slid.weights, outgoing } }];
}

/** All outgoing weights of one unit go to an equal one. */
export function handOver({ incoming, outgoing }: LayerWeights, from: number, to: number): Step {
  const own = unitOf(outgoing, from);
  const moved = new Map([
    [from, silence(own)],
    [to, sumOfUnits(unitOf(outgoing, to), own)],
  ]);
  return { changes: "outgoing", units: [from, to], weights: { incoming, outgoing: withUnits(outgoing, moved) } };
}

/** A silent unit takes other incoming weights. */
export function slide({ incoming, outgoing }: LayerWeights, unit: number, weights: UnitWeights): Step {
  const moved = withUnits(incoming, new Map([[unit, weights]]));
  return { changes: "incoming", units: [unit], weights: { incoming: moved, outgoing } };
}

/** Most units of a layer of which every numbering is visited. */
const mostUnits = 8;

/** Every numbering of n units, each an exchange of neighbours away from the next, and the first again (plain changes). */
function roundTrip({ size, name }: HiddenLayer, fastest: number): number[][] {
  check(size <= mostUnits, () => ({
    code: "too-large",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected at most ${mostUnits} units to go through all numberings, got ${size}`,
    remedy: "name one numbering",
  }));
  const others = Array.from({ length: size }, (_, unit) => unit).filter((unit) => unit !== fastest);
  const orders = plainChanges([...others, fastest]);
  const start = Array.from({ length: size }, (_, unit) => unit);
  const at = orders.findIndex((order) => order.every((unit, place) => unit === start[place]));
  return [...orders.slice(at + 1), ...orders.slice(0, at + 1)];
}

/** The last element runs through all places, back and forth, for each order of the others. */
function plainChanges(elements: readonly number[]): number[][] {
  const last = elements.at(-1);
  if (last === undefined) return [[]];
  return plainChanges(elements.slice(0, -1)).flatMap((order, i) => {
    const places = Array.from({ length: elements.length }, (_, place) => place);
    return (i % 2 === 0 ? places.reverse() : places).map((place) => order.toSpliced(place, 0, last));
  });
}
