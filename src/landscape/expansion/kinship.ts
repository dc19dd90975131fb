import { norm } from "../../tensor/index.ts";
import type { GaugedUnits } from "./gauged-units.ts";
import type { HiddenLayer } from "./hidden-layers.ts";
import type { Rows } from "./unit-rows.ts";

/** What counts as equal and as zero. */
export interface Thresholds {
  /** Largest angle in degrees between incoming vectors (weights and bias) of copies; defaults to 1. */
  readonly angle?: number;
  /** Largest difference of their lengths, relative to the longer; defaults to 0.01. */
  readonly size?: number;
  /** Largest length of a vector that counts as zero; defaults to 1e-6. */
  readonly zero?: number;
}

/** What is taken for equal and for zero where nothing else is said. */
export const defaultThresholds: Required<Thresholds> = { angle: 1, size: 0.01, zero: 1e-6 };

/** How alike two units are. */
export interface Likeness {
  /** Degrees between their incoming vectors; where these have several parts, the largest. */
  readonly angle: number;
  /** The difference of the lengths, relative to the longer. */
  readonly size: number;
}

/** The incoming vectors of some units, in parts: one for weights and bias, or one for each parameter of a norm. */
export interface UnitVectors {
  readonly parts: readonly (readonly Direction[])[];
}

interface Direction {
  readonly length: number;
  readonly unit: Float64Array;
}

/** The incoming vectors of the units of a layer. */
export function unitVectors({ affine }: HiddenLayer, { incoming, count }: GaugedUnits): UnitVectors {
  const parts = affine ? [Array.from({ length: count }, (_, unit) => joined(incoming, unit))] : incoming;
  return { parts: parts.map((rows) => rows.map(directionOf)) };
}

function joined(incoming: readonly Rows[], unit: number): Float64Array {
  return Float64Array.from(incoming.flatMap((rows) => [...(rows[unit] as Float64Array)]));
}

function directionOf(row: Float64Array): Direction {
  const length = norm(row);
  return { length, unit: length === 0 ? row : row.map((x) => x / length) };
}

interface Comparison extends Required<Thresholds> {
  /** Compares with the opposite of the second. */
  readonly isFlipped: boolean;
}

/** How alike unit i of some and unit j of others are; null where they are not within the thresholds, or not numbers. */
export function likeness(
  { parts: a }: UnitVectors,
  { parts: b }: UnitVectors,
  { i, j, isFlipped, angle, size, zero }: Comparison & { readonly i: number; readonly j: number },
): Likeness | null {
  let worst: Likeness = { angle: 0, size: 0 };
  for (const [place, part] of a.entries()) {
    const [x, y] = [part[i], b[place]?.[j]] as [Direction, Direction];
    const longer = Math.max(x.length, y.length);
    if (longer <= zero) continue;
    const difference = Math.abs(x.length - y.length) / longer;
    if (!(difference <= size)) return null;
    const chord = chordBetween(x.unit, y.unit, { sign: isFlipped ? -1 : 1, most: chordOf(angle) });
    if (chord === null) return null;
    worst = { angle: Math.max(worst.angle, angleOf(chord)), size: Math.max(worst.size, difference) };
  }
  return worst;
}

/** Degrees between the incoming vectors of unit i of some and unit j of others, or its opposite; of several parts the largest. */
export function angleBetween(
  { parts: a }: UnitVectors,
  { parts: b }: UnitVectors,
  { i, j, isFlipped }: Pick<Comparison, "isFlipped"> & { readonly i: number; readonly j: number },
): number {
  const chords = a.map((part, place) => {
    const [x, y] = [part[i], b[place]?.[j]] as [Direction, Direction];
    return chordBetween(x.unit, y.unit, { sign: isFlipped ? -1 : 1, most: Infinity }) ?? 2;
  });
  return angleOf(Math.max(...chords));
}

/** The distance of two points on a sphere of radius 1 as many degrees apart. */
function chordOf(angle: number): number {
  return 2 * Math.sin((angle * Math.PI) / 360);
}

/** Degrees between two points on a sphere of radius 1. */
function angleOf(chord: number): number {
  return (Math.asin(Math.min(1, chord / 2)) * 360) / Math.PI;
}

/** The distance, null where it is larger than `most`; most pairs are told apart by their first few entries. */
function chordBetween(
  a: Float64Array,
  b: Float64Array,
  { sign, most }: { readonly sign: number; readonly most: number },
): number | null {
  const limit = most * most;
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - sign * (b[i] as number);
    sum += difference * difference;
    if (!(sum <= limit)) return null;
  }
  return Math.sqrt(sum);
}

/** Sets of units that are alike, each led by the unit with the largest of `weights`. */
export function alikeUnits(
  vectors: UnitVectors,
  weights: readonly number[],
  thresholds: Required<Thresholds>,
): { readonly groups: number[][]; readonly worst: Likeness } {
  const order = [...weights.keys()].sort((a, b) => (weights[b] as number) - (weights[a] as number) || a - b);
  const groups: number[][] = [];
  let worst: Likeness = { angle: 0, size: 0 };
  for (const unit of order) {
    const options = { ...thresholds, isFlipped: false, j: unit };
    const found = groups
      .map((group) => ({ group, like: likeness(vectors, vectors, { ...options, i: group[0] as number }) }))
      .find(({ like }) => like !== null);
    if (!found?.like) {
      groups.push([unit]);
      continue;
    }
    found.group.push(unit);
    worst = worse(worst, found.like);
  }
  return { groups, worst };
}

/** The larger of each. */
export function worse(a: Likeness, b: Likeness): Likeness {
  return { angle: Math.max(a.angle, b.angle), size: Math.max(a.size, b.size) };
}
