export type { Batches } from "./activation-moments.ts";
export { type Assignment, type AssignmentOptions, type AssignmentSize, solveAssignment } from "./assignment.ts";
export { type Diagnosis, diagnose, type Verdict } from "./diagnose.ts";
export { type ExhaustiveMatch, type ExhaustiveOptions, everyElement, exhaustiveMatch } from "./exhaustive.ts";
export type { FrankWolfeStep } from "./frank-wolfe.ts";
export { type Chance, type LayerCosines, layerCosines, type WeightCosines } from "./layer-cosines.ts";
export type { Learned, LearnedMatch, LearnedMatchOptions, LearnedMatchProgress } from "./learned-match.ts";
export type { ClassMatch, Match, StartName } from "./match.ts";
export { type ActivationMatchOptions, type ActivationMeasure, matchActivations } from "./match-activations.ts";
export {
  type CycleConsistentMerge,
  type CycleConsistentOptions,
  matchCycleConsistently,
} from "./match-cycle-consistently.ts";
export { matchGreedily } from "./match-greedily.ts";
export type { ManyMerge, ManyOptions, ManyProgress, PairMatch, StartOutcome } from "./match-many.ts";
export { matchWithRotations, type RotatedMatch, type RotationOptions } from "./match-rotations.ts";
export { matchSinkhorn, type SinkhornData, type SinkhornMatchOptions } from "./match-sinkhorn.ts";
export { type MatchState, restoreState, type StoredState, storeState } from "./match-state.ts";
export { matchStraightThrough, type StraightThroughOptions } from "./match-straight-through.ts";
export { type MatchOptions, type MatchProgress, matchWeights } from "./match-weights.ts";
export { average, type Merge, mergeAligned, taskArithmetic } from "./merge.ts";
export { mergeMany } from "./merge-many.ts";
export { type RepairOptions, repair } from "./repair.ts";
export { type Rotation, rotate } from "./rotate.ts";
export { unitCosines } from "./unit-cosines.ts";
