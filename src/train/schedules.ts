import { check } from "../errors.ts";

/** How the learning rate changes over a run; plain JSON. */
export interface Schedule {
  readonly kind: "constant" | "cosine" | "step";
  /** Steps over which the rate first grows linearly from 0. */
  readonly warmupSteps?: number;
  /** For `step`: the fractions of the run at which the rate is multiplied by `factor`. */
  readonly milestones?: readonly number[];
  readonly factor?: number;
}

/** The learning rate of a step (counted from 0) of a run of `steps`. */
export function learningRateAt(schedule: Schedule, base: number, step: number, steps: number): number {
  const { warmupSteps = 0 } = schedule;
  if (step < warmupSteps) return (base * (step + 1)) / warmupSteps;
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  return base * factorAt(schedule, progress);
}

function factorAt({ kind, milestones = [0.5, 0.75], factor = 0.1 }: Schedule, progress: number): number {
  switch (kind) {
    case "constant":
      return 1;
    case "cosine":
      return (1 + Math.cos(Math.PI * progress)) / 2;
    case "step":
      return factor ** milestones.filter((milestone) => progress >= milestone).length;
  }
}

/** Throws an InputError unless the schedule makes sense. */
export function checkSchedule({ warmupSteps = 0, milestones = [] }: Schedule): void {
  check(Number.isInteger(warmupSteps) && warmupSteps >= 0, () => ({
    code: "bad-option",
    where: "schedule",
    message: `expected a whole number of warm-up steps, got ${warmupSteps}`,
  }));
  check(
    milestones.every((milestone) => milestone > 0 && milestone < 1),
    () => ({
      code: "bad-option",
      where: "schedule",
      message: `expected milestones between 0 and 1, as fractions of the run, got ${milestones.join(", ")}`,
    }),
  );
}
