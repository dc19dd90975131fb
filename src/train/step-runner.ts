import type { Dataset } from "../data/index.ts";
import type { LoopProgram, Tensors } from "../engine/index.ts";
import { type Tensor, tensor, toNumbers, zeros } from "../tensor/index.ts";
import type { BatchOrder } from "./batch-order.ts";
import { momentCorrections, type Optimizer } from "./optimizers.ts";
import { isWhole, splitFeeds } from "./samples.ts";
import { copyTensors } from "./state.ts";

/** The input of the step's graph that holds the places of a batch in the split. */
export const batchIndices = "data.indices";

/** Inputs of the step's graph that differ from step to step. */
export const steppedInputs = [batchIndices, "learningRate", "firstCorrection", "secondCorrection"] as const;

export interface StepRunnerOptions {
  readonly dataset: Dataset;
  readonly order: BatchOrder;
  readonly optimizer: Optimizer;
  readonly dtype: "float32" | "float64";
  readonly members: number;
  readonly batchSize: number;
  rateAt(step: number): number;
}

/** What a run of several steps measured, one row of members per step. */
export interface StepMetrics {
  readonly losses: readonly (readonly number[])[];
  readonly errors: readonly (readonly number[])[] | null;
}

/**
 * Runs stretches of steps. Three sets of the state's tensors take turns: the engine reads one and writes the next, and
 * the one before stays as it was, so that a stretch that goes wrong can be taken back.
 */
export function stepRunner(program: LoopProgram, start: Tensors, options: StepRunnerOptions) {
  const sets = [0, 1, 2].map(() => copyTensors(start));
  const shared = splitFeeds(options.dataset.train);
  let turn = 0;
  const current = () => sets[turn % sets.length] as Tensors;
  return {
    current,
    async run(step: number, count: number): Promise<StepMetrics> {
      const feeds = { ...shared, ...steppedTensors(options, step, count), ...current() };
      const results = await program.run(count, feeds, sets[(turn + 1) % sets.length]);
      turn++;
      const rows = (name: string) => rowsOf(results[name] as Tensor, count);
      return { losses: rows("loss"), errors: results.error ? rows("error") : null };
    },
  };
}

function steppedTensors(options: StepRunnerOptions, step: number, count: number): Tensors {
  const { order, optimizer, dtype, members, batchSize, rateAt } = options;
  const hasIndices = !isWhole(options.dataset.train, batchSize);
  const perStep = hasIndices ? members * batchSize : 0;
  const indices = new Int32Array(count * perStep);
  const scalars = [zeros(dtype, [count]), zeros(dtype, [count]), zeros(dtype, [count])] as const;
  for (let k = 0; k < count; k++) {
    if (hasIndices) order.fill(indices.subarray(k * perStep, (k + 1) * perStep), step + k);
    const values = [rateAt(step + k), ...momentCorrections(optimizer, step + k)];
    for (const [i, scalar] of scalars.entries()) scalar.data[k] = values[i] as number;
  }
  const shape = members === 1 ? [count, batchSize] : [count, members, batchSize];
  const [learningRate, firstCorrection, secondCorrection] = scalars;
  const batches = hasIndices ? { [batchIndices]: tensor("int32", shape, indices) } : {};
  return { ...batches, learningRate, firstCorrection, secondCorrection };
}

function rowsOf(value: Tensor, rows: number): number[][] {
  const numbers = Array.from(toNumbers(value));
  const width = numbers.length / rows;
  return Array.from({ length: rows }, (_, row) => numbers.slice(row * width, (row + 1) * width));
}
