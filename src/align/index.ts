export {
  type ActivationMatchOptions,
  type ActivationMeasure,
  type Batches,
  matchActivations,
} from "./activations/index.ts";
export { type Assignment, type AssignmentOptions, type AssignmentSize, solveAssignment } from "./assignment/index.ts";
export { type DiagnoseOptions, type Diagnosis, diagnose, type Verdict } from "./diagnose.ts";
export {
  type Learned,
  type LearnedMatch,
  type LearnedMatchOptions,
  type LearnedMatchProgress,
  matchSinkhorn,
  matchStraightThrough,
  type SinkhornData,
  type SinkhornMatchOptions,
  type StraightThroughOptions,
} from "./learned/index.ts";
export {
  type CycleConsistentMerge,
  type CycleConsistentOptions,
  type FrankWolfeStep,
  type ManyMerge,
  type ManyOptions,
  type ManyProgress,
  matchCycleConsistently,
  mergeMany,
  type PairMatch,
  type StartOutcome,
} from "./many/index.ts";
export {
  type Chance,
  type ClassMatch,
  type LayerCosines,
  layerCosines,
  type Match,
  type StartName,
  unitCosines,
  type WeightCosines,
} from "./matching/index.ts";
export { average, type Merge, mergeAligned, type RepairOptions, repair, taskArithmetic } from "./merging/index.ts";
export {
  matchWithRotations,
  type RotatedMatch,
  type Rotation,
  type RotationOptions,
  rotate,
} from "./rotations/index.ts";
export {
  type ExhaustiveMatch,
  type ExhaustiveOptions,
  everyElement,
  exhaustiveMatch,
  type MatchOptions,
  type MatchProgress,
  type MatchState,
  matchGreedily,
  matchWeights,
  matchWithScales,
  restoreState,
  type StoredState,
  storeState,
} from "./weights/index.ts";
