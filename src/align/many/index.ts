export type { FrankWolfeStep } from "./frank-wolfe.ts";
export {
  type CycleConsistentMerge,
  type CycleConsistentOptions,
  matchCycleConsistently,
} from "./match-cycle-consistently.ts";
export type { ManyMerge, ManyOptions, ManyProgress, PairMatch, StartOutcome } from "./match-many.ts";
export { mergeMany } from "./merge-many.ts";
