import {
  digitsOf,
  type Fraction,
  log10OfFactorial,
  log10OfPermutationPoints,
  permutationPointCount,
  permutationPointRatio,
  permutationPointRatioWithinLayers,
  quotient,
  surjectionPointCount,
} from "../../counting/index.ts";
import { check } from "../../errors.ts";
import type { Call, Outcome } from "../command.ts";
import {
  checkDuration,
  facts,
  formatBySize,
  formatInteger,
  mostDigits,
  requiredNumber,
  requiredNumbers,
  type Topic,
} from "./topic.ts";

/** Points where pairs of units coincide, half-way between renumbered minima. */
export const points: Topic = { takes: ["width", "order"], run };

const widthRange = { least: 1, most: 1_000_000, whole: true } as const;

function run(call: Call): Outcome {
  const { widths, order } = planOf(call);
  const exact = () => permutationPointCount(widths, order);
  const log10 = log10OfPermutationPoints(widths, order);
  const ratio = permutationPointRatio(widths, order);
  const withinLayers = permutationPointRatioWithinLayers(widths, order);
  const surjections = secondsForSurjections(widths, order) < 1 ? surjectionPointCount(widths, order) : null;
  return {
    json: {
      widths,
      order,
      // A getter, because a person is not shown the digits and a million of them take a second.
      get value() {
        return String(exact());
      },
      log10,
      digits: digitsOf(log10, exact),
      ratioToMinima: fractionJson(ratio),
      ratioWithinLayers: fractionJson(withinLayers),
      surjections: surjections === null ? null : String(surjections),
    },
    text: [
      `${formatBySize(log10, exact)} permutation points of order ${order} at least`,
      "",
      ...facts([
        ["hidden layers", widths.join(", ")],
        ["for each minimum", describe(ratio)],
        ...(widths.length > 1 ? [["in one layer", describe(withinLayers)] as const] : []),
        ...(surjections === null ? [] : [["all surjections", formatInteger(surjections)] as const]),
      ]),
    ],
  };
}

function planOf(call: Call): { readonly widths: readonly number[]; readonly order: number } {
  const widths = requiredNumbers(call, "width", widthRange, "give the width of the hidden layer, such as 10");
  check(widths.length > 0, () => ({ code: "bad-option", where: "--width", message: "expected a width, got none" }));
  const most = widths.reduce((sum, width) => sum + Math.floor(width / 2), 0);
  const range = { least: 0, most, whole: true };
  const order = requiredNumber(call, "order", range, "give how many pairs of units are merged, such as 2");
  const digits = widths.reduce((sum, width) => sum + log10OfFactorial(width), 0);
  check(digits <= mostDigits, () => ({
    code: "too-large",
    where: "--width",
    message: `expected a count of at most ${mostDigits} digits, got about ${Math.round(digits)}`,
    remedy: "lower --width",
  }));
  checkDuration(secondsFor(widths, order), "lower --order or --width");
  return { widths, order };
}

/** Spreading K over several layers takes K^2 products of up to K log2(n) bits for each; a microsecond per 64 words. */
function secondsFor(widths: readonly number[], order: number): number {
  const words = (order * Math.log2(Math.max(...widths) + 1)) / 64;
  return (widths.length - 1) * order ** 2 * (0.2 + words ** 1.6 / 200) * 1e-6;
}

/** (n - K) K steps of the Stirling recurrence for each K. */
function secondsForSurjections(widths: readonly number[], order: number): number {
  const widest = Math.max(...widths);
  const tables = widths.length === 1 ? 1 : widths.length * order;
  return tables * Math.max(0, widest - order) * order * (200 + order) * 1e-9 + log10OfFactorial(widest) * 1e-6;
}

function fractionJson({ numerator, denominator }: Fraction) {
  return {
    numerator: String(numerator),
    denominator: String(denominator),
    value: numerator === 0n ? 0 : quotient(numerator, denominator),
  };
}

function describe({ numerator, denominator }: Fraction): string {
  if (denominator === 1n) return formatInteger(numerator);
  const value = quotient(numerator, denominator);
  const decimal = Number.isFinite(value) && value > 0 ? ` = ${Number(value.toPrecision(12))}` : "";
  return `${formatInteger(numerator)} / ${formatInteger(denominator)}${decimal}`;
}
