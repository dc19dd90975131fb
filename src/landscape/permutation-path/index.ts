export type { BranchChange } from "./approach.ts";
export type { FirstOrderOptions } from "./first-order.ts";
export type { PathStart, PermutationPathPoint } from "./half-path.ts";
export type { PathMethod, PermutationPathOptions } from "./path-options.ts";
export {
  type ComputedPoint,
  type FailedPath,
  type PermutationPath,
  type PermutationPoint,
  permutationPath,
  permutationPaths,
  withUnitsExchanged,
} from "./permutation-path.ts";
