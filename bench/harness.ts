import type { Dataset } from "../src/data/index.ts";
import type { Engine } from "../src/engine/index.ts";
import { input } from "../src/graph/index.ts";
import type { Network } from "../src/nets/index.ts";
import { normal, rngKey, tensor, uniform, zeros } from "../src/tensor/index.ts";
import { train } from "../src/train/index.ts";

/** Times of one piece of work, in milliseconds. */
export interface Timing {
  readonly median: number;
  readonly min: number;
  readonly calls: number;
}

export function timingOf(milliseconds: readonly number[]): Timing {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] as number, min: sorted[0] as number, calls: sorted.length };
}

/** Calls `work` for about `seconds`, after a warm-up of a fifth of that. */
export async function timeCalls(work: () => Promise<unknown>, seconds = 2): Promise<Timing> {
  await collect(work, seconds / 5);
  return timingOf(await collect(work, seconds));
}

async function collect(work: () => Promise<unknown>, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times.length === 0) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}

/** The machine's own rate: a product of two 1024 x 1024 matrices, in GFLOP/s. */
export async function matmulRate(engine: Engine, dtype: "float32" | "float64" = "float32"): Promise<number> {
  const shape = [1024, 1024];
  await using program = await engine.compile({ c: input("a", dtype, shape).matmul(input("b", dtype, shape)) });
  const feeds = { a: normal(rngKey(1), shape, { dtype }), b: normal(rngKey(2), shape, { dtype }) };
  const into = { c: zeros(dtype, shape) };
  const { median } = await timeCalls(() => program.run(feeds, into), 1);
  return (2 * 1024 ** 3) / median / 1e6;
}

/** Random images with labels: what they show does not matter to the time. */
export function syntheticImages(samples: number, sampleShape: readonly number[], classes = 10): Dataset {
  const shape = [samples, ...sampleShape];
  const pixels = uniform(rngKey(3), shape, { high: 256 }).data;
  const inputs = tensor("uint8", shape, Uint8Array.from(pixels));
  const targets = tensor(
    "int32",
    [samples],
    Int32Array.from({ length: samples }, (_, i) => i % classes),
  );
  const split = { inputs, targets };
  const normalization = { mean: [128], deviation: [74] };
  return { name: "synthetic", task: "classification", classes, sampleShape, normalization, train: split, test: split };
}

export interface StepOptions {
  readonly engine: Engine;
  readonly members?: number;
  readonly batchSize: number;
  readonly seconds?: number;
  readonly dtype?: "float32" | "float64";
}

/** The time of a step of plain gradient descent as `train` takes it: batches, graph, losses and all. */
export async function timeSteps(network: Network, dataset: Dataset, options: StepOptions): Promise<Timing> {
  const { engine, members = 1, batchSize, seconds = 2, dtype = "float32" } = options;
  const steps = train(network, dataset, {
    engine,
    keys: Array.from({ length: members }, (_, i) => rngKey(i)),
    optimizer: { kind: "sgd", learningRate: 1e-3 },
    epochs: 1_000_000,
    batchSize,
    dtype,
  });
  await collectSteps(steps, seconds / 3);
  const timing = timingOf(await collectSteps(steps, seconds));
  await steps.return(undefined as never);
  return timing;
}

/** Milliseconds per step of every run of steps. */
async function collectSteps(steps: ReturnType<typeof train>, seconds: number): Promise<number[]> {
  const times: number[] = [];
  let done = stepOf(await steps.next());
  for (const end = performance.now() + seconds * 1000; performance.now() < end || times.length === 0; ) {
    const start = performance.now();
    const step = stepOf(await steps.next());
    times.push((performance.now() - start) / (step - done));
    done = step;
  }
  return times;
}

function stepOf(result: Awaited<ReturnType<ReturnType<typeof train>["next"]>>): number {
  return result.value.step;
}
