import type { TrainingState } from "./state.ts";

/** The part of a state that says how training went. */
export type Totals = Pick<TrainingState, "history" | "lossSums" | "errorSums">;

export function totalsOf({ history, lossSums, errorSums }: Totals): Totals {
  return { history, lossSums, errorSums };
}

/** Adds the losses and errors of every member on one batch. */
export function addStep(
  { history, lossSums, errorSums }: Totals,
  losses: ArrayLike<number>,
  errors: ArrayLike<number> | null,
): Totals {
  const plus = (sums: readonly number[], values: ArrayLike<number>) =>
    sums.map((sum, m) => sum + (values[m] as number));
  return { history, lossSums: plus(lossSums, losses), errorSums: errors ? plus(errorSums, errors) : errorSums };
}

/** Turns the sums of an epoch into its record, and starts the next one. */
export function endEpoch(
  { history, lossSums, errorSums }: Totals,
  options: { readonly learningRate: number; readonly stepsPerEpoch: number; readonly hasError: boolean },
): Totals {
  const { learningRate, stepsPerEpoch, hasError } = options;
  const means = (sums: readonly number[]) => sums.map((sum) => sum / stepsPerEpoch);
  const record = {
    epoch: history.length + 1,
    learningRate,
    loss: means(lossSums),
    error: hasError ? means(errorSums) : null,
  };
  const none = lossSums.map(() => 0);
  return { history: [...history, record], lossSums: none, errorSums: none };
}
