import { check } from "../errors.ts";
import { formatShape, type Shape } from "../tensor/index.ts";

// Options also come from files, so what their types promise is checked again here.

/** Options of a network that classifies images. */
export interface ImageOptions {
  /** Channels, height and width of one image. */
  readonly input?: Shape;
  readonly outputs?: number;
}

const largest = 2 ** 31 - 1;

/** The deepest transformer that a description may ask for. */
export const mostLayers = 1000;

/** Throws unless every option is a whole number from 1 to `most`. */
export function checkCounts(net: string, options: Readonly<Record<string, unknown>>, most = largest): void {
  for (const [name, value] of Object.entries(options)) {
    refuseUnless(isCount(value, most), net, name, `a whole number from 1 to ${most}`, value);
  }
}

/** Throws unless the option is a list of whole numbers from 1. */
export function checkCountList(net: string, name: string, value: unknown): asserts value is readonly number[] {
  const isList = Array.isArray(value) && value.every((each) => isCount(each));
  refuseUnless(isList, net, name, "a list of whole numbers from 1", value);
}

/** Throws unless `input` is [channels, height, width] with sides of at least `smallest`. */
export function checkImage(
  net: string,
  input: unknown,
  smallest = 1,
): asserts input is readonly [number, number, number] {
  const isImage = Array.isArray(input) && input.length === 3 && input.every((each) => isCount(each));
  refuseUnless(isImage, net, "input", "[channels, height, width]", input);
  const [, height, width] = input as unknown as readonly [number, number, number];
  check(height >= smallest && width >= smallest, () => ({
    code: "input-too-small",
    where: net,
    message: `expected images of at least ${smallest}x${smallest}, got ${height}x${width}`,
    remedy: "enlarge the images or choose a net for smaller ones, such as mlp",
  }));
}

/** Throws unless every option is a number above 0. */
export function checkPositive(net: string, options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    refuseUnless(Number.isFinite(value) && (value as number) > 0, net, name, "a number above 0", value);
  }
}

/** Throws unless the heads share the width evenly. */
export function checkHeads(net: string, width: number, heads: number): void {
  refuseUnless(width % heads === 0, net, "heads", `a divisor of the width ${width}`, heads);
}

/** Throws unless the option is true or false. */
export function checkFlag(net: string, name: string, value: unknown): void {
  refuseUnless(typeof value === "boolean", net, name, "true or false", value);
}

/** Throws unless the option is one of `names`. */
export function checkName(net: string, name: string, value: unknown, names: readonly string[]): void {
  refuseUnless(names.includes(value as string), net, name, `one of ${names.join(", ")}`, value);
}

function isCount(value: unknown, most = largest): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
}

function refuseUnless(condition: boolean, net: string, name: string, expected: string, value: unknown): void {
  check(condition, () => ({
    code: "bad-option",
    where: `${net} ${name}`,
    message: `expected ${expected}, got ${show(value)}`,
  }));
}

function show(value: unknown): string {
  if (Array.isArray(value)) return formatShape(value);
  return typeof value === "object" || typeof value === "string" ? JSON.stringify(value) : String(value);
}
