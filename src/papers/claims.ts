import type { Claim } from "./paper.ts";

/** A claim before it is looked at. */
export type Statement = Omit<Claim, "measured" | "status" | "why">;

/** A claim that holds or fails. */
export function judged(statement: Statement, measured: Claim["measured"], holds: boolean): Claim {
  return { ...statement, measured, status: holds ? "pass" : "fail" };
}

/** A claim that is not met to the letter, for a reason; it fails where what was measured is not what the reason explains. */
export function explained(statement: Statement, measured: Claim["measured"], holds: boolean, why: string): Claim {
  return holds ? { ...statement, measured, status: "different", why } : judged(statement, measured, false);
}

/** A claim that this run did not look at. */
export function notRun(statement: Statement, why: string): Claim {
  return { ...statement, measured: null, status: "not-run", why };
}

/** Whether two numbers agree within a relative tolerance. */
export function agree(measured: number, expected: number, tolerance: number): boolean {
  return Math.abs(measured - expected) <= tolerance * Math.abs(expected);
}
