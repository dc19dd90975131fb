export { DivergenceError } from "./divergence.ts";
export { type EvaluateOptions, type Evaluation, evaluate } from "./evaluate.ts";
export { checkFit, outputsFor } from "./fit.ts";
export { stackMembers, unstackMembers } from "./members.ts";
export type { Optimizer } from "./optimizers.ts";
export { learningRateAt, type Schedule } from "./schedules.ts";
export { type EpochRecord, initialState, type TrainingState } from "./state.ts";
export { type StepOptions, trainingStep } from "./step.ts";
export { memberParameters, type Progress, type TrainOptions, train } from "./train.ts";
