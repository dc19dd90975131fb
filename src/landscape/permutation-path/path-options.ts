import type { Engine } from "../../engine/index.ts";
import type { FirstOrderOptions } from "./first-order.ts";

/** How a path is found: along one branch of critical points, from minimum to minimum, or by training. */
export type PathMethod = "strict" | "greedy" | "first-order";

export interface PermutationPathOptions extends FirstOrderOptions {
  /** A hidden layer by name or by its place among the factors of the symmetry group. */
  readonly layer: string | number;
  /** Two units of the layer, counted from 0. */
  readonly units: readonly [number, number];
  readonly engine: Engine;
  /** Defaults to "strict". */
  readonly method?: PathMethod;
  /** Equal steps of the distance; the strict method takes at least so many. Defaults to 50, first-order to 20. */
  readonly steps?: number;
  /** Largest gradient norm at fixed distance; defaults to 1e-10, for first-order to 1e-3 or that of the given network. */
  readonly tolerance?: number;
  /** Adds the eigenvalues at fixed distance to each point. */
  readonly spectrum?: boolean;
  readonly signal?: AbortSignal;
}
