import { type Split, splitSize } from "../data/index.ts";
import type { Engine, Tensors } from "../engine/index.ts";
import { check } from "../errors.ts";
import type { Value } from "../graph/index.ts";
import { tensor } from "../tensor/index.ts";
import { splitFeeds } from "./samples.ts";

export interface BatchRunOptions {
  readonly engine: Engine;
  readonly batchSize: number;
  /** What the graph takes besides the samples. */
  readonly feeds: Tensors;
  readonly signal?: AbortSignal | undefined;
}

/** What a graph gives for samples `start` to `start + length` of a split. */
export interface BatchRun {
  readonly start: number;
  readonly length: number;
  readonly results: Tensors;
}

/** Runs the graph of a batch over all samples of a split: full batches, then the rest as a batch of its own size. */
export async function* batchRuns(
  split: Split,
  graphOf: (batchSize: number) => Readonly<Record<string, Value>>,
  { engine, batchSize, feeds, signal }: BatchRunOptions,
): AsyncGenerator<BatchRun> {
  check(Number.isInteger(batchSize) && batchSize >= 1, () => ({
    code: "bad-option",
    where: "evaluate",
    message: `expected a batch size of at least 1, got ${batchSize}`,
  }));
  const size = splitSize(split);
  for (const { length, starts } of chunks(size, Math.min(batchSize, size))) {
    await using program = await engine.compile(graphOf(length));
    for (const start of starts) {
      signal?.throwIfAborted();
      const indices = Int32Array.from({ length }, (_, i) => start + i);
      const batch = { ...splitFeeds(split), "data.indices": tensor("int32", [length], indices) };
      yield { start, length, results: await program.run({ ...feeds, ...batch }) };
    }
  }
}

function chunks(size: number, length: number): { length: number; starts: number[] }[] {
  const count = Math.floor(size / length);
  const rest = size - count * length;
  const full = { length, starts: Array.from({ length: count }, (_, i) => i * length) };
  return rest === 0 ? [full] : [full, { length: rest, starts: [count * length] }];
}
