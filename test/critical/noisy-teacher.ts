import type { Dataset } from "../../src/data/index.ts";
import { initializeParameters, type MlpOptions, type Model, mlp } from "../../src/nets/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, uniform } from "../../src/tensor/index.ts";

/** A perceptron in plain numbers. */
export interface Plain {
  readonly f: (z: number) => number;
  readonly layers: readonly { readonly weights: readonly (readonly number[])[]; readonly biases: readonly number[] }[];
}

const functions = {
  tanh: Math.tanh,
  softplus: (z: number) => Math.log1p(Math.exp(z)),
  sigmoid: (z: number) => 1 / (1 + Math.exp(-z)),
};
type Name = keyof typeof functions;

/** The same network in plain numbers. */
export function plainOf({ network, parameters }: Model): Plain {
  const { activation, widths } = network.description as unknown as MlpOptions;
  const layers = [...widths, network.outputs].map((size, k) => {
    const { data, shape } = parameters[`layers.${k}.weight`] as Tensor<"float64">;
    const width = shape[1] as number;
    const biases = parameters[`layers.${k}.bias`]?.data as Float64Array | undefined;
    return {
      weights: Array.from({ length: size }, (_, i) => Array.from(data.slice(i * width, (i + 1) * width))),
      biases: biases ? Array.from(biases) : new Array<number>(size).fill(0),
    };
  });
  return { f: functions[activation as Name], layers };
}

/** What it makes of one sample. */
export function outputOf({ f, layers }: Plain, x: readonly number[]): number[] {
  return layers.reduce<number[]>(
    (values, { weights, biases }, k) => {
      const read = k === 0 ? values : values.map(f);
      return weights.map((row, i) => row.reduce((sum, w, j) => sum + w * (read[j] as number), biases[i] as number));
    },
    [...x],
  );
}

/** The samples of the train split, of two numbers each. */
export function samplesOf({ train }: Dataset): number[][] {
  const { data } = train.inputs as Tensor<"float64">;
  return Array.from({ length: data.length / 2 }, (_, i) => Array.from(data.slice(2 * i, 2 * i + 2)));
}

/** What is drawn at random. */
export interface Problem {
  readonly widths: readonly number[];
  readonly outputs: number;
  readonly activation?: Name;
  readonly task?: Dataset["task"];
  readonly bias?: boolean;
  readonly samples?: number;
}

/** A random network, and samples of it with noise: its best fit is close by and a strict minimum. */
export function noisyTeacher(problem: Problem, seed: number): { readonly model: Model; readonly dataset: Dataset } {
  const { widths, outputs, activation = "tanh", task = "regression", bias = true, samples = 100 } = problem;
  const key = fold(rngKey(seed), "problem");
  const network = mlp({ input: 2, widths, outputs, activation, bias });
  const drawn = initializeParameters(network, key, "float64");
  const parameters = Object.fromEntries(
    Object.entries(drawn).map(([name, { shape }]) => [
      name,
      normal(fold(key, name), shape, { dtype: "float64", deviation: name.endsWith("bias") ? 0.5 : 1 }),
    ]),
  );
  const model = { network, parameters };
  const inputs = normal(fold(key, "inputs"), [samples, 2], { dtype: "float64" });
  const empty = { name: "noise", sampleShape: [2], normalization: { mean: [0, 0], deviation: [1, 1] } };
  const plain = plainOf(model);
  const split = { inputs, targets: inputs };
  const answers = samplesOf({ ...empty, task, classes: 0, train: split, test: split }).map((x) => outputOf(plain, x));
  const noise = normal(fold(key, "noise"), [samples * outputs], { dtype: "float64" }).data;
  const chance = uniform(fold(key, "chance"), [samples], { dtype: "float64" }).data;
  const targets =
    task === "regression"
      ? fromNumbers(
          "float64",
          answers.flat().map((y, i) => y + 0.1 * (noise[i] as number)),
          [samples, outputs],
        )
      : fromNumbers(
          "int32",
          answers.map((logits, p) => drawnClass(logits, chance[p] as number)),
          [samples],
        );
  const train = { inputs, targets };
  return { model, dataset: { ...empty, task, classes: task === "regression" ? 0 : outputs, train, test: train } };
}

function drawnClass(logits: readonly number[], chance: number): number {
  const total = logits.reduce((sum, v) => sum + Math.exp(v), 0);
  let left = chance * total;
  const found = logits.findIndex((v) => {
    left -= Math.exp(v);
    return left < 0;
  });
  return found < 0 ? logits.length - 1 : found;
}
