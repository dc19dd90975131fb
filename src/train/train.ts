import { type Dataset, splitSize } from "../data/index.ts";
import type { Engine, Program, Tensors } from "../engine/index.ts";
import { check } from "../errors.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { type RngKey, type Tensor, tensor, zeros } from "../tensor/index.ts";
import { batchOrder } from "./batch-order.ts";
import { type Divergence, DivergenceError } from "./divergence.ts";
import { checkFit, checkSplit } from "./fit.ts";
import { unstackMembers } from "./members.ts";
import { addStep, endEpoch, type Totals, totalsOf } from "./meter.ts";
import { checkOptimizer, momentCorrections, type Optimizer } from "./optimizers.ts";
import { prepareDataset } from "./prepare.ts";
import { splitFeeds } from "./samples.ts";
import { checkSchedule, learningRateAt, type Schedule } from "./schedules.ts";
import { checkState, copyTensors, type EpochRecord, initialState, type TrainingState } from "./state.ts";
import { trainingStep } from "./step.ts";

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
  readonly signal?: AbortSignal;
}

/** What is known after a step. */
export interface Progress {
  /** Steps done, of all that are planned. */
  readonly step: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Losses of the members on their batches, before the step. */
  readonly losses: readonly number[];
  /** After the last step of an epoch: what the epoch came to. */
  readonly epoch: EpochRecord | null;
  /** A copy of the state after the step, to be stored and resumed from; not to be had once the next step is asked for. */
  snapshot(): TrainingState;
}

/**
 * Trains one network per key by one graph that holds a step of them all. Yields after every step and returns the final
 * state. The same keys and options give the same bytes, also through an interruption and `resumeFrom`.
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
  const program = await engine.compile(graph);
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
  program: Program,
  dataset: Dataset,
  options: RunOptions,
  start: TrainingState,
): AsyncGenerator<Progress, TrainingState> {
  const { keys, epochs, optimizer, schedule = { kind: "constant" }, signal, stopAt } = options;
  const order = batchOrder(keys, splitSize(dataset.train), options.batchSize);
  const { stepsPerEpoch } = order;
  const steps = epochs * stepsPerEpoch;
  const rateAt = (step: number) => learningRateAt(schedule, optimizer.learningRate, step, steps);
  const io = stepTensors(dataset, options, start);
  const stateAfter = (step: number, totals: Totals): TrainingState => ({
    tensors: copyTensors(io.stateAt(step)),
    members: keys.length,
    step,
    ...totals,
  });
  let { step } = start;
  let totals = totalsOf(start);
  let good = { step, totals };
  const requireFinite = (what: Divergence["what"], values: readonly number[]) => {
    const member = values.findIndex((value) => !Number.isFinite(value));
    if (member < 0) return;
    const divergence = { what, member, value: values[member] as number, step, learningRate: rateAt(step - 1) };
    throw new DivergenceError(divergence, stateAfter(good.step, good.totals));
  };

  while (step < steps && !(step % stepsPerEpoch === 0 && isReached(stopAt, totals.history.at(-1)))) {
    signal?.throwIfAborted();
    const learningRate = rateAt(step);
    order.fill(io.indices, step);
    io.setScalars(learningRate, ...momentCorrections(optimizer, step));
    await program.run(io.feedsAt(step), io.fetchesAt(step));
    const before = { step, totals };
    step++;
    const losses = Array.from(io.losses);
    requireFinite("loss", losses);
    good = before;
    totals = addStep(totals, losses, io.errors);
    const isEpochEnd = step % stepsPerEpoch === 0;
    if (isEpochEnd) totals = endEpoch(totals, { learningRate, hasError: io.errors !== null, stepsPerEpoch });
    const epoch = isEpochEnd ? (totals.history.at(-1) as EpochRecord) : null;
    const after = { step, totals };
    yield { step, steps, learningRate, losses, epoch, snapshot: () => snapshotOf(after) };
  }
  const final = stateAfter(step, totals);
  requireFinite("weight", memberParameters(network, final).map(wildestWeight));
  return final;

  function snapshotOf(after: { readonly step: number; readonly totals: Totals }): TrainingState {
    check(after.step === step, () => ({
      code: "late-snapshot",
      where: "train",
      message: `expected a snapshot of step ${step}, the last one, got a request for step ${after.step}`,
      remedy: "take the snapshot before asking for the next step",
    }));
    return stateAfter(after.step, after.totals);
  }
}

/**
 * The tensors that a run reads and writes. Three sets of the state take turns: the engine reads one and writes the
 * next, and the one before stays as it was, so that a step that goes wrong can be taken back.
 */
function stepTensors(dataset: Dataset, { dtype, keys, batchSize }: RunOptions, start: TrainingState) {
  const perMember = keys.length === 1 ? [] : [keys.length];
  const sets = [0, 1, 2].map(() => copyTensors(start.tensors));
  const scalars = ["learningRate", "firstCorrection", "secondCorrection"].map(
    (name) => [name, zeros(dtype, [])] as const,
  );
  const indices = tensor("int32", [...perMember, batchSize], new Int32Array(keys.length * batchSize));
  const shared: Tensors = { ...splitFeeds(dataset.train), ...Object.fromEntries(scalars), "data.indices": indices };
  const loss = zeros(dtype, perMember);
  const error = dataset.task === "classification" ? zeros(dtype, perMember) : null;
  const metrics: Tensors = error ? { loss, error } : { loss };
  const feeds = sets.map((set) => ({ ...shared, ...set }));
  const fetches = sets.map((_, i) => ({ ...(sets[(i + 1) % sets.length] as Tensors), ...metrics }));
  const turn = (step: number) => (step - start.step) % sets.length;
  return {
    indices: indices.data,
    losses: loss.data,
    errors: error?.data ?? null,
    stateAt: (step: number) => sets[turn(step)] as Tensors,
    feedsAt: (step: number) => feeds[turn(step)] as Tensors,
    fetchesAt: (step: number) => fetches[turn(step)] as Tensors,
    setScalars(...values: readonly number[]) {
      for (const [i, [, scalar]] of scalars.entries()) scalar.data[0] = values[i] as number;
    },
  };
}

/** A weight that is infinite or not a number, or 0 where there is none. */
function wildestWeight(parameters: Parameters): number {
  const arrays = Object.values(parameters).map(({ data }) => data as Float64Array);
  return arrays.map((data) => data.find((x) => !Number.isFinite(x))).find((x) => x !== undefined) ?? 0;
}

function isReached(stopAt: TrainOptions["stopAt"], record: EpochRecord | undefined): boolean {
  if (!record || !stopAt || (stopAt.error === undefined && stopAt.loss === undefined)) return false;
  const { loss, error } = record;
  const within = (values: readonly number[] | null, bound: number | undefined) =>
    bound === undefined || (values?.every((value) => value <= bound) ?? true);
  return within(loss, stopAt.loss) && within(error, stopAt.error);
}

function checkOptions(network: Network, dataset: Dataset, options: TrainOptions): void {
  checkOptimizer(options.optimizer);
  checkSchedule(options.schedule ?? { kind: "constant" });
  const counts = { epochs: options.epochs, "batch size": options.batchSize, "number of networks": options.keys.length };
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
