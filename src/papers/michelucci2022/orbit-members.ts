import { factorial } from "../../counting/index.ts";
import { type GroupElement, identity, type SymmetryGroup } from "../../symmetry/index.ts";

/** All orders of the numbers from 0 to n - 1. */
export function orders(n: number): number[][] {
  if (n === 0) return [[]];
  return orders(n - 1).flatMap((order) => Array.from({ length: n }, (_, place) => order.toSpliced(place, 0, n - 1)));
}

/** Every element of a group whose factors have one copy each: all permutations, and signs where these are asked for. */
export function* groupElements(group: SymmetryGroup, { signs }: { readonly signs: boolean }): Generator<GroupElement> {
  const choices = group.factors.map(({ size }) => orders(size).map((order) => Int32Array.from(order)));
  for (const permutations of combinations(choices)) {
    if (!signs) yield { ...identity(group), permutations };
    else for (const scales of combinations(signChoices(group))) yield { permutations, scales };
  }
}

/** How many permutations a group has, from the sizes of its factors. */
export function permutationCount({ factors }: SymmetryGroup): number {
  return factors.reduce((product, { size }) => product * Number(factorial(size)), 1);
}

function signChoices({ factors, generators }: SymmetryGroup): Float64Array[][] {
  return generators.map(({ factor }) => {
    const units = (factors[factor] as SymmetryGroup["factors"][number]).size;
    return Array.from({ length: 2 ** units }, (_, bits) =>
      Float64Array.from({ length: units }, (_, unit) => ((bits >> unit) & 1 ? -1 : 1)),
    );
  });
}

/** One of each list, in every way. */
export function* combinations<T>(lists: readonly (readonly T[])[]): Generator<T[]> {
  const [first, ...others] = lists;
  if (!first) return yield [];
  for (const each of first) for (const rest of combinations(others)) yield [each, ...rest];
}
