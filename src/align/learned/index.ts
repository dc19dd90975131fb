export type { Learned, LearnedMatch, LearnedMatchOptions, LearnedMatchProgress } from "./learned-match.ts";
export { matchSinkhorn, type SinkhornData, type SinkhornMatchOptions } from "./match-sinkhorn.ts";
export { matchStraightThrough, type StraightThroughOptions } from "./match-straight-through.ts";
