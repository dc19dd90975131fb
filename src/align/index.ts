export type { Batches } from "./activation-moments.ts";
export { type Assignment, type AssignmentOptions, type AssignmentSize, solveAssignment } from "./assignment.ts";
export { type Diagnosis, diagnose, type Verdict } from "./diagnose.ts";
export type { ClassMatch, Match, StartName } from "./match.ts";
export { type ActivationMatchOptions, type ActivationMeasure, matchActivations } from "./match-activations.ts";
export { matchGreedily } from "./match-greedily.ts";
export { type MatchOptions, type MatchProgress, matchWeights } from "./match-weights.ts";
export { average, type Merge, mergeAligned, taskArithmetic } from "./merge.ts";
export { type RepairOptions, repair } from "./repair.ts";
