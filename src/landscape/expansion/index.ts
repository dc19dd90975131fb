export { type Classification, classifyUnits, type UnitClass } from "./classify.ts";
export {
  type Composition,
  compositionOf,
  compositions,
  compositionText,
  evenComposition,
  parseComposition,
  rolesOf,
} from "./compositions.ts";
export { connect } from "./connect.ts";
export { expand, type LayerExpansion } from "./expand.ts";
export {
  checkPair,
  type HiddenLayer,
  hiddenLayer,
  hiddenLayers,
  isHiddenLayer,
  type OtherUnits,
} from "./hidden-layers.ts";
export { defaultThresholds, type Likeness, type Thresholds } from "./kinship.ts";
export type { LayerReduction } from "./layer-state.ts";
export { type PlateauPath, type PlateauSegment, pathDeviations } from "./layer-walk.ts";
export { type PlateauWalk, plateauWalk } from "./plateau-walk.ts";
export { type Reduction, reduce, reductionError } from "./reduce.ts";
export { resizedNetwork } from "./resized-network.ts";
export { type Parity, type UnitFunction, unitFunction } from "./unit-function.ts";
export { inFloat64, inTypesOf, type Rows, resizedShape, rowsAt, unitsInTheMiddle, withRows } from "./unit-rows.ts";
