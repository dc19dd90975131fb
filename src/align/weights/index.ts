export { type ExhaustiveMatch, type ExhaustiveOptions, everyElement, exhaustiveMatch } from "./exhaustive.ts";
export { fingerprintStart } from "./fingerprint-start.ts";
export { blockFactors, freeFactors } from "./free-factors.ts";
export { gapsAt } from "./gaps.ts";
export { matchGreedily } from "./match-greedily.ts";
export { type MatchState, restoreState, type StoredState, storeState } from "./match-state.ts";
export {
  descend,
  type MatchOptions,
  type MatchProgress,
  matchWeights,
  startOf,
} from "./match-weights.ts";
export { matchWithScales } from "./match-with-scales.ts";
