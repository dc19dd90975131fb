export { batchOrder } from "./batch-order.ts";
export { DivergenceError } from "./divergence.ts";
export { type EvaluateOptions, type Evaluation, evaluate } from "./evaluate.ts";
export { checkFit, checkSplit, outputsFor } from "./fit.ts";
export { stackMembers, unstackMembers } from "./members.ts";
export type { Optimizer } from "./optimizers.ts";
export type { TrainOptions } from "./options.ts";
export { batchInputs, batchTargets, lossOf, sampleInputs, splitFeeds } from "./samples.ts";
export { learningRateAt, type Schedule } from "./schedules.ts";
export {
  type Chart,
  type CriticalPoint,
  type Curvature,
  type CurvatureOptions,
  cholesky,
  choleskySolve,
  curvatureOf,
  type Eigen,
  type Flow,
  type FlowOptions,
  type FlowSample,
  flatten,
  gradientFlow,
  type HeldPair,
  hasSettled,
  heldPairChart,
  heldPairCoordinates,
  type Index,
  inChart,
  indexOf,
  type LayoutEntry,
  type LocalCurvature,
  layoutOf,
  type Method,
  type MinimizeOptions,
  minimize,
  type Objective,
  type ParameterLayout,
  polish,
  type SearchOptions,
  type Slope,
  type Stop,
  subspaceChart,
  symmetricEigen,
  symmetricEigenvalues,
  unflatten,
} from "./second-order/index.ts";
export { type EpochRecord, initialState, type TrainingState } from "./state.ts";
export { encodeState, type RunSettings, readState } from "./state-file.ts";
export { type StepOptions, trainingStep } from "./step.ts";
export type { StopAt } from "./stop.ts";
export { type Calibration, type CalibrationOptions, calibrate } from "./temperature.ts";
export { memberParameters, type Progress, train } from "./train.ts";
