import { check } from "../errors.ts";

/** Hexadecimal digits that a double holds exactly. */
const leading = 13;

/**
 * log10 of a positive integer of any length, from its leading 52 bits and its length. The error is below 1e-6 up to the
 * longest integers that there are (2^30 bits), and about 1e-16 of the result.
 */
export function log10(value: bigint): number {
  checkPositive(value);
  const hex = value.toString(16);
  return Math.log10(Number.parseInt(hex.slice(0, leading), 16)) + Math.max(0, hex.length - leading) * Math.log10(16);
}

/** How far from a whole number a logarithm must be to say how many digits there are. */
const margin = 1e-6;

/** The number of decimal digits of an integer whose log10 is known; it is asked for only where that leaves a doubt. */
export function digitsOf(logarithm: number, exact: () => bigint): number {
  const nearest = Math.round(logarithm);
  if (Math.abs(logarithm - nearest) > margin) return Math.floor(logarithm) + 1;
  return exact() < 10n ** BigInt(nearest) ? nearest : nearest + 1;
}

/** a / b of positive integers of any length, within 1e-15 of itself; Infinity or 0 beyond the doubles. */
export function quotient(a: bigint, b: bigint): number {
  checkPositive(a);
  checkPositive(b);
  const shift = 64 - bitLength(a) + bitLength(b);
  const scaled = shift > 0 ? (a << BigInt(shift)) / b : a / (b << BigInt(-shift));
  return Number(scaled) * 2 ** -(shift >> 1) * 2 ** -(shift - (shift >> 1));
}

/** The number of binary digits of a positive integer. */
export function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return 4 * hex.length - Math.clz32(Number.parseInt(hex[0] as string, 16)) + 28;
}

function checkPositive(value: bigint): void {
  check(value > 0n, () => ({ code: "bad-count", where: "logarithm", message: "expected a positive integer" }));
}
