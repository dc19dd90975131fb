import type { UnitSite } from "../../symmetry/index.ts";
import type { LayoutEntry, ParameterLayout } from "../../train/index.ts";
import { checkPair, type HiddenLayer, unitsInTheMiddle } from "../expansion/index.ts";

/** Where the weights of two units of one layer lie in a vector of parameters, in the same order for both. */
export interface UnitPair {
  /** Length of the vector. */
  readonly size: number;
  /** Places of the incoming weights, the bias among them. */
  readonly incoming: readonly [i: readonly number[], j: readonly number[]];
  readonly outgoing: readonly [i: readonly number[], j: readonly number[]];
}

/** The places of two units. Throws where the layer has no such units. */
export function unitPair(layer: HiddenLayer, layout: ParameterLayout, units: readonly [number, number]): UnitPair {
  checkPair(layer, units);
  const placesOf = (sites: readonly UnitSite[]) =>
    units.map((unit) => sites.flatMap((site) => placesAt(site, layout, unit))) as [number[], number[]];
  return { size: layout.size, incoming: placesOf(layer.incoming), outgoing: placesOf(layer.outgoing) };
}

function placesAt(site: UnitSite, { entries }: ParameterLayout, unit: number): number[] {
  const { shape, start } = entries.find(({ name }) => name === site.tensor) as LayoutEntry;
  const [outer, units, inner] = unitsInTheMiddle(site, shape);
  return Array.from(
    { length: outer * inner },
    (_, k) => start + (Math.floor(k / inner) * units + unit) * inner + (k % inner),
  );
}

/** theta_i - theta_j, the difference of the incoming weights. */
export function apart({ incoming }: UnitPair, x: Float64Array): Float64Array {
  return differenceAt(incoming, x);
}

/** The difference of the outgoing weights. */
export function outgoingApart({ outgoing }: UnitPair, x: Float64Array): Float64Array {
  return differenceAt(outgoing, x);
}

function differenceAt([i, j]: UnitPair["incoming"], x: Float64Array): Float64Array {
  return Float64Array.from(i, (place, c) => (x[place] as number) - (x[j[c] as number] as number));
}

/** The same point with the labels of the units exchanged. */
export function swapped({ incoming, outgoing }: UnitPair, x: Float64Array): Float64Array {
  const result = x.slice();
  for (const [i, j] of [incoming, outgoing]) {
    for (const [c, place] of i.entries()) {
      const other = j[c] as number;
      result[place] = x[other] as number;
      result[other] = x[place] as number;
    }
  }
  return result;
}

/** The canonical point: both units have the mean of their incoming and of their outgoing weights. */
export function merged(pair: UnitPair, x: Float64Array): Float64Array {
  const other = swapped(pair, x);
  return x.map((value, k) => (value + (other[k] as number)) / 2);
}

/** Both units with the incoming weights of `at` and its sum of outgoing weights, shared as in `x`. */
export function sharedAs(pair: UnitPair, at: Float64Array, x: Float64Array): Float64Array {
  const [i, j] = pair.outgoing;
  const result = at.slice();
  for (const [c, place] of i.entries()) {
    const half = ((x[place] as number) - (x[j[c] as number] as number)) / 2;
    result[place] = (at[place] as number) + half;
    result[j[c] as number] = (at[j[c] as number] as number) - half;
  }
  return result;
}

/**
 * The norm of the gradient along what is free at a held distance d: dL/dmu = g_i + g_j, dL/de = (d/2) (g_i - g_j) without
 * its part along e, and all other coordinates.
 */
export function freeGradientNorm(
  { incoming: [i, j] }: UnitPair,
  gradient: Float64Array,
  { distance, direction }: { readonly distance: number; readonly direction: Float64Array },
): number {
  const mean = i.map((place, c) => at(gradient, place) + at(gradient, j[c]));
  const turn = i.map((place, c) => (distance / 2) * (at(gradient, place) - at(gradient, j[c])));
  const radial = turn.reduce((sum, g, c) => sum + g * at(direction, c), 0);
  const tangent = turn.map((g, c) => g - radial * at(direction, c));
  const held = new Set([...i, ...j]);
  const rest = gradient.reduce((sum, g, place) => (held.has(place) ? sum : sum + g * g), 0);
  return Math.sqrt([...mean, ...tangent].reduce((sum, g) => sum + g * g, rest));
}

function at(x: Float64Array, place: number | undefined): number {
  return x[place as number] as number;
}
