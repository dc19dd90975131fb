import { norm } from "../../tensor/index.ts";
import { distanceBetween } from "../vectors.ts";
import type { Rows } from "./unit-rows.ts";

/** The weights of one unit: its row at each of several sites. */
export type UnitWeights = readonly Float64Array[];

/** The weights of one unit, from the rows of all units at each site. */
export function unitOf(rows: readonly Rows[], unit: number): UnitWeights {
  return rows.map((each) => each[unit] as Float64Array);
}

/** As many zeros. */
export function silence(weights: UnitWeights): UnitWeights {
  return weights.map(({ length }) => new Float64Array(length));
}

/** The sum of two units' weights. */
export function sumOfUnits(a: UnitWeights, b: UnitWeights): UnitWeights {
  return a.map((row, place) => row.map((x, i) => x + (b[place]?.[i] as number)));
}

/** The weights times a factor. */
export function scaled(weights: UnitWeights, factor: number): UnitWeights {
  return weights.map((row) => row.map((x) => factor * x));
}

/** Whether two units have the same weights, bit by bit. */
export function areSame(a: UnitWeights, b: UnitWeights): boolean {
  return a.every((row, place) => row === b[place] || row.every((x, i) => x === b[place]?.[i]));
}

/** The Euclidean length over all sites. */
export function sizeOf(weights: UnitWeights): number {
  return Math.hypot(...weights.map(norm));
}

/** The size of the difference. */
export function unitDistance(a: UnitWeights, b: UnitWeights): number {
  return Math.hypot(...a.map((row, place) => distanceBetween(row, b[place] as Float64Array)));
}
