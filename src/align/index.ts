export { type Assignment, type AssignmentOptions, type AssignmentSize, solveAssignment } from "./assignment.ts";
export { type Diagnosis, diagnose, type Verdict } from "./diagnose.ts";
export type { ClassMatch, Match, StartName } from "./match.ts";
export { matchGreedily } from "./match-greedily.ts";
export { type MatchOptions, type MatchProgress, matchWeights } from "./match-weights.ts";
