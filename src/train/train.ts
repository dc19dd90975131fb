import { type Dataset, splitSize } from "../data/index.ts";
import type { LoopProgram, Tensors } from "../engine/index.ts";
import { check } from "../errors.ts";
import type { Network, Parameters } from "../nets/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { batchOrder } from "./batch-order.ts";
import { checkOptions } from "./check-options.ts";
import { type Divergence, DivergenceError } from "./divergence.ts";
import { unstackMembers } from "./members.ts";
import { addStep, endEpoch, lastRecord, recorded, type Totals, totalsOf } from "./meter.ts";
import type { TrainOptions } from "./options.ts";
import { nextPace } from "./pace.ts";
import { prepareDataset } from "./prepare.ts";
import { learningRateAt } from "./schedules.ts";
import { checkState, copyTensors, type EpochRecord, initialState, type TrainingState } from "./state.ts";
import { trainingStep } from "./step.ts";
import { batchIndices, type StepMetrics, steppedInputs, stepRunner } from "./step-runner.ts";
import { canStop, isReached, type StopAt } from "./stop.ts";

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
  const graph = trainingStep(network, prepared, { optimizer, batchSize, dtype });
  const own = [...Object.keys(initial.tensors), batchIndices];
  const members = keys.length > 1 ? { count: keys.length, own } : undefined;
  const program = await engine.compileLoop(graph, steppedInputs, members);
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

interface RunOptions extends TrainOptions {
  readonly dtype: "float32" | "float64";
}

/** Where a run stands. */
interface Position {
  readonly tensors: Tensors;
  readonly step: number;
  readonly totals: Totals;
}

/** What does not change during a run. */
interface RunPlan {
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly members: number;
  rateAt(step: number): number;
}

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
  const plan: RunPlan = { steps, stepsPerEpoch, members: keys.length, rateAt };
  const runner = stepRunner(program, start.tensors, { ...options, ...plan, dataset, order });
  let position: Position = { tensors: runner.current(), step: start.step, totals: totalsOf(start) };
  let good = position;
  let pace = options.stepsPerRun ?? 1;

  while (position.step < steps && !hasStopped(stopAt, position, stepsPerEpoch)) {
    signal?.throwIfAborted();
    const before = position;
    const { step } = before;
    const count = Math.min(pace, steps - step, canStop(stopAt) ? stepsPerEpoch - (step % stepsPerEpoch) : steps);
    const begun = performance.now();
    const metrics = await runner.run(step, count);
    if (options.stepsPerRun === undefined && count === pace) pace = nextPace(pace, performance.now() - begun);
    good = metrics.losses[0]?.every(Number.isFinite) ? before : good;
    for (const [k, row] of metrics.losses.entries()) requireFinite("loss", row, step + k + 1, plan, good);
    position = { tensors: runner.current(), step: step + count, totals: totalsAfter(before, metrics, plan) };
    yield progressOf(before, position, metrics, plan, () => position);
  }
  const final = capture(position, plan);
  const wildest = memberParameters(network, final).map(wildestWeight);
  requireFinite("weight", wildest, position.step, plan, good);
  return final;
}

function hasStopped(stopAt: StopAt | undefined, { step, totals }: Position, stepsPerEpoch: number): boolean {
  return step % stepsPerEpoch === 0 && isReached(stopAt, lastRecord(totals));
}

function totalsAfter({ step, totals }: Position, { losses, errors }: StepMetrics, plan: RunPlan): Totals {
  return losses.reduce((sums, row, k) => {
    const added = addStep(sums, row, errors?.[k] ?? null);
    const isEnd = (step + k + 1) % plan.stepsPerEpoch === 0;
    return isEnd ? endEpoch(added, { ...plan, learningRate: plan.rateAt(step + k), hasError: errors !== null }) : added;
  }, totals);
}

function progressOf(
  before: Position,
  after: Position,
  { losses }: StepMetrics,
  plan: RunPlan,
  current: () => Position,
): Progress {
  return {
    step: after.step,
    steps: plan.steps,
    learningRate: plan.rateAt(after.step - 1),
    losses: losses.at(-1) as readonly number[],
    epoch: after.totals.epochs > before.totals.epochs ? (lastRecord(after.totals) ?? null) : null,
    snapshot() {
      const { step } = current();
      check(after.step === step, () => ({
        code: "late-snapshot",
        where: "train",
        message: `expected a snapshot of step ${step}, the last one, got a request for step ${after.step}`,
        remedy: "take the snapshot before asking for the next step",
      }));
      return capture(after, plan);
    },
  };
}

/** A position in memory of its own. */
function capture({ tensors, step, totals }: Position, { members }: RunPlan): TrainingState {
  return { tensors: copyTensors(tensors), members, step, ...recorded(totals) };
}

/** Throws a DivergenceError with the last good state unless the values of all members after `step` are finite. */
function requireFinite(
  what: Divergence["what"],
  values: readonly number[],
  step: number,
  plan: RunPlan,
  good: Position,
): void {
  const member = values.findIndex((value) => !Number.isFinite(value));
  if (member < 0) return;
  const divergence = { what, member, value: values[member] as number, step, learningRate: plan.rateAt(step - 1) };
  throw new DivergenceError(divergence, capture(good, plan));
}

/** A weight that is infinite or not a number, or 0 where there is none. */
function wildestWeight(parameters: Parameters): number {
  const arrays = Object.values(parameters).map(({ data }) => data as Float64Array);
  return arrays.map((data) => data.find((x) => !Number.isFinite(x))).find((x) => x !== undefined) ?? 0;
}
