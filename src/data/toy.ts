import { check } from "../errors.ts";
import { fromNumbers, type Tensor } from "../tensor/index.ts";
import type { Dataset } from "./dataset.ts";

const activations = {
  sigmoid,
  exp: Math.exp,
  tanh: Math.tanh,
  softplus,
  g: (x: number) => sigmoid(4 * x) + softplus(x),
} as const;

/** Activations of the published toy; g(x) = sigmoid(4x) + softplus(x) has no parity (Simsek 2021). */
export type ToyActivation = keyof typeof activations;

/** A network with one hidden layer, two inputs, one output and no biases: sum_k outgoing_k f(incoming_k . x). */
export interface ToyTeacher {
  readonly incoming: readonly (readonly [number, number])[];
  readonly outgoing: readonly number[];
}

/** The published teacher of width 4 (Simsek 2021, arXiv 2105.12221). */
export const toyTeacher: ToyTeacher = {
  incoming: [
    [0.6, 0.5],
    [-0.5, 0.5],
    [-0.2, -0.6],
    [0.1, -0.6],
  ],
  outgoing: [1, 1, 1, 1],
};

/** The 1681 points {-5, -4.75, .., 5}^2 as float64 [1681, 2], the second coordinate running fastest. */
export function toyGrid(): Tensor<"float64"> {
  const axis = Array.from({ length: 41 }, (_, i) => -5 + i / 4);
  const points = axis.flatMap((x) => axis.map((y) => [x, y] as const));
  return fromNumbers("float64", points.flat(), [points.length, 2]);
}

/**
 * The teacher-student toy of Simsek 2021: the grid as float64 inputs, the teacher's outputs [1681, 1] as targets. Test
 * equals train, and the normalisation changes nothing, because the published setting is full batch on raw coordinates.
 */
export function teacherStudent(
  options: { readonly activation?: ToyActivation; readonly teacher?: ToyTeacher } = {},
): Dataset {
  const { activation = "sigmoid", teacher = toyTeacher } = options;
  checkTeacher(activation, teacher);
  const inputs = toyGrid();
  const split = { inputs, targets: teach(inputs, teacher, activations[activation]) };
  const normalization = { mean: [0, 0], deviation: [1, 1] };
  return { name: "toy", task: "regression", classes: 0, sampleShape: [2], normalization, train: split, test: split };
}

function checkTeacher(activation: string, { incoming, outgoing }: ToyTeacher): void {
  check(Object.hasOwn(activations, activation), () => ({
    code: "bad-activation",
    where: "toy",
    message: `expected an activation among ${Object.keys(activations).join(", ")}, got "${activation}"`,
  }));
  const isPair = (weights: readonly number[]) => weights.length === 2 && weights.every(Number.isFinite);
  const isValid = incoming.length > 0 && incoming.length === outgoing.length && incoming.every(isPair);
  check(isValid && outgoing.every(Number.isFinite), () => ({
    code: "bad-teacher",
    where: "toy",
    message: `expected two finite incoming weights and one outgoing per neuron, got ${JSON.stringify({ incoming, outgoing })}`,
  }));
}

function teach(inputs: Tensor<"float64">, teacher: ToyTeacher, f: (x: number) => number): Tensor<"float64"> {
  const outputs = Array.from({ length: inputs.data.length / 2 }, (_, i) => {
    const x = inputs.data[2 * i] as number;
    const y = inputs.data[2 * i + 1] as number;
    return teacher.incoming.reduce((sum, [u, v], k) => sum + (teacher.outgoing[k] as number) * f(u * x + v * y), 0);
  });
  return fromNumbers("float64", outputs, [outputs.length, 1]);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** log(1 + e^x) without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
