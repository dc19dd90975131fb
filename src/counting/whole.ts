import { check } from "../errors.ts";

/** Throws unless `value` is a whole number from `least`. */
export function checkWhole(where: string, value: number, least = 0): void {
  check(Number.isSafeInteger(value) && value >= least, () => ({
    code: "bad-count",
    where,
    message: `expected a whole number from ${least}, got ${value}`,
  }));
}

/** Throws unless 1 <= minimal <= width. */
export function checkExpansion(minimal: number, width: number): void {
  checkWhole("minimal width", minimal, 1);
  checkWhole("width", width, 1);
  check(minimal <= width, () => ({
    code: "bad-count",
    where: "width",
    message: `expected at least the minimal width ${minimal}, got ${width}`,
    remedy: "a network cannot be expanded to fewer units than it has",
  }));
}
