import { check } from "../../errors.ts";

/** Throws for NaN and infinities, which have no curvature. */
export function checkFinite(what: string, value: number): void {
  check(Number.isFinite(value), () => ({
    code: "not-finite",
    where: "hessian",
    message: `expected a finite ${what}, got ${value}`,
    remedy: "orbifold evaluate shows the loss; take weights and data without overflow",
  }));
}
