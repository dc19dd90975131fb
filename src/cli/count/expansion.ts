import {
  type ExpandedLayer,
  type LayeredExpansion,
  layeredExpansion,
  log10,
  log10OfFactorial,
  subspaceDimension,
} from "../../counting/index.ts";
import { check } from "../../errors.ts";
import type { Call, Outcome } from "../command.ts";
import { numberOf } from "../values.ts";
import { checkDuration, facts, formatInteger, mostDigits, requiredNumbers, type Topic } from "./topic.ts";

/** The subspaces into which a minimal network unfolds in a wider one. */
export const expansion: Topic = { takes: ["r", "m", "inputs", "outputs"], run };

const widthRange = { least: 1, most: 1_000_000, whole: true } as const;
const lengthRange = { least: 1, most: 1_000_000, whole: true } as const;

function run(call: Call): Outcome {
  const layers = layersOf(call);
  checkDuration(
    layers.reduce((sum, layer) => sum + secondsFor(layer), 0),
    "lower --m",
  );
  const start = performance.now();
  const found = layeredExpansion(layers);
  const seconds = (performance.now() - start) / 1000;
  const vectors = {
    inputs: numberOf(call, "inputs", lengthRange, 1),
    outputs: numberOf(call, "outputs", lengthRange, 1),
  };
  const dimensions = layers.length === 1 ? dimensionsOf(layers[0] as ExpandedLayer, vectors) : null;
  return {
    json: {
      layers,
      T: String(found.expansion),
      G: String(found.critical),
      log10T: log10(found.expansion),
      log10G: log10(found.critical),
      isLowerBound: layers.length > 1,
      connected: found.isConnected,
      dimensions,
      seconds,
    },
    text: describe(layers, found, dimensions),
  };
}

/** Pairs the widths of --r and --m. */
function layersOf(call: Call): readonly ExpandedLayer[] {
  const minimal = requiredNumbers(call, "r", widthRange, "give the width of the minimal network, such as 4");
  const widths = requiredNumbers(call, "m", widthRange, "give the width of the expanded network, such as 6");
  check(minimal.length > 0 && minimal.length === widths.length, () => ({
    code: "bad-option",
    where: "--m",
    message: `expected as many widths as --r has, ${minimal.length}, got ${widths.length}`,
  }));
  return minimal.map((each, i) => layerOf(each, widths[i] as number));
}

function layerOf(minimal: number, width: number): ExpandedLayer {
  check(minimal <= width, () => ({
    code: "bad-option",
    where: "--m",
    message: `expected at least --r ${minimal}, got ${width}`,
    remedy: "a network cannot be expanded to fewer units than it has",
  }));
  check(log10OfFactorial(width) <= mostDigits, () => ({
    code: "too-large",
    where: "--m",
    message: `expected a count of at most ${mostDigits} digits, got more`,
    remedy: "lower --m",
  }));
  return { minimal, width };
}

/** Measured: (m^2 - r^2) / 2 steps of 60 ns and 3.4 ns for each word of 64 bits. */
function secondsFor({ minimal, width }: ExpandedLayer): number {
  const extra = width - minimal;
  const words = (extra * Math.log2(width + 1)) / 128;
  return (extra + 1) * ((width + minimal) / 2) * (60 + 3.4 * words) * 1e-9;
}

interface Dimensions {
  readonly inputs: number;
  readonly outputs: number;
  readonly smallest: number;
  readonly largest: number;
}

/** Between no zero-type group and as many as there are extra units, the dimension changes by the same step. */
function dimensionsOf(
  layer: ExpandedLayer,
  vectors: { readonly inputs: number; readonly outputs: number },
): Dimensions {
  const ends = [0, layer.width - layer.minimal].map((zeroGroups) =>
    subspaceDimension({ ...layer, ...vectors, zeroGroups }),
  );
  return { ...vectors, smallest: Math.min(...ends), largest: Math.max(...ends) };
}

function describe(layers: readonly ExpandedLayer[], found: LayeredExpansion, dimensions: Dimensions | null): string[] {
  const names = layers.map(({ minimal, width }) => `${minimal} to ${width}`);
  const bound = layers.length > 1 ? "at least " : "";
  return [
    `A minimal network expanded from ${names.join(", ")} hidden units`,
    "",
    ...facts([
      ["T", `${bound}${formatInteger(found.expansion)} subspaces of networks with the same function`],
      ["G", `${bound}${formatInteger(found.critical)} subspaces of saddles from one saddle of the minimal width`],
      ["manifold", found.isConnected ? "connected" : "not connected: without extra units its copies lie apart"],
      ...(dimensions ? [["dimension", describeDimensions(dimensions)] as const] : []),
    ]),
  ];
}

function describeDimensions({ inputs, outputs, smallest, largest }: Dimensions): string {
  const range = smallest === largest ? String(smallest) : `${smallest} to ${largest}`;
  return `${range} with incoming vectors of ${inputs} and outgoing ones of ${outputs}`;
}
