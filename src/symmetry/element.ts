import { fold, permutation, type RngKey, uniform } from "../tensor/index.ts";
import type { Factor, SymmetryGroup } from "./group.ts";

/**
 * An element of the group: for each factor and copy a permutation, for each generator a scale or a sign per unit. It
 * sends parameters x to y with y[c, i] = scale[c, i] x[c', permutation[c, i]], where c' is the copy that the outer
 * factors bring to c. Permutations are never made into matrices.
 */
export interface GroupElement {
  /** By factor: which unit comes to each place, copy after copy. */
  readonly permutations: readonly Int32Array[];
  /** By generator: positive numbers, or 1 and -1, copy after copy. */
  readonly scales: readonly Float64Array[];
}

/** The element that changes nothing. */
export function identity(group: SymmetryGroup): GroupElement {
  return {
    permutations: group.factors.map(({ size, copies }) =>
      Int32Array.from({ length: copies * size }, (_, i) => i % size),
    ),
    scales: group.generators.map(({ factor }) => new Float64Array(unitsIn(group.factors[factor] as Factor)).fill(1)),
  };
}

/** Units of a factor in all its copies. */
export function unitsIn({ size, copies }: Factor): number {
  return size * copies;
}

/** How many units, of all copies of a factor of this size, come to other places than their own. */
export function movedUnits(units: Int32Array, size: number): number {
  return units.filter((unit, place) => unit !== place % size).length;
}

export interface RandomOptions {
  /** Scales are drawn between 1 / `spread` and `spread`, uniformly in their logarithm; defaults to 2. */
  readonly spread?: number;
}

/** A random element: uniform permutations and signs, log-uniform scales. */
export function randomElement(group: SymmetryGroup, key: RngKey, { spread = 2 }: RandomOptions = {}): GroupElement {
  const start = identity(group);
  const permutations = group.factors.map(({ size, copies, permutes }, factor) => {
    const units = start.permutations[factor] as Int32Array;
    for (let copy = 0; permutes && copy < copies; copy++) {
      units.set(permutation(fold(key, "permutation", factor, copy), size), copy * size);
    }
    return units;
  });
  const scales = group.generators.map(({ kind, factor }, generator) => {
    const count = unitsIn(group.factors[factor] as Factor);
    const { data } = uniform(fold(key, kind, generator), [count], { dtype: "float64", low: -1, high: 1 });
    return Float64Array.from(data, (x) => (kind === "sign" ? (x < 0 ? -1 : 1) : spread ** x));
  });
  return { permutations, scales };
}

/** The element that does first `first`, then `second`. */
export function compose(group: SymmetryGroup, second: GroupElement, first: GroupElement): GroupElement {
  const through = (factor: number) => sourceUnits(group, factor, second);
  return {
    permutations: group.factors.map(({ size }, factor) =>
      through(factor).map((unit) => ((first.permutations[factor] as Int32Array)[unit] as number) % size),
    ),
    scales: group.generators.map(({ factor }, generator) => {
      const [later, earlier] = [second.scales[generator], first.scales[generator]] as [Float64Array, Float64Array];
      const units = through(factor);
      return later.map((scale, unit) => scale * (earlier[units[unit] as number] as number));
    }),
  };
}

/** The element that undoes another. */
export function inverse(group: SymmetryGroup, element: GroupElement): GroupElement {
  const permutations = group.factors.map(({ size }, factor) => {
    const units = sourceUnits(group, factor, element);
    const back = new Int32Array(units.length);
    for (const [unit, from] of units.entries()) back[from] = unit % size;
    return back;
  });
  const scales = group.generators.map(({ factor }, generator) => {
    const scale = element.scales[generator] as Float64Array;
    const back = new Float64Array(scale.length);
    for (const [unit, from] of sourceUnits(group, factor, element).entries()) back[from] = 1 / (scale[unit] as number);
    return back;
  });
  return { permutations, scales };
}

/** For each unit of a factor, in all copies, the unit that the element brings to its place. */
export function sourceUnits(group: SymmetryGroup, factor: number, element: GroupElement): Int32Array {
  const { size, copies } = group.factors[factor] as Factor;
  const permutation = element.permutations[factor] as Int32Array;
  return Int32Array.from({ length: copies * size }, (_, unit) => {
    const copy = Math.floor(unit / size);
    return sourceCopy(group, factor, { element, copy }) * size + (permutation[unit] as number);
  });
}

/** The copy of a factor that the outer factors bring to the place of `copy`. */
export function sourceCopy(
  group: SymmetryGroup,
  factor: number,
  { element, copy }: { readonly element: GroupElement; readonly copy: number },
): number {
  const { within } = group.factors[factor] as Factor;
  const at = digitsOf(
    copy,
    within.map(({ size }) => size),
  );
  return within.reduce((source, outer, i) => {
    const index = at[i] as number;
    if (outer.factor === null) return source * outer.size + index;
    const { within: further } = group.factors[outer.factor] as Factor;
    const outerCopy = outer.within.reduce((number, j, k) => number * (further[k]?.size ?? 1) + (at[j] as number), 0);
    const from = element.permutations[outer.factor]?.[outerCopy * outer.size + index] as number;
    return source * outer.size + from;
  }, 0);
}

function digitsOf(index: number, sizes: readonly number[]): number[] {
  let rest = index;
  const digits = sizes.toReversed().map((size) => {
    const digit = rest % size;
    rest = Math.floor(rest / size);
    return digit;
  });
  return digits.reverse();
}
