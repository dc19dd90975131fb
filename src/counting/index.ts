export {
  criticalCount,
  crossing,
  type ExpandedLayer,
  expansionCount,
  expansionCounts,
  type LayeredExpansion,
  layeredExpansion,
  type RatioPoint,
  ratioCurve,
  type SubspaceShape,
  subspaceDimension,
  subspacesByZeroGroups,
} from "./expansion.ts";
export { binomial, factorial, log10OfBinomial, log10OfFactorial } from "./factorial.ts";
export { digitsOf, log10, quotient } from "./logarithm.ts";
export {
  type OrbitSize,
  orbitSize,
  orbitValue,
  type PermutationFactor,
  type UnitLayer,
  type UnitSymmetry,
  unitSymmetries,
} from "./minima.ts";
export {
  type Fraction,
  log10OfPermutationPoints,
  permutationPointCount,
  permutationPointRatio,
  permutationPointRatioWithinLayers,
  surjectionPointCount,
} from "./permutation-points.ts";
export { bellNumbers, stirlingColumn, stirlingRow, surjectionCount } from "./stirling.ts";
export {
  type ConnectivityGraph,
  connectivityGraph,
  expansionSubspaces,
  intersect,
  type Roles,
  rolesLabel,
  zeroGroupCount,
} from "./subspaces.ts";
