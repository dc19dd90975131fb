import { digitsOf, log10 } from "../../counting/index.ts";
import { check } from "../../errors.ts";
import type { Call, Outcome } from "../command.ts";
import { figureOf, writeFigure } from "../figure-file.ts";
import { formatCount } from "../format.ts";
import { type NumberRange, numberOf, numbersOf, requiredText } from "../values.ts";

/** One thing to count: the options that it takes, and what it does with them. */
export interface Topic {
  readonly takes: readonly string[];
  run(call: Call): Outcome | Promise<Outcome>;
}

/** Integers with more digits than this are told by their logarithm only, as writing them takes half a minute. */
export const mostDigits = 20_000_000;

/** Integers with more digits than this are told to a person by their logarithm. */
const mostShownDigits = 80;

/** log10 with six decimals. */
export function formatLog10(value: number): string {
  return value.toFixed(6);
}

/** An integer for a person: in full if it is short. */
export function formatInteger(value: bigint): string {
  return value === 0n ? "0" : formatBySize(log10(value), () => value);
}

/** The same for one that is known by its logarithm. */
export function formatBySize(logarithm: number, exact: () => bigint): string {
  if (logarithm < mostShownDigits) return String(exact());
  return `10^${formatLog10(logarithm)} (${formatCount(digitsOf(logarithm, exact))} digits)`;
}

/** Rows of a name and what is to be said of it. */
export function facts(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, fact]) => `${name.padEnd(width)}  ${fact}`);
}

/** The number of an option that must be given. */
export function requiredNumber(call: Call, name: string, range: NumberRange, remedy: string): number {
  requiredText(call, name, remedy);
  return numberOf(call, name, range) as number;
}

/** The numbers of an option that must be given. */
export function requiredNumbers(call: Call, name: string, range: NumberRange, remedy: string): readonly number[] {
  requiredText(call, name, remedy);
  return numbersOf(call, name, range) as number[];
}

/** Throws if a count would take so long that somebody must have mistyped. */
export function checkDuration(seconds: number, remedy: string): void {
  check(seconds < 60, () => ({
    code: "too-large",
    where: "count",
    message: `expected less than a minute of work, got about ${formatCount(Math.ceil(seconds))} s`,
    remedy,
  }));
}

/** Writes the figure to the file of `--out`, if that was given; the path, or null. */
export async function drawTo(call: Call, draw: () => string): Promise<string | null> {
  const path = figureOf(call);
  if (path === undefined) return null;
  await writeFigure(call, path, draw());
  return path;
}
