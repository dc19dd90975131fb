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
  readonly isPermuted: boolean;
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
  let fixed: AxisMap | null = null;
  const at = (indices: readonly number[]) => {
    if (fixed) return fixed;
    const context: Context = new Map();
    for (const other of dependsOn) locate(layout.axes[other] as readonly Block[], indices[other] as number, context);
    const key = elsewhere.map((place) => context.get(keyOf(place))).join();
    const map = known.get(key) ?? mapOf(blocks, { element, context });
    known.set(key, map);
    if (elsewhere.length === 0) fixed = map;
    return map;
  };
  const isPermuted = runs.some((run) => moves(element, run));
  const isScaled = runs.some(({ powers }) => powers.some((power) => !isTrivial(element, power)));
  return { dependsOn, isPermuted, isScaled, at };
}

function placesOf({ within, powers }: Run): Place[] {
  return [...within, ...powers.flatMap((power) => power.within)];
}

function moves({ permutations }: GroupElement, { factor, size }: Run): boolean {
  return factor !== null && (permutations[factor] as Int32Array).some((from, at) => from !== at % size);
}

function isTrivial({ scales }: GroupElement, { generator }: Power): boolean {
  return areOnes(scales[generator] as Float64Array);
}

interface Situation {
  readonly element: GroupElement;
  readonly context: Context;
}

/** A block of a product, and how far apart its indices lie. */
interface Piece {
  readonly block: Block;
  readonly stride: number;
}

function mapOf(blocks: readonly Block[], situation: Situation): AxisMap {
  const size = sizeOf(blocks);
  const [source, factors] = [new Int32Array(size), new Float64Array(size)];
  const pieces = inOrder(blocks);
  const visit = (depth: number, target: number, from: number, factor: number) => {
    if (depth === pieces.length) {
      source[target] = from;
      factors[target] = factor;
      return;
    }
    const { block, stride } = pieces[depth] as Piece;
    const { enter, sourceOf, scaleOf } = "sum" in block ? sumSteps(block.sum, situation) : runSteps(block, situation);
    for (let i = 0; i < block.size; i++) {
      enter(i);
      visit(depth + 1, target + i * stride, from + sourceOf(i) * stride, factor * scaleOf(i));
    }
  };
  visit(0, 0, 0, 1);
  return { source, factors: areOnes(factors) ? null : factors };
}

/** In a loop, as callbacks are handed each number in memory of its own. */
function areOnes(numbers: Float64Array): boolean {
  for (let i = 0; i < numbers.length; i++) if (numbers[i] !== 1) return false;
  return true;
}

/** Each block after those on whose index it depends: in memory a block may come before them. */
function inOrder(blocks: readonly Block[]): Piece[] {
  const pieces = blocks.map((block, i) => ({ block, stride: sizeOf(blocks.slice(i + 1)) }));
  const ordered: Piece[] = [];
  const visit = (piece: Piece) => {
    if (ordered.includes(piece)) return;
    const needed = new Set(runsOf([piece.block]).flatMap(placesOf).map(keyOf));
    for (const other of pieces) {
      if (other !== piece && !("sum" in other.block) && needed.has(keyOf(other.block.place))) visit(other);
    }
    ordered.push(piece);
  };
  for (const piece of pieces) visit(piece);
  return ordered;
}

/** Where an index of a block comes from, and what it is multiplied by, once it has been entered. */
interface Steps {
  readonly enter: (index: number) => void;
  readonly sourceOf: (index: number) => number;
  readonly scaleOf: (index: number) => number;
}

function runSteps(run: Run, situation: Situation): Steps {
  const key = keyOf(run.place);
  return {
    enter: (unit) => situation.context.set(key, unit),
    sourceOf: sourcesOf(run, situation),
    scaleOf: scalesOf(run, situation),
  };
}

function sumSteps(parts: readonly (readonly Block[])[], situation: Situation): Steps {
  const { source, factors } = sumMap(parts, situation);
  return {
    enter: () => {},
    sourceOf: (index) => source[index] as number,
    scaleOf: (index) => factors?.[index] ?? 1,
  };
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
