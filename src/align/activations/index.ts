export type { Batches } from "./activation-moments.ts";
export { type ActivationMatchOptions, type ActivationMeasure, matchActivations } from "./match-activations.ts";
