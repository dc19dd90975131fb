import { InputError } from "../errors.ts";
import type { TrainingState } from "./state.ts";

/** Training met a loss that is not a finite number. */
export class DivergenceError extends InputError {
  /** The last state whose loss was finite. */
  readonly lastGood: TrainingState;

  constructor(
    { member, loss, step, learningRate }: { member: number; loss: number; step: number; learningRate: number },
    lastGood: TrainingState,
  ) {
    super({
      code: "diverged",
      where: "train",
      message: `expected a finite loss, got ${loss} for network ${member + 1} at step ${step + 1} with learning rate ${learningRate}`,
      remedy: "lower the learning rate or add warm-up steps",
    });
    this.lastGood = lastGood;
  }
}
