import type { Engine } from "../engine/index.ts";
import type { RngKey } from "../tensor/index.ts";
import type { Optimizer } from "./optimizers.ts";
import type { Schedule } from "./schedules.ts";
import type { TrainingState } from "./state.ts";
import type { StopAt } from "./stop.ts";

/** How to train. */
export interface TrainOptions {
  readonly engine: Engine;
  /** One per network: all are trained together, each with its own initial weights and its own batches. */
  readonly keys: readonly RngKey[];
  readonly optimizer: Optimizer;
  readonly epochs: number;
  /** At most the size of the train split, which is also what a larger number means. */
  readonly batchSize: number;
  readonly schedule?: Schedule;
  readonly dtype?: "float32" | "float64";
  /** Ends the run after an epoch in which the training error (or loss) of every member is at most this. */
  readonly stopAt?: StopAt;
  readonly resumeFrom?: TrainingState;
  /** Steps taken between two reports; by default as many as take some tens of milliseconds. The result is the same. */
  readonly stepsPerRun?: number;
  readonly signal?: AbortSignal;
}
