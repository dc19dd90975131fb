import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { takeSamples, teacherStudent } from "../src/data/index.ts";
import type { Engine } from "../src/engine/index.ts";
import { lenet, mlp } from "../src/nets/index.ts";
import { loadDataset } from "../src/node/index.ts";
import { rngKey } from "../src/tensor/index.ts";
import { evaluate, memberParameters, train } from "../src/train/index.ts";
import { type GainKind, gainKinds, timeAssignment } from "./assignment.ts";
import { syntheticImages, type Timing, timeSteps, timingOf } from "./harness.ts";
import { timeTopEigenvalues } from "./hessian.ts";
import { timeLlamaAlign, timeResnetAlign } from "./large-align.ts";
import { type MatchingPair, matchingPairs, timeMatching } from "./matching.ts";
import { timeReading } from "./read-safetensors.ts";
import { timeLlamaCensus, timeResnetCensus, timeResnetHash } from "./symmetry.ts";
import { timeHessian, timeToyMinima } from "./toy-minima.ts";

/** What is measured, and what it should come to. */
export interface Benchmark {
  readonly title: string;
  /** The peer script, and its variants with the ratio to reach against each (0: for information). */
  readonly peer?: { readonly script: string; readonly targets: Readonly<Record<string, number>> };
  /** The share of the machine's own matrix product rate to reach. */
  readonly rateTarget?: number;
  /** Floating-point operations of the work timed, in units of 10^9. */
  readonly gflop?: number;
  readonly dtype?: "float32" | "float64";
  run(engine: Engine, threads: number): Promise<Measured>;
}

export interface Measured extends Timing {
  /** What came out, where that is to be judged too. */
  readonly outcome?: { readonly text: string; readonly ok: boolean };
}

/** Operations of a training step of dense layers: forward, weight gradient, and input gradient but for the first. */
function denseGflop(widths: readonly number[], batch: number): number {
  const products = widths.slice(1).map((width, i) => width * (widths[i] as number));
  const total = products.reduce((sum, size, i) => sum + size * (i === 0 ? 2 : 3), 0);
  return (2 * batch * total) / 1e9;
}

const image = [1, 28, 28];

/** Memory of a process of Node that does nothing. */
const BARE_PROCESS = 75e6;

