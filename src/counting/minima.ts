import { check } from "../errors.ts";
import type { Activation } from "../nets/index.ts";
import { factorial, log10OfFactorial } from "./factorial.ts";
import { digitsOf } from "./logarithm.ts";
import { checkWhole } from "./whole.ts";

/** What an activation lets one do to a unit, besides giving it another number. */
export interface UnitSymmetry {
  /** The unit's weights have a twin of opposite sign. */
  readonly hasSign: boolean;
  /** Dimension of the continuous symmetries of a layer of `width` units. */
  readonly continuousDimension: (width: number) => number;
  /** In words, for a reader who wants to check it. */
  readonly why: string;
}

const none = () => 0;
const perUnit = (width: number) => width;

/** The symmetries of each activation. */
export const unitSymmetries: Readonly<Record<Activation, UnitSymmetry>> = {
  relu: {
    hasSign: false,
    continuousDimension: perUnit,
    why: "relu(c z) = c relu(z), c > 0: weights and bias in times c, weights out over c",
  },
  "leaky-relu": {
    hasSign: false,
    continuousDimension: perUnit,
    why: "f(c z) = c f(z), c > 0: weights and bias in times c, weights out over c",
  },
  tanh: { hasSign: true, continuousDimension: none, why: "tanh is odd: all signs of a unit may change" },
  sigmoid: {
    hasSign: true,
    continuousDimension: none,
    why: "sigmoid(-z) = 1 - sigmoid(z): signs may change if the next bias makes up for it",
  },
  softplus: { hasSign: false, continuousDimension: none, why: "softplus has no symmetry of its own" },
  gelu: { hasSign: false, continuousDimension: none, why: "gelu has no symmetry of its own" },
  silu: { hasSign: false, continuousDimension: none, why: "silu has no symmetry of its own" },
  erf: { hasSign: true, continuousDimension: none, why: "erf is odd: all signs of a unit may change" },
  sin: {
    hasSign: true,
    continuousDimension: none,
    why: "sin is odd: all signs may change; shifts of a bias by pi are not counted",
  },
  exp: {
    hasSign: false,
    continuousDimension: perUnit,
    why: "exp(z + c) = e^c exp(z): bias plus c, weights out over e^c",
  },
  identity: {
    hasSign: true,
    continuousDimension: (width) => width ** 2,
    why: "a linear layer has all of GL(n), of which signed permutations are counted",
  },
  sign: {
    hasSign: true,
    continuousDimension: perUnit,
    why: "sign is odd, and sign(c z) = sign(z), c > 0: weights and bias in times c",
  },
  g: { hasSign: false, continuousDimension: none, why: "g has no symmetry of its own" },
};

/** Hidden units that may change places with each other: a dense layer, the channels of a convolution or of a stream. */
export interface UnitLayer {
  readonly width: number;
  /** Sizes of its groups of identical units, which share incoming weights, bias and outgoing weights. */
  readonly identical?: readonly number[];
}

/** (width!)^multiplicity. */
export interface PermutationFactor {
  readonly width: number;
  readonly multiplicity: number;
  readonly log10: number;
}

/** How many networks compute one function. */
export interface OrbitSize {
  readonly log10: number;
  readonly digits: number;
  /** The share of permutations in `log10`, in the order in which the widths occur. */
  readonly factors: readonly PermutationFactor[];
  readonly log10Permutations: number;
  /** There are 2^signs choices of signs. */
  readonly signs: number;
  /** log10 of the permutations that change nothing, because they renumber identical units. */
  readonly log10Stabiliser: number;
  readonly continuousDimension: number;
  /** The sum of floor(log10 n!) over the layers, as some published tables print it; below the true value. */
  readonly truncatedLog10: number;
}

/**
 * The size of the orbit of a network under renumbering its hidden units and changing their signs: |G| / |Stab| with
 * |G| = prod n! and |Stab| = prod (group of identical units)! (Michelucci 2022, arXiv 2211.06603), from logarithms.
 */
export function orbitSize(layers: readonly UnitLayer[], activation: Activation): OrbitSize {
  checkLayers(layers);
  const { hasSign, continuousDimension } = unitSymmetries[activation];
  const factors = factorsOf(layers);
  const log10Permutations = sum(factors.map((factor) => factor.log10));
  const log10Stabiliser = sum(layers.flatMap(({ identical = [] }) => identical.map(log10OfFactorial)));
  const signs = hasSign ? sum(layers.map(({ width }) => width)) : 0;
  const log10 = log10Permutations + signs * Math.log10(2) - log10Stabiliser;
  return {
    log10,
    digits: digitsOf(log10, () => orbitValue(layers, activation)),
    factors,
    log10Permutations,
    signs,
    log10Stabiliser,
    continuousDimension: sum(layers.map(({ width }) => continuousDimension(width))),
    truncatedLog10: sum(layers.map(({ width }) => Math.floor(log10OfFactorial(width)))),
  };
}

/** The same size as an exact integer. */
export function orbitValue(layers: readonly UnitLayer[], activation: Activation): bigint {
  checkLayers(layers);
  const permutations = factorsOf(layers).map(({ width, multiplicity }) => factorial(width) ** BigInt(multiplicity));
  const stabiliser = product(layers.flatMap(({ identical = [] }) => identical.map(factorial)));
  const signs = unitSymmetries[activation].hasSign ? sum(layers.map(({ width }) => width)) : 0;
  return (product(permutations) / stabiliser) << BigInt(signs);
}

function factorsOf(layers: readonly UnitLayer[]): PermutationFactor[] {
  const widths = Map.groupBy(layers, ({ width }) => width);
  return [...widths].map(([width, { length }]) => ({
    width,
    multiplicity: length,
    log10: length * log10OfFactorial(width),
  }));
}

function checkLayers(layers: readonly UnitLayer[]): void {
  for (const { width, identical = [] } of layers) {
    checkWhole("width", width, 1);
    for (const size of identical) checkWhole("group of identical units", size, 1);
    check(sum(identical) <= width, () => ({
      code: "bad-count",
      where: "groups of identical units",
      message: `expected at most ${width} units in them, the width of the layer, got ${identical.join(" + ")}`,
    }));
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function product(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total * value, 1n);
}
