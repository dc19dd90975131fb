import type { EpochRecord, TrainingState } from "./state.ts";

/** The part of a state that says how training went, in the form in which it grows. */
export interface Totals {
  /** Shared by all totals of a run, and only ever added to. */
  readonly records: EpochRecord[];
  /** How many of the records these totals have. */
  readonly epochs: number;
  readonly lossSums: readonly number[];
  readonly errorSums: readonly number[];
}

type Recorded = Pick<TrainingState, "history" | "lossSums" | "errorSums">;

/** The totals that a state begins with. */
export function totalsOf({ history, lossSums, errorSums }: Recorded): Totals {
  return { records: [...history], epochs: history.length, lossSums, errorSums };
}

/** Totals as a state holds them. */
export function recorded({ records, epochs, lossSums, errorSums }: Totals): Recorded {
  return { history: records.slice(0, epochs), lossSums, errorSums };
}

/** The record of the last epoch that has ended. */
export function lastRecord({ records, epochs }: Totals): EpochRecord | undefined {
  return records[epochs - 1];
}

/** Adds the losses and errors of every member on one batch. */
export function addStep(totals: Totals, losses: ArrayLike<number>, errors: ArrayLike<number> | null): Totals {
  const plus = (sums: readonly number[], values: ArrayLike<number>) =>
    sums.map((sum, m) => sum + (values[m] as number));
  const errorSums = errors ? plus(totals.errorSums, errors) : totals.errorSums;
  return { ...totals, lossSums: plus(totals.lossSums, losses), errorSums };
}

/** Turns the sums of an epoch into its record, and starts the next one. */
export function endEpoch(
  { records, epochs, lossSums, errorSums }: Totals,
  options: { readonly learningRate: number; readonly stepsPerEpoch: number; readonly hasError: boolean },
): Totals {
  const { learningRate, stepsPerEpoch, hasError } = options;
  const means = (sums: readonly number[]) => sums.map((sum) => sum / stepsPerEpoch);
  const error = hasError ? means(errorSums) : null;
  records.push({ epoch: epochs + 1, learningRate, loss: means(lossSums), error });
  const none = lossSums.map(() => 0);
  return { records, epochs: epochs + 1, lossSums: none, errorSums: none };
}
