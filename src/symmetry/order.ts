import { digitsOf, factorial, log10OfFactorial } from "../counting/index.ts";
import { unitsIn } from "./element.ts";
import type { Factor, SymmetryGroup } from "./group.ts";
import { matrixDimension } from "./mix.ts";

/** A number of group elements that may be too long to write down. */
export interface OrderSize {
  readonly log10: number;
  readonly digits: number;
}

/** How much of the order one factor contributes. */
export interface FactorOrder {
  readonly name: string;
  readonly log10Permutations: number;
  readonly log10Signs: number;
  readonly log10Discrete: number;
  readonly continuousDimension: number;
}

/** How large a symmetry group is. */
export interface GroupOrder {
  /** Permutations of units: (size!)^copies of each factor that permutes. */
  readonly permutations: OrderSize;
  /** Signs of single units: 2^units of each sign generator. */
  readonly signs: OrderSize;
  /** Connected components of the group. */
  readonly discrete: OrderSize;
  /** Dimension of the component of the identity. */
  readonly continuousDimension: number;
  readonly factors: readonly FactorOrder[];
}

/**
 * The size of a symmetry group. Where units can be mixed by matrices, the components of the matrix group (of GL(n) and
 * O(n) two per copy) count in the place of the permutations, scales and signs that it contains; the gains that an
 * orthogonal stream lets go count beside it.
 */
export function groupOrder(group: SymmetryGroup): GroupOrder {
  const parts = partsOf(group);
  const total = (kind: keyof FactorParts) => orderSize(parts.map((part) => part[kind]));
  const factors = parts.map((part, i) => ({
    name: (group.factors[i] as Factor).name,
    log10Permutations: log10Of(part.permutations),
    log10Signs: log10Of(part.signs),
    log10Discrete: log10Of(part.discrete),
    continuousDimension: continuousDimension(group, i),
  }));
  return {
    permutations: total("permutations"),
    signs: total("signs"),
    discrete: total("discrete"),
    continuousDimension: factors.reduce((sum, factor) => sum + factor.continuousDimension, 0),
    factors,
  };
}

/** The number of connected components of a group, exactly. */
export function orderValue(group: SymmetryGroup): bigint {
  return exactValue(partsOf(group).map(({ discrete }) => discrete));
}

/** factorial(size)^times * 2^twos. */
interface Product {
  readonly size: number;
  readonly times: number;
  readonly twos: number;
}

interface FactorParts {
  readonly permutations: Product;
  readonly signs: Product;
  readonly discrete: Product;
}

function partsOf(group: SymmetryGroup): FactorParts[] {
  return group.factors.map((factor, i) => {
    const signs = generatorsOf(group, i, "sign");
    const permutations = { size: factor.size, times: factor.permutes ? factor.copies : 0, twos: 0 };
    return {
      permutations,
      signs: { ...permutations, times: 0, twos: signs * unitsIn(factor) },
      discrete: discreteOf(factor, permutations, signs),
    };
  });
}

function discreteOf(factor: Factor, permutations: Product, signs: number): Product {
  const { matrix, size, copies } = factor;
  const units = unitsIn(factor);
  const unpermuted = { ...permutations, times: 0 };
  switch (matrix) {
    case null:
      return { ...permutations, twos: signs * units };
    case "general-linear":
      return { ...unpermuted, twos: copies };
    case "orthogonal":
      return { ...unpermuted, twos: copies + Math.max(0, signs - 1) * units };
    case "orthogonal-mean":
      // O 1 = 1 or O 1 = -1, and a rotation or a reflection of what is orthogonal to 1, which is nothing for one unit.
      return { ...unpermuted, twos: (size > 1 ? 2 : 1) * copies + signs * units };
    case "rotary":
      // The non-zero complex numbers are connected and contain both signs.
      return permutations;
  }
}

function continuousDimension(group: SymmetryGroup, index: number): number {
  const factor = group.factors[index] as Factor;
  const containsScales = factor.matrix === "general-linear" || factor.matrix === "rotary";
  const scales = containsScales ? 0 : generatorsOf(group, index, "scale");
  return matrixDimension(factor) + scales * unitsIn(factor);
}

function generatorsOf({ generators }: SymmetryGroup, factor: number, kind: "scale" | "sign"): number {
  return generators.filter((each) => each.factor === factor && each.kind === kind).length;
}

function log10Of({ size, times, twos }: Product): number {
  return (times > 0 ? times * log10OfFactorial(size) : 0) + twos * Math.log10(2);
}

function exactValue(products: readonly Product[]): bigint {
  return products.reduce(
    (value, { size, times, twos }) => (times > 0 ? value * factorial(size) ** BigInt(times) : value) << BigInt(twos),
    1n,
  );
}

function orderSize(products: readonly Product[]): OrderSize {
  const log10 = products.reduce((sum, product) => sum + log10Of(product), 0);
  return { log10, digits: digitsOf(log10, () => exactValue(products)) };
}
