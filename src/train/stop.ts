import type { EpochRecord } from "./state.ts";

/** Bounds on the training error and loss of every member. */
export interface StopAt {
  readonly error?: number;
  readonly loss?: number;
}

/** Whether there is a bound at all. */
export function canStop(stopAt: StopAt | undefined): stopAt is StopAt {
  return stopAt?.error !== undefined || stopAt?.loss !== undefined;
}

/** Whether an epoch came to at most the bounds. */
export function isReached(stopAt: StopAt | undefined, record: EpochRecord | undefined): boolean {
  if (!record || !canStop(stopAt)) return false;
  const { loss, error } = record;
  const within = (values: readonly number[] | null, bound: number | undefined) =>
    bound === undefined || (values?.every((value) => value <= bound) ?? true);
  return within(loss, stopAt.loss) && within(error, stopAt.error);
}
