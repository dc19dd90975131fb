import type { Shape } from "../tensor/index.ts";

/**
 * The symmetry group of a network, as it acts on its parameters. A factor is one set of units that are interchangeable;
 * its generators scale or flip them one by one.
 */
export interface SymmetryGroup {
  readonly factors: readonly Factor[];
  readonly generators: readonly Generator[];
  /** How each parameter is indexed, by name. */
  readonly layouts: Readonly<Record<string, Layout>>;
  /** Axes of parameters whose order matters, with the reason. */
  readonly pinned: readonly PinnedAxis[];
  /** Operators of which nothing is known; they fix the order of all they touch. */
  readonly unknownOperators: readonly string[];
}

/** What acts on the units of one copy beyond permutations, scales and signs of single units. */
export type MatrixGroup =
  /** Any invertible matrix, with its inverse transpose where the units are read. */
  | "general-linear"
  /** Any rotation or reflection, once the gains of the norms that read the units are absorbed by what follows them. */
  | "orthogonal"
  /** The same, among those that keep the mean of the units. */
  | "orthogonal-mean"
  /** A complex factor for each plane that rotary position embedding turns. */
  | "rotary";

/** A set of units that the network does not tell apart. */
export interface Factor {
  readonly name: string;
  /** Units in one copy. */
  readonly size: number;
  /** Copies that move independently: one for each index of `within`, of which the first varies slowest. */
  readonly copies: number;
  readonly within: readonly Outer[];
  /** Whether the units may be permuted; where not, they can only be scaled. */
  readonly permutes: boolean;
  readonly matrix: MatrixGroup | null;
  /** Norm gains that have to be absorbed before an orthogonal matrix acts, by parameter. */
  readonly gains: readonly string[];
  readonly sites: readonly Site[];
}

/** What the units of a factor are copied along. */
export interface Outer {
  readonly size: number;
  /** The factor that permutes the copies; null where they stay in place. */
  readonly factor: number | null;
  /** Which entries of the same list give the copy of that factor. */
  readonly within: readonly number[];
}

/** Where a factor's units lie: an axis of a parameter, or a part of one. */
export interface Site extends Place {
  readonly tensor: string;
}

/** Scales (positive numbers) or signs, one for each unit of a factor. */
export interface Generator {
  readonly kind: "scale" | "sign";
  readonly factor: number;
  /** The parameter after which it is named: the first that it scales. */
  readonly name: string;
}

/** How a parameter is indexed. */
export interface Layout {
  readonly shape: Shape;
  readonly axes: readonly Block[][];
  /** Added to the entries before they are scaled and taken away after: the epsilon beside a variance. */
  readonly offset: number;
}

/** A run of units along an axis, or a direct sum of products of such runs. */
export type Block = Run | { readonly sum: readonly (readonly Block[])[]; readonly size: number };

export interface Run {
  readonly size: number;
  readonly place: Place;
  /** The factor that permutes these units; null where their order is fixed. */
  readonly factor: number | null;
  /** Where the index of that factor's copy is found. */
  readonly within: readonly Place[];
  /** Generators that scale these entries, with the power of each. */
  readonly powers: readonly Power[];
}

/** A leaf of a parameter's axis; several make one index, the first varying slowest. */
export interface Place {
  readonly axis: number;
  readonly leaf: number;
  readonly size: number;
}

/** A generator that scales a run, the power of its factors, and where the index of their copy is found. */
export interface Power {
  readonly generator: number;
  readonly exponent: number;
  readonly within: readonly Place[];
}

export interface PinnedAxis {
  readonly tensor: string;
  readonly axis: number;
  readonly size: number;
  readonly why: string;
}
