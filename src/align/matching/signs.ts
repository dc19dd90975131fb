import type { GroupElement } from "../../symmetry/index.ts";
import type { Gains } from "./gains.ts";

/** What each pair of units contributes at most, with the better sign at every site. */
export function withBestSigns(gains: readonly Gains[]): Gains["values"] {
  const [first, ...others] = gains;
  if (!first) return new Float64Array(0);
  if (first.signs.length === 0 && others.length === 0) return first.values;
  const best = first.values.slice().fill(0);
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
  for (const [place, unit] of units.entries()) {
    for (const { signs, values } of gains)
      value += signOf(signs, element, place) * (values[place * size + unit] as number);
  }
  return value;
}

/** The product of the signs that an element gives to the unit at a place. */
export function signOf(signs: readonly number[], { scales }: GroupElement, place: number): number {
  return signs.reduce((sign, generator) => sign * ((scales[generator] as Float64Array)[place] as number), 1);
}

/**
 * The element with the signs of a factor's units chosen for where these are: those that flip the most first, then one
 * after another until none gains. Where no two generators flip the same entries this is the best choice.
 */
export function withSigns(gains: readonly Gains[], element: GroupElement, { factor, size }: Units): GroupElement {
  const generators = [...new Set(gains.flatMap(({ signs }) => signs))];
  if (generators.length === 0) return element;
  const scales = element.scales.map((each, generator) => (generators.includes(generator) ? each.map(() => 1) : each));
  const flipped = { ...element, scales };
  const units = element.permutations[factor] as Int32Array;
  for (const [place, unit] of units.entries()) {
    const terms = gains.map(({ signs, values }) => ({ signs, value: values[place * size + unit] as number }));
    chooseSigns(flipped, place, { terms: terms.filter(({ signs }) => signs.length > 0), generators });
  }
  return flipped;
}

interface Choice {
  readonly terms: readonly { readonly signs: readonly number[]; readonly value: number }[];
  readonly generators: readonly number[];
}

function chooseSigns(element: GroupElement, place: number, { terms, generators }: Choice): void {
  const open = new Set(generators);
  for (const { signs, value } of terms.toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value))) {
    const free = signs.find((generator) => open.has(generator));
    if (free !== undefined && signOf(signs, element, place) * value < 0) flip(element, free, place);
    for (const generator of signs) open.delete(generator);
  }
  let isBetter = true;
  while (isBetter) {
    isBetter = false;
    for (const generator of generators) {
      const own = terms.filter(({ signs }) => signs.includes(generator));
      const value = own.reduce((sum, term) => sum + signOf(term.signs, element, place) * term.value, 0);
      if (value >= 0) continue;
      flip(element, generator, place);
      isBetter = true;
    }
  }
}

function flip({ scales }: GroupElement, generator: number, place: number): void {
  const each = scales[generator] as Float64Array;
  each[place] = -(each[place] as number);
}
