export { type BarrierDefinition, barrier, type Measure } from "./barrier.ts";
export {
  type Classification,
  type Composition,
  classifyUnits,
  compositionOf,
  compositions,
  compositionText,
  connect,
  defaultThresholds,
  evenComposition,
  expand,
  type HiddenLayer,
  hiddenLayer,
  hiddenLayers,
  inTypesOf,
  isHiddenLayer,
  type LayerExpansion,
  type LayerReduction,
  type Likeness,
  type OtherUnits,
  type Parity,
  type PlateauPath,
  type PlateauSegment,
  type PlateauWalk,
  parseComposition,
  pathDeviations,
  plateauWalk,
  type Reduction,
  reduce,
  reductionError,
  resizedNetwork,
  rolesOf,
  type Thresholds,
  type UnitClass,
  type UnitFunction,
  unitFunction,
} from "./expansion/index.ts";
export { withHeadOnSphere } from "./head.ts";
export { type Distances, distances, geodesicPath, linearPath, type Path } from "./path.ts";
export { type ProfileOptions, profile } from "./profile.ts";
export {
  type Measurer,
  type Profile,
  type ProfilePoint,
  type Refinement,
  type SamplingOptions,
  sampleCurve,
} from "./sampling.ts";
export { onSpheres, type Spheres, spheresOf } from "./spheres.ts";
export { type BatchStatistics, batchStatistics } from "./statistics.ts";
