import { type Dataset, splitSize } from "../data/index.ts";
import type { Engine, LoopProgram } from "../engine/index.ts";
import { check } from "../errors.ts";
import type { Network, Parameters } from "../nets/index.ts";
import type { RngKey, Tensor } from "../tensor/index.ts";
import { batchOrder } from "./batch-order.ts";
import { type Divergence, DivergenceError } from "./divergence.ts";
import { checkFit, checkSplit } from "./fit.ts";
import { unstackMembers } from "./members.ts";
import { addStep, endEpoch, lastRecord, recorded, totalsOf } from "./meter.ts";
import { checkOptimizer, type Optimizer } from "./optimizers.ts";
import { nextPace } from "./pace.ts";
import { prepareDataset } from "./prepare.ts";
import { checkSchedule, learningRateAt, type Schedule } from "./schedules.ts";
import { checkState, copyTensors, type EpochRecord, initialState, type TrainingState } from "./state.ts";
import { trainingStep } from "./step.ts";
import { steppedInputs, stepRunner } from "./step-runner.ts";

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
  readonly stopAt?: { readonly error?: number; readonly loss?: number };
  readonly resumeFrom?: TrainingState;
  /** Steps taken between two reports; by default as many as take some tens of milliseconds. The result is the same. */
  readonly stepsPerRun?: number;
  readonly signal?: AbortSignal;
}

/** What is known after some steps. */
export interface Progress {
  /** Steps done, of all that are planned. */
  readonly step: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Losses of the members on their batches, before the last step. */
  readonly losses: readonly number[];
  /** What the last epoch came to, where one has ended since the last report. */
  readonly epoch: EpochRecord | null;
  /** A copy of the state, to be stored and resumed from; not to be had once the next steps are asked for. */
  snapshot(): TrainingState;
}

/**
 * Trains one network per key by one graph that holds a step of them all. Yields after every few steps and returns the
 * final state. The same keys and options give the same bytes, also through an interruption and `resumeFrom`.
 */
export async function* train(
  network: Network,
  dataset: Dataset,
  options: TrainOptions,
): AsyncGenerator<Progress, TrainingState> {
  checkOptions(network, dataset, options);
  const { engine, keys, optimizer, dtype = "float32", resumeFrom } = options;
  const initial = initialState(network, optimizer, keys, dtype);
  if (resumeFrom) checkState(resumeFrom, initial);
  const batchSize = Math.min(options.batchSize, splitSize(dataset.train));
  const prepared = await prepareDataset(dataset, dtype, engine);
  const graph = trainingStep(network, prepared, { optimizer, batchSize, dtype, members: keys.length });
  const program = await engine.compileLoop(graph, steppedInputs);
  try {
    return yield* runSteps(network, program, prepared, { ...options, batchSize, dtype }, resumeFrom ?? initial);
  } finally {
    await program[Symbol.asyncDispose]();
  }
}

/** The parameters of each member of a state. */
export function memberParameters(network: Network, state: TrainingState): readonly Parameters[] {
  const parameters = Object.fromEntries(network.parameters.map(({ name }) => [name, state.tensors[name] as Tensor]));
  return unstackMembers(parameters, state.members);
}

type RunOptions = TrainOptions & Required<Pick<TrainOptions, "dtype">>;

