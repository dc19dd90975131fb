import { type Dataset, teacherStudent } from "../src/data/index.ts";
import type { Engine } from "../src/engine/index.ts";
import { initializeParameters, mlp, type Network } from "../src/nets/index.ts";
import { minimizeInThreads } from "../src/node/index.ts";
import { rngKey } from "../src/tensor/index.ts";
import { curvatureOf, flatten, layoutOf, type Method } from "../src/train/index.ts";
import { syntheticImages, type Timing, timeCalls, timingOf } from "./harness.ts";

export interface Minima {
  readonly timing: Timing;
  /** How many came below a loss of 1e-10, and how many ended at a critical point. */
  readonly solved: number;
  readonly converged: number;
}

/** Students 2-5-1 of the published toy (sigmoid, no biases) from Glorot's weights, all to a gradient of 1e-14, once. */
export async function timeToyMinima(threads: number, method: Method, seeds: number): Promise<Minima> {
  const network = student(5);
  const layout = layoutOf(network);
  const starts = Array.from({ length: seeds }, (_, i) =>
    flatten(layout, initializeParameters(network, rngKey(i + 1), "float64")),
  );
  const start = performance.now();
  const minima = await minimizeInThreads(network, teacherStudent(), starts, { method, iterations: 5000, threads });
  const timing = timingOf([performance.now() - start]);
  const solved = minima.filter(({ loss }) => loss < 1e-10).length;
  return { timing, solved, converged: minima.filter(({ stopped }) => stopped === "converged").length };
}

function student(width: number): Network {
  return mlp({ input: [2], widths: [width], outputs: 1, activation: "sigmoid", bias: false });
}

/** What a dense Hessian is taken of: a student 2-45-1, or the last layer of 784-100-10 on 1,000 images. */
export const hessianKinds = ["toy", "last-layer"] as const;
export type HessianKind = (typeof hessianKinds)[number];

/** The loss, the gradient and the dense Hessian at one point. */
export async function timeHessian(engine: Engine, kind: HessianKind): Promise<Timing> {
  const { network, dataset, held } = kind === "toy" ? toyProblem() : lastLayerProblem();
  const parameters = initializeParameters(network, rngKey(1), "float64");
  const fixed = Object.fromEntries(Object.entries(parameters).filter(([name]) => name.startsWith(held)));
  await using curvature = await curvatureOf(network, dataset, { engine, fixed });
  const point = curvature.flatten(parameters);
  return await timeCalls(() => curvature.curvatures([point]));
}

interface Problem {
  readonly network: Network;
  readonly dataset: Dataset;
  /** How the names of fixed parameters begin. */
  readonly held: string;
}

function toyProblem(): Problem {
  return { network: student(45), dataset: teacherStudent(), held: "none" };
}

function lastLayerProblem(): Problem {
  const image = [1, 28, 28];
  const dataset = syntheticImages(1000, image);
  const network = mlp({ input: image, widths: [100], outputs: 10, activation: "softplus" });
  return { network, dataset, held: "layers.0." };
}