export const benchmarks: Readonly<Record<string, Benchmark>> = {
  mlp: {
    title: "MLP 784-512-512-10, batch 128, one SGD step",
    peer: { script: "mlp_step", targets: { eager: 2.5, compile: 0, jax: 0 } },
    rateTarget: 0.7,
    gflop: denseGflop([784, 512, 512, 10], 128),
    run: (engine) =>
      timeSteps(mlp({ input: image, widths: [512, 512], outputs: 10 }), syntheticImages(12_800, image), {
        engine,
        batchSize: 128,
      }),
  },
  ensemble: {
    title: "32 networks 784-64-64-10, batch 128 each, one SGD step of all",
    peer: { script: "ensemble_step", targets: { one_after_another: 3, batched: 0, compile: 0, jax: 0 } },
    rateTarget: 0.55,
    gflop: 32 * denseGflop([784, 64, 64, 10], 128),
    run: (engine) =>
      timeSteps(mlp({ input: image, widths: [64, 64], outputs: 10 }), syntheticImages(12_800, image), {
        engine,
        members: 32,
        batchSize: 128,
      }),
  },
  lenet: {
    title: "LeNet 20-50-500 on 28x28x1, batch 128, one SGD step",
    peer: { script: "lenet_step", targets: { eager: 1.3, compile: 0, jax: 0 } },
    gflop: (2 * 128 * (2 * 24 * 24 * 20 * 25 + 3 * (8 * 8 * 50 * 500 + 800 * 500 + 500 * 10))) / 1e9,
    run: (engine) => timeSteps(lenet(), syntheticImages(12_800, image), { engine, batchSize: 128 }),
  },
  toy: {
    title: "1,000 networks 2-5-1 in float64 on 1,681 points, one full-batch step of all",
    peer: { script: "toy_ensemble", targets: { numpy: 1, torch: 1, jax: 0 } },
    dtype: "float64",
    run: (engine) => {
      const network = mlp({ input: [2], widths: [5], outputs: 1, activation: "sigmoid", bias: false });
      return timeSteps(network, teacherStudent(), {
        engine,
        members: 1000,
        batchSize: 1681,
        dtype: "float64",
        seconds: 4,
      });
    },
  },
  overhead: {
    title: "a step of a tiny network (2-2-1 on 4 samples): the cost of a step beside its arithmetic",
    run: async (engine) => {
      const { name, task, classes, sampleShape, normalization, train: grid } = teacherStudent();
      const split = takeSamples(grid, 4);
      const dataset = { name, task, classes, sampleShape, normalization, train: split, test: split };
      const network = mlp({ input: [2], widths: [2], outputs: 1, activation: "tanh" });
      const timing = await timeSteps(network, dataset, { engine, batchSize: 4 });
      return { ...timing, outcome: below(timing.median, 0.1, "ms") };
    },
  },
  startup: {
    title: "orbifold --help, from the start of the process to its end",
    run: async () => {
      const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
      const times = Array.from({ length: 15 }, () => {
        const start = performance.now();
        spawnSync(process.execPath, [main, "--help"]);
        return performance.now() - start;
      });
      return { ...timingOf(times), outcome: below(timingOf(times).median, 150, "ms") };
    },
  },
  "read-safetensors": {
    title: "reading 100 tensors of 4 MiB from a safetensors file in the page cache",
    peer: { script: "read_safetensors", targets: { load_file: 1 } },
    run: async () => {
      const { ours, plain } = await timeReading();
      const share = (100 * plain.median) / ours.median;
      const text = `${share.toFixed(0)} % of the speed of copying the file out of the page cache (to reach: 70)`;
      return { ...ours, outcome: { text, ok: share >= 70 } };
    },
  },
  "census-resnet50": {
    title: "orbifold census of a ResNet50 in an ONNX file of 102 MB, process and all",
    run: async () => {
      const { timing } = await timeResnetCensus();
      return { ...timing, outcome: below(timing.median, 2000, "ms") };
    },
  },
  "census-llama": {
    title: "orbifold census of the headers of a Llama with 7 billion parameters, process and all",
    run: async () => {
      const { timing } = await timeLlamaCensus();
      return { ...timing, outcome: below(timing.median, 1000, "ms") };
    },
  },
  "hash-resnet50": {
    title: "orbifold hash of a ResNet50: reading, canonical form and fingerprints, process and all",
    run: async () => {
      const { timing, peakBytes, checkpointBytes } = await timeResnetHash();
      const share = peakBytes / checkpointBytes;
      const text = `${(timing.median / 1000).toPrecision(3)} s (to reach: below 3), peak memory ${share.toFixed(1)} x the checkpoint`;
      return { ...timing, outcome: { text, ok: timing.median < 3000 } };
    },
  },
  ...Object.fromEntries(matchingPairs.map((pair) => [`matching-${pair}`, matching(pair)])),
  "align-resnet50": {
    title: "orbifold align of a ResNet50 to itself renumbered, process, certificate and all",
    run: async () => {
      const { timing, peakBytes, checkpointBytes } = await timeResnetAlign();
      const share = (peakBytes - BARE_PROCESS) / checkpointBytes;
      return {
        ...timing,
        outcome: { text: `peak memory ${share.toFixed(1)} x a checkpoint (to reach: below 4)`, ok: share < 4 },
      };
    },
  },
  "align-llama": {
    title: "orbifold align of two layers of a Llama of 7 billion parameters, in bfloat16",
    run: async () => {
      const { timing, peakBytes } = await timeLlamaAlign();
      const text = `peak memory ${(peakBytes / 2 ** 30).toFixed(1)} GiB (to reach: below 8)`;
      return { ...timing, outcome: { text, ok: peakBytes < 2 ** 33 } };
    },
  },
  ...Object.fromEntries(
    gainKinds.flatMap((kind) => [1024, 2048, 4096].map((n) => [`assignment-${kind}-${n}`, assignment(kind, n)])),
  ),
  "toy-minima": {
    title: "50 networks 2-5-1 in float64 on 1,681 points, by BFGS and Newton to a gradient of 1e-14",
    peer: { script: "toy_minima", targets: { bfgs: 10 } },
    run: async (_, threads) => {
      const { timing, solved, converged } = await timeToyMinima(threads, "bfgs", 50);
      const text = `${solved} of 50 below 1e-10 (to reach: 36 to 47), ${converged} at a critical point`;
      return { ...timing, outcome: { text, ok: solved >= 36 && solved <= 47 } };
    },
  },
  "toy-hessian": {
    title: "dense Hessian of a network 2-45-1 in float64 on 1,681 points",
    peer: { script: "toy_minima", targets: { toy: 5 } },
    run: (engine) => timeHessian(engine, "toy"),
  },
  "last-layer-hessian": {
    title: "dense Hessian of the last layer (1,010 parameters) of 784-100-10 on 1,000 images in float64",
    peer: { script: "toy_minima", targets: { "last-layer": 5 } },
    run: (engine) => timeHessian(engine, "last-layer"),
  },
  "top-eigenvalues": {
    title: "ten largest Hessian eigenvalues of 784-512-512-10 on 10,000 digits of MNIST, residuals up to 1 %",
    peer: { script: "hessian", targets: { power: 3, arpack: 0 } },
    run: async (engine) => {
      const { timing, products, ok, largest, tenth } = await timeTopEigenvalues(engine);
      const text = `${products} products, largest ${largest.toPrecision(4)}, tenth ${tenth.toPrecision(4)}`;
      return { ...timing, outcome: { text, ok } };
    },
  },
  mnist: {
    title: "MLP 784-512-512-10 on MNIST, 10 epochs of SGD, batch 128",
    run: async (engine) => {
      const { dataset } = await loadDataset("mnist", { dataDir: process.env.ORBIFOLD_DATA });
      const network = mlp({ input: image, widths: [512, 512], outputs: 10 });
      const optimizer = { kind: "sgd", learningRate: 0.02, momentum: 0.9, nesterov: true } as const;
      const options = {
        engine,
        keys: [rngKey(0)],
        optimizer,
        schedule: { kind: "cosine" },
        epochs: 10,
        batchSize: 128,
      } as const;
      const start = performance.now();
      const state = await lastOf(train(network, dataset, options));
      const milliseconds = performance.now() - start;
      const [result] = await evaluate(network, memberParameters(network, state), dataset, { engine });
      return { ...timingOf([milliseconds]), outcome: below(100 * (result?.error ?? 1), 2.2, "% test error") };
    },
  },
};

