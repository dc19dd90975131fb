import { readFileSync } from "node:fs";
import type { Dataset, Split } from "../../../src/data/index.ts";
import { mlp } from "../../../src/nets/index.ts";
import { fromNumbers } from "../../../src/tensor/index.ts";
import type { Optimizer, Schedule, TrainingState } from "../../../src/train/index.ts";

/** A run as PyTorch has it. */
export interface GoldenRun {
  readonly name: string;
  readonly task: Dataset["task"];
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly learningRates: readonly number[];
  readonly losses: readonly number[];
  readonly parameters: Weights;
}

type Weights = Readonly<Record<string, readonly number[]>>;

interface Goldens {
  readonly steps: number;
  readonly inputs: readonly number[];
  readonly labels: readonly number[];
  readonly targets: readonly number[];
  readonly initial: Weights;
  readonly cases: readonly GoldenRun[];
}

/** What generate.py wrote. */
export const goldens: Goldens = JSON.parse(readFileSync(new URL("goldens.json", import.meta.url), "utf8"));

/** The network of generate.py. */
export const goldenNetwork = mlp({ input: 3, widths: [4], outputs: 2, activation: "tanh" });

/** The samples of generate.py; test equals train. */
export function goldenDataset(task: Dataset["task"]): Dataset {
  const isClassification = task === "classification";
  const split: Split = {
    inputs: fromNumbers("float64", goldens.inputs, [8, 3]),
    targets: isClassification
      ? fromNumbers("int32", goldens.labels, [8])
      : fromNumbers("float64", goldens.targets, [8, 2]),
  };
  const normalization = { mean: [0, 0, 0], deviation: [1, 1, 1] };
  const classes = isClassification ? 2 : 0;
  return { name: "golden", task, classes, sampleShape: [3], normalization, train: split, test: split };
}

/** The state with the first weights of generate.py in every member. */
export function goldenStart(state: TrainingState): TrainingState {
  const tensors = Object.entries(state.tensors).map(([name, value]) => {
    const weights = goldens.initial[name];
    const copies = Array.from({ length: state.members }, () => weights ?? []).flat();
    return [name, weights ? fromNumbers("float64", copies, value.shape) : value];
  });
  return { ...state, tensors: Object.fromEntries(tensors) };
}
