import { closestName } from "../closest-name.ts";
import { check, InputError } from "../errors.ts";
import type { Call } from "./command.ts";

/** The text of an option, or undefined where it was not given. */
export function textOf({ options }: Call, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

/** The text of an option that must be given. */
export function requiredText(call: Call, name: string, remedy: string): string {
  const value = textOf(call, name);
  check(value !== undefined && value !== "", () => ({
    code: "usage",
    where: `--${name}`,
    message: "is needed",
    remedy,
  }));
  return value as string;
}

/** The numbers that an option may have. */
export interface NumberRange {
  readonly least?: number;
  readonly above?: number;
  readonly most?: number;
  readonly below?: number;
  readonly whole?: boolean;
}

/** The number of an option. */
export function numberOf(call: Call, name: string, range?: NumberRange): number | undefined;
export function numberOf(call: Call, name: string, range: NumberRange, otherwise: number): number;
export function numberOf(call: Call, name: string, range: NumberRange = {}, otherwise?: number): number | undefined {
  const text = textOf(call, name);
  return text === undefined ? otherwise : parseNumber(`--${name}`, text, range);
}

function parseNumber(where: string, text: string, range: NumberRange): number {
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY, whole = false } = range;
  const { above = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = range;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  const fits =
    Number.isFinite(value) &&
    (!whole || Number.isSafeInteger(value)) &&
    value >= least &&
    value > above &&
    value <= most &&
    value < below;
  const words = { least: "from", above: "above", most: "to", below: "to below" } as const;
  const bounds = Object.entries(words).map(([bound, word]) => {
    const limit = range[bound as keyof typeof words];
    return limit === undefined ? "" : ` ${word} ${limit}`;
  });
  check(fits, () => ({
    code: "bad-option",
    where,
    message: `expected a ${whole ? "whole " : ""}number${bounds.join("")}, got ${JSON.stringify(text)}`,
  }));
  return value;
}

/** The numbers of an option such as `512,512`. */
export function numbersOf(call: Call, name: string, range: NumberRange): number[] | undefined {
  const text = textOf(call, name);
  if (text === undefined) return undefined;
  return text.trim() === "" ? [] : text.split(",").map((part) => parseNumber(`--${name}`, part, range));
}

/** The option's word, one of `choices`. */
export function choiceOf<T extends string>(call: Call, name: string, choices: readonly T[]): T | undefined;
export function choiceOf<T extends string>(call: Call, name: string, choices: readonly T[], otherwise: T): T;
export function choiceOf<T extends string>(call: Call, name: string, choices: readonly T[], otherwise?: T) {
  const text = textOf(call, name);
  if (text === undefined) return otherwise;
  if (choices.includes(text as T)) return text as T;
  const meant = closestName(text, choices);
  throw new InputError({
    code: "bad-option",
    where: `--${name}`,
    message: `expected one of ${choices.join(", ")}, got ${JSON.stringify(text)}`,
    ...(meant && { remedy: `did you mean ${meant}?` }),
  });
}