function assignment(kind: GainKind, n: number): Benchmark {
  return {
    title: `assignment of ${n} units, ${kind} gains`,
    peer: { script: "assignment", targets: { [`${kind}-${n}`]: 1 } },
    run: async (engine) => {
      const { cold, warm, certify } = await timeAssignment(engine, kind, n);
      const [again, own] = [warm, certify].map(({ median }) => `${median.toPrecision(3)} ms`);
      const text = `${again} warm after a small change (to reach: at most 1.2 x cold), ${own} to prove its own solution`;
      return { ...cold, outcome: { text, ok: warm.median <= 1.2 * cold.median } };
    },
  };
}

function matching(pair: MatchingPair): Benchmark {
  return {
    title: `weight matching of ${pair} to convergence, from fingerprints and from the units as they stand`,
    peer: { script: "matching", targets: { [pair]: 5 } },
    run: async (engine) => {
      const { timing, objective, single } = await timeMatching(engine, pair);
      const text = `objective ${objective.toPrecision(6)}; from fingerprints alone ${single.objective.toPrecision(6)} in ${single.timing.median.toPrecision(3)} ms`;
      return { ...timing, outcome: { text, ok: true } };
    },
  };
}

function below(value: number, bound: number, unit: string) {
  return { text: `${value.toPrecision(3)} ${unit} (to reach: below ${bound})`, ok: value < bound };
}

async function lastOf<T>(steps: AsyncGenerator<unknown, T>): Promise<T> {
  for (let next = await steps.next(); ; next = await steps.next()) if (next.done) return next.value;
}
