import { check } from "../../errors.ts";

/** A mean over random probes, and its standard error. */
export interface Estimate {
  readonly value: number;
  readonly standardError: number;
}

/** The mean of independent draws. */
export function meanOf(draws: ArrayLike<number>): Estimate {
  const values = Float64Array.from(draws);
  const count = values.length;
  const value = values.reduce((sum, x) => sum + x, 0) / count;
  const squares = values.reduce((sum, x) => sum + (x - value) ** 2, 0);
  return { value, standardError: Math.sqrt(squares / (count - 1) / count) };
}

/** Throws for fewer probes than a standard error needs. */
export function checkProbes(probes: number, least = 2): void {
  check(Number.isInteger(probes) && probes >= least, () => ({
    code: "bad-option",
    where: "hessian",
    message: `expected at least ${least} probes, got ${probes}`,
    remedy: "a standard error needs several",
  }));
}
