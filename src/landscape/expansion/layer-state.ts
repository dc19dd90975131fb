import type { Parameters } from "../../nets/index.ts";
import type { HiddenLayer } from "./hidden-layers.ts";
import type { Likeness, Thresholds } from "./kinship.ts";
import type { UnitFunction } from "./unit-function.ts";

/** What became of the units of one layer; units are named by their numbers in the network that was given. */
export interface LayerReduction {
  /** For each unit that is left, the units that it stands for. */
  readonly copies: readonly (readonly number[])[];
  /** Sets of equal units whose outgoing weights cancel each other. */
  readonly zeroGroups: readonly (readonly number[])[];
  /** Units without incoming weights, which went into the biases of the next layer. */
  readonly constants: readonly number[];
  /**
   * Pairs of units that differ by the sign of their incoming weights and could be merged but for a linear function that
   * would remain; of those that are left, numbered as in `copies`.
   */
  readonly opposite: readonly (readonly [number, number])[];
  /** The largest difference of units that were merged. */
  readonly worst: Likeness;
  /** The longest sum of outgoing weights that was dropped. */
  readonly dropped: number;
}

/** A layer while it is being reduced, with the parameters of the whole network. */
export interface LayerState {
  readonly layer: HiddenLayer;
  readonly f: UnitFunction | null;
  readonly parameters: Parameters;
  readonly thresholds: Required<Thresholds>;
  readonly found: LayerReduction;
}
