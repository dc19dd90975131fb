import { InputError } from "../errors.ts";
import type { TrainingState } from "./state.ts";

/** What became infinite or not a number, and when. */
export interface Divergence {
  readonly what: "loss" | "weight";
  readonly member: number;
  readonly value: number;
  /** Counted from 1. */
  readonly step: number;
  readonly learningRate: number;
}

/** Training met a loss, or ended with a weight, that is not a finite number. */
export class DivergenceError extends InputError {
  /** The last state whose loss was finite. */
  readonly lastGood: TrainingState;

  constructor({ what, member, value, step, learningRate }: Divergence, lastGood: TrainingState) {
    const rate = Number(learningRate.toPrecision(3));
    super({
      code: "diverged",
      where: "train",
      message: `expected a finite ${what}, got ${value} for network ${member + 1} at step ${step} with learning rate ${rate}`,
      remedy: "lower the learning rate or add warm-up steps",
    });
    this.lastGood = lastGood;
  }
}
