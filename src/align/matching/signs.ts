import type { GroupElement } from "../../symmetry/index.ts";
import type { Gains } from "./gains.ts";

/** What each pair of units contributes at most, with the better sign at every site; written to `room` where it is given. */
export function withBestSigns(
  gains: readonly Gains[],
  room: (like: Gains["values"]) => Gains["values"] = (like) => like.slice(),
): Gains["values"] {
  const [first, ...others] = gains;
  if (!first) return new Float64Array(0);
  if (first.signs.length === 0 && others.length === 0) return first.values;
  const best = room(first.values).fill(0);
  for (const { signs, values } of gains) {
    if (signs.length === 0) for (let i = 0; i < best.length; i++) best[i] = (best[i] as number) + (values[i] as number);
    else for (let i = 0; i < best.length; i++) best[i] = (best[i] as number) + Math.abs(values[i] as number);
  }
  return best;
}

interface Units {
  readonly factor: number;
  readonly size: number;
}

/** What the units of a factor contribute as an element places and flips them. */
export function currentValue(gains: readonly Gains[], element: GroupElement, { factor, size }: Units): number {
  const units = element.permutations[factor] as Int32Array;
  let value = 0;
  for (let place = 0; place < units.length; place++) {
    const at = place * size + (units[place] as number);
    for (const { signs, values } of gains) value += signOf(signs, element, place) * (values[at] as number);
  }
  return value;
}

/** The product of the signs that an element gives to the unit at a place. */
export function signOf(signs: readonly number[], { scales }: GroupElement, place: number): number {
  let sign = 1;
  for (const generator of signs) sign *= (scales[generator] as Float64Array)[place] as number;
  return sign;
}

/**
 * The element with the signs of a factor's units chosen for where these are: those that flip the most first, then one
 * after another until none gains. Where no two generators flip the same entries this is the best choice.
 */
export function withSigns(gains: readonly Gains[], element: GroupElement, { factor, size }: Units): GroupElement {
  const terms = gains.filter(({ signs }) => signs.length > 0);
  const generators = [...new Set(terms.flatMap(({ signs }) => signs))];
  if (generators.length === 0) return element;
  const scales = element.scales.map((each, generator) => (generators.includes(generator) ? each.map(() => 1) : each));
  const flipped = { ...element, scales };
  const units = element.permutations[factor] as Int32Array;
  const choice: Choice = {
    signs: terms.map(({ signs }) => signs),
    values: new Float64Array(terms.length),
    order: new Int32Array(terms.length),
    generators,
    isOpen: new Uint8Array(scales.length),
  };
  for (let place = 0; place < units.length; place++) {
    const at = place * size + (units[place] as number);
    for (const [term, { values }] of terms.entries()) choice.values[term] = values[at] as number;
    chooseSigns(flipped, place, choice);
  }
  return flipped;
}

/** Written anew for each of the many places. */
interface Choice {
  /** By term the generators that flip it. */
  readonly signs: readonly (readonly number[])[];
  /** By term what it comes to where it is not flipped. */
  readonly values: Float64Array;
  /** The terms, the largest first. */
  readonly order: Int32Array;
  readonly generators: readonly number[];
  /** By generator whether no term has decided on it. */
  readonly isOpen: Uint8Array;
}

function chooseSigns(element: GroupElement, place: number, choice: Choice): void {
  const { signs, values, order, generators, isOpen } = choice;
  sortBySize(values, order);
  for (const generator of generators) isOpen[generator] = 1;
  for (const term of order) {
    const own = signs[term] as readonly number[];
    const free = own.find((generator) => isOpen[generator] === 1);
    if (free !== undefined && signOf(own, element, place) * (values[term] as number) < 0) flip(element, free, place);
    for (const generator of own) isOpen[generator] = 0;
  }
  let isBetter = true;
  while (isBetter) {
    isBetter = false;
    for (const generator of generators) {
      if (valueUnder(generator, element, place, choice) >= 0) continue;
      flip(element, generator, place);
      isBetter = true;
    }
  }
}

/** What the terms come to that a generator flips. */
function valueUnder(generator: number, element: GroupElement, place: number, { signs, values }: Choice): number {
  let value = 0;
  for (const [term, own] of signs.entries()) {
    if (own.includes(generator)) value += signOf(own, element, place) * (values[term] as number);
  }
  return value;
}

/** Puts the numbers of the values in order, the largest absolute value first. */
function sortBySize(values: Float64Array, order: Int32Array): void {
  for (let term = 0; term < values.length; term++) {
    const size = Math.abs(values[term] as number);
    let at = term;
    for (; at > 0 && Math.abs(values[order[at - 1] as number] as number) < size; at--)
      order[at] = order[at - 1] as number;
    order[at] = term;
  }
}

function flip({ scales }: GroupElement, generator: number, place: number): void {
  const each = scales[generator] as Float64Array;
  each[place] = -(each[place] as number);
}
