import { check } from "../errors.ts";
import { binomial, factorial, log10OfBinomial, log10OfFactorial } from "./factorial.ts";
import { bitLength, log10 } from "./logarithm.ts";
import { surjectionCount } from "./stirling.ts";
import { checkWhole } from "./whole.ts";

/** A fraction in lowest terms. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * Permutation points of order K for each equivalent minimum: C(n - K, K) / 2^K in a layer of width n, and over several
 * layers the sum of the products over all ways to spread K (Brea 2019, arXiv 1907.02911).
 */
export function permutationPointRatio(widths: readonly number[], order: number): Fraction {
  checkOrder(widths, order);
  return halved(spread(widths, order, pairings), order);
}

/** The same where all K pairs lie in one layer, whichever it is. */
export function permutationPointRatioWithinLayers(widths: readonly number[], order: number): Fraction {
  checkOrder(widths, order);
  const sum = widths.reduce((total, width) => total + pairings(width, order), 0n);
  return order === 0 ? halved(1n, 0) : halved(sum, order);
}

/** Permutation points of order K: n! C(n - K, K) / 2^K in a layer (Brea 2019, arXiv 1907.02911). */
export function permutationPointCount(widths: readonly number[], order: number): bigint {
  checkOrder(widths, order);
  const minima = widths.reduce((product, width) => product * factorial(width), 1n);
  return (minima * spread(widths, order, pairings)) >> BigInt(order);
}

/** log10 of `permutationPointCount` without it. */
export function log10OfPermutationPoints(widths: readonly number[], order: number): number {
  checkOrder(widths, order);
  const [only] = widths as readonly [number];
  const choices = widths.length === 1 ? log10OfBinomial(only - order, order) : log10(spread(widths, order, pairings));
  return widths.reduce((sum, width) => sum + log10OfFactorial(width), choices) - order * Math.log10(2);
}

/**
 * All ways to map the n units of a layer onto the n - K distinct ones of a narrower network, not in pairs only:
 * G(n - K, n), and over several layers the sum of the products over all ways to spread K.
 */
export function surjectionPointCount(widths: readonly number[], order: number): bigint {
  checkOrder(widths, order);
  return spread(widths, order, (width, fewer) => (fewer < width ? surjectionCount(width, width - fewer) : 0n));
}

/** Ways to choose which K of n - K distinct units have a copy. */
function pairings(width: number, order: number): bigint {
  return 2 * order > width ? 0n : binomial(width - order, order);
}

/** The sum over K_1 + K_2 + .. = order of term(n_1, K_1) term(n_2, K_2) .. */
function spread(widths: readonly number[], order: number, term: (width: number, part: number) => bigint): bigint {
  const [last, ...others] = widths.toReversed() as [number, ...number[]];
  let sums = [1n];
  for (const width of others) {
    const terms = Array.from({ length: order + 1 }, (_, part) => term(width, part));
    sums = terms.map((_, total) => convolved(sums, (part) => terms[part] as bigint, total));
  }
  return convolved(sums, (part) => term(last, part), order);
}

function convolved(sums: readonly bigint[], termOf: (part: number) => bigint, total: number): bigint {
  return sums.slice(0, total + 1).reduce((sum, each, i) => sum + (each === 0n ? 0n : each * termOf(total - i)), 0n);
}

/** value / 2^power in lowest terms. */
function halved(value: bigint, power: number): Fraction {
  if (value === 0n) return { numerator: 0n, denominator: 1n };
  const twos = Math.min(power, bitLength(value & -value) - 1);
  return { numerator: value >> BigInt(twos), denominator: 1n << BigInt(power - twos) };
}

function checkOrder(widths: readonly number[], order: number): void {
  check(widths.length > 0, () => ({ code: "bad-count", where: "widths", message: "expected a layer, got none" }));
  for (const width of widths) checkWhole("width", width, 1);
  checkWhole("order", order);
  const most = widths.reduce((sum, width) => sum + Math.floor(width / 2), 0);
  check(order <= most, () => ({
    code: "bad-count",
    where: "order",
    message: `expected at most ${most} pairs among ${widths.join(" + ")} units, got ${order}`,
  }));
}