async function* runSteps(
  network: Network,
  program: LoopProgram,
  dataset: Dataset,
  options: RunOptions,
  start: TrainingState,
): AsyncGenerator<Progress, TrainingState> {
  const { keys, epochs, optimizer, schedule = { kind: "constant" }, signal, stopAt } = options;
  const order = batchOrder(keys, splitSize(dataset.train), options.batchSize);
  const { stepsPerEpoch } = order;
  const steps = epochs * stepsPerEpoch;
  const rateAt = (step: number) => learningRateAt(schedule, optimizer.learningRate, step, steps);
  const runner = stepRunner(program, start.tensors, { ...options, dataset, order, members: keys.length, rateAt });
  let { step } = start;
  let totals = totalsOf(start);
  let pace = options.stepsPerRun ?? 1;
  let good = { tensors: runner.current(), step, totals };
  const captured = (state: typeof good): TrainingState => ({
    tensors: copyTensors(state.tensors),
    members: keys.length,
    step: state.step,
    ...recorded(state.totals),
  });
  const requireFinite = (what: Divergence["what"], values: readonly number[]) => {
    const member = values.findIndex((value) => !Number.isFinite(value));
    if (member < 0) return;
    const divergence = { what, member, value: values[member] as number, step, learningRate: rateAt(step - 1) };
    throw new DivergenceError(divergence, captured(good));
  };
  const isEnd = () => step % stepsPerEpoch === 0;

  while (step < steps && !(isEnd() && isReached(stopAt, lastRecord(totals)))) {
    signal?.throwIfAborted();
    const before = { tensors: runner.current(), step, totals };
    const count = Math.min(pace, steps - step, canStop(stopAt) ? stepsPerEpoch - (step % stepsPerEpoch) : steps);
    const begun = performance.now();
    const { losses, errors } = await runner.run(step, count);
    if (options.stepsPerRun === undefined && count === pace) pace = nextPace(pace, performance.now() - begun);
    for (const [k, row] of losses.entries()) {
      step++;
      requireFinite("loss", row);
      good = before;
      totals = addStep(totals, row, errors?.[k] ?? null);
      const epoch = { learningRate: rateAt(step - 1), hasError: errors !== null, stepsPerEpoch };
      if (isEnd()) totals = endEpoch(totals, epoch);
    }
    const after = { tensors: runner.current(), step, totals };
    yield {
      step,
      steps,
      learningRate: rateAt(step - 1),
      losses: losses.at(-1) as readonly number[],
      epoch: totals.epochs > before.totals.epochs ? (lastRecord(totals) ?? null) : null,
      snapshot: () => snapshotOf(after),
    };
  }
  const final = captured({ tensors: runner.current(), step, totals });
  requireFinite("weight", memberParameters(network, final).map(wildestWeight));
  return final;

  function snapshotOf(state: typeof good): TrainingState {
    check(state.step === step, () => ({
      code: "late-snapshot",
      where: "train",
      message: `expected a snapshot of step ${step}, the last one, got a request for step ${state.step}`,
      remedy: "take the snapshot before asking for the next step",
    }));
    return captured(state);
  }
}

/** A weight that is infinite or not a number, or 0 where there is none. */
function wildestWeight(parameters: Parameters): number {
  const arrays = Object.values(parameters).map(({ data }) => data as Float64Array);
  return arrays.map((data) => data.find((x) => !Number.isFinite(x))).find((x) => x !== undefined) ?? 0;
}

function canStop(stopAt: TrainOptions["stopAt"]): stopAt is NonNullable<TrainOptions["stopAt"]> {
  return stopAt?.error !== undefined || stopAt?.loss !== undefined;
}

function isReached(stopAt: TrainOptions["stopAt"], record: EpochRecord | undefined): boolean {
  if (!record || !canStop(stopAt)) return false;
  const { loss, error } = record;
  const within = (values: readonly number[] | null, bound: number | undefined) =>
    bound === undefined || (values?.every((value) => value <= bound) ?? true);
  return within(loss, stopAt.loss) && within(error, stopAt.error);
}

function checkOptions(network: Network, dataset: Dataset, options: TrainOptions): void {
  checkOptimizer(options.optimizer);
  checkSchedule(options.schedule ?? { kind: "constant" });
  const { epochs, batchSize, keys, stepsPerRun = 1 } = options;
  const counts = { epochs, "batch size": batchSize, "number of networks": keys.length, "steps per run": stepsPerRun };
  for (const [name, value] of Object.entries(counts)) {
    check(Number.isInteger(value) && value >= 1, () => ({
      code: "bad-option",
      where: name,
      message: `expected a whole number of at least 1, got ${value}`,
    }));
  }
  checkFit(network, dataset);
  checkSplit("train", dataset, dataset.train);
  check(options.stopAt?.error === undefined || dataset.task === "classification", () => ({
    code: "bad-option",
    where: "stopAt",
    message: `expected a loss, got an error, which a regression such as ${dataset.name} does not have`,
    remedy: "stop at a loss",
  }));
}
