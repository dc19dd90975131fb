import { readFileSync } from "node:fs";
import type { Dataset } from "../../../src/data/index.ts";
import { type Activation, mlp } from "../../../src/nets/index.ts";
import { fromNumbers } from "../../../src/tensor/index.ts";

/** Derivatives of the loss of a perceptron as PyTorch has them. */
export interface GoldenLoss {
  readonly activation: Activation;
  readonly widths: readonly number[];
  readonly outputs: number;
  readonly bias: boolean;
  readonly task: Dataset["task"];
  readonly loss: number;
  readonly gradient: readonly number[];
  readonly hessian: readonly number[];
  readonly gaussNewton: readonly number[];
}

interface GoldenMatrix {
  readonly name: string;
  readonly matrix: readonly number[];
  /** By LAPACK. */
  readonly eigenvalues: readonly number[];
  /** b, and the x with (A'A + 1) x = b. */
  readonly right: readonly number[];
  readonly solution: readonly number[];
}

/** What generate.py wrote. */
export const goldens: {
  readonly losses: readonly GoldenLoss[];
  readonly matrices: readonly GoldenMatrix[];
  /** The gradient flow of the first loss. */
  readonly flow: { readonly times: readonly number[]; readonly points: readonly (readonly number[])[] };
} = JSON.parse(readFileSync(new URL("goldens.json", import.meta.url), "utf8"));

const samples = 7;

function drawn(seed: number, length: number): number[] {
  return Array.from({ length }, (_, i) => Math.sin(0.37 * i * i + seed));
}

/** The point of generate.py. */
export function goldenPoint(length: number): Float64Array {
  return Float64Array.from(drawn(1, length));
}

/** The network and the samples of generate.py; test equals train. */
export function goldenProblem({ activation, widths, outputs, bias, task }: GoldenLoss) {
  const isClassification = task === "classification";
  const labels = Array.from({ length: samples }, (_, i) => i % outputs);
  const split = {
    inputs: fromNumbers("float64", drawn(10, 2 * samples), [samples, 2]),
    targets: isClassification
      ? fromNumbers("int32", labels, [samples])
      : fromNumbers("float64", drawn(11, outputs * samples), [samples, outputs]),
  };
  const dataset: Dataset = {
    name: "golden",
    task,
    classes: isClassification ? outputs : 0,
    sampleShape: [2],
    normalization: { mean: [0, 0], deviation: [1, 1] },
    train: split,
    test: split,
  };
  return { network: mlp({ input: 2, widths, outputs, activation, bias }), dataset };
}
