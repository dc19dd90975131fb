import type { GroupElement } from "./element.ts";
import type { Block, Layout, Place, Power, Run } from "./group.ts";
import { type Context, copyAt, keyOf, locate, runsOf, sizeOf } from "./indexing.ts";

/** Where the entries along an axis come from, and what they are multiplied by (null for 1 throughout). */
export interface AxisMap {
  readonly source: Int32Array;
  readonly factors: Float64Array | null;
}

/** The maps of one axis: one map, or one for each index of the other axes on which its blocks depend. */
export interface AxisMaps {
  readonly dependsOn: readonly number[];
  readonly isScaled: boolean;
  /** The map where the other axes are at `indices`. */
  readonly at: (indices: readonly number[]) => AxisMap;
}

/** What a group element does along one axis of a parameter. */
export function axisMaps(layout: Layout, axis: number, element: GroupElement): AxisMaps {
  const blocks = layout.axes[axis] as readonly Block[];
  const runs = runsOf(blocks);
  const elsewhere = runs.flatMap(placesOf).filter((place) => place.axis !== axis);
  const dependsOn = [...new Set(elsewhere.map((place) => place.axis))];
  const known = new Map<string, AxisMap>();
  const at = (indices: readonly number[]) => {
    const context: Context = new Map();
    for (const other of dependsOn) locate(layout.axes[other] as readonly Block[], indices[other] as number, context);
    const key = elsewhere.map((place) => context.get(keyOf(place))).join();
    const map = known.get(key) ?? mapOf(blocks, { element, context });
    known.set(key, map);
    return map;
  };
  return { dependsOn, isScaled: runs.some(({ powers }) => powers.some((power) => !isTrivial(element, power))), at };
}

function placesOf({ within, powers }: Run): Place[] {
  return [...within, ...powers.flatMap((power) => power.within)];
}

function isTrivial({ scales }: GroupElement, { generator }: Power): boolean {
  return (scales[generator] as Float64Array).every((scale) => scale === 1);
}

interface Situation {
  readonly element: GroupElement;
  readonly context: Context;
}

function mapOf(blocks: readonly Block[], situation: Situation): AxisMap {
  const [first, ...rest] = blocks;
  if (!first) return { source: Int32Array.of(0), factors: null };
  return "sum" in first ? sumMap(first.sum, situation) : runMap(first, rest, situation);
}

function runMap(run: Run, rest: readonly Block[], situation: Situation): AxisMap {
  const inner = sizeOf(rest);
  const source = new Int32Array(run.size * inner);
  const factors = new Float64Array(source.length).fill(1);
  const key = keyOf(run.place);
  const isSame = !runsOf(rest).some((each) => placesOf(each).some((place) => keyOf(place) === key));
  const [moves, scales] = [sourcesOf(run, situation), scalesOf(run, situation)];
  let map: AxisMap | null = null;
  for (let unit = 0; unit < run.size; unit++) {
    situation.context.set(key, unit);
    if (!map || !isSame) map = mapOf(rest, situation);
    for (let i = 0; i < inner; i++) {
      source[unit * inner + i] = moves(unit) * inner + (map.source[i] as number);
      factors[unit * inner + i] = scales(unit) * (map.factors?.[i] ?? 1);
    }
  }
  return { source, factors: factors.every((factor) => factor === 1) ? null : factors };
}

function sumMap(parts: readonly (readonly Block[])[], situation: Situation): AxisMap {
  const maps = parts.map((part) => mapOf(part, situation));
  const size = maps.reduce((total, { source }) => total + source.length, 0);
  const [source, factors] = [new Int32Array(size), new Float64Array(size).fill(1)];
  let at = 0;
  for (const map of maps) {
    for (let i = 0; i < map.source.length; i++) source[at + i] = at + (map.source[i] as number);
    if (map.factors) factors.set(map.factors, at);
    at += map.source.length;
  }
  return { source, factors: maps.every((map) => map.factors === null) ? null : factors };
}

/** Which unit of the run comes to the place of each. */
function sourcesOf({ factor, size, within }: Run, { element, context }: Situation): (unit: number) => number {
  if (factor === null) return (unit) => unit;
  const permutation = element.permutations[factor] as Int32Array;
  const start = copyAt(within, context) * size;
  return (unit) => permutation[start + unit] as number;
}

function scalesOf({ size, powers }: Run, { element, context }: Situation): (unit: number) => number {
  const terms = powers.map(({ generator, exponent, within }) => {
    const scales = element.scales[generator] as Float64Array;
    const start = copyAt(within, context) * size;
    return (unit: number) => power(scales[start + unit] as number, exponent);
  });
  return (unit) => terms.reduce((scale, term) => scale * term(unit), 1);
}

function power(scale: number, exponent: number): number {
  if (exponent === 1) return scale;
  return exponent === -1 ? 1 / scale : scale ** exponent;
}
