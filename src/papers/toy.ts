import { type ToyActivation, toyTeacher } from "../data/index.ts";
import { type Model, mlp, type Network } from "../nets/index.ts";
import { fromNumbers } from "../tensor/index.ts";

/** A student of the toy: one hidden layer, no biases, Glorot's uniform weights. */
export function student(width: number, activation: ToyActivation): Network {
  return mlp({ input: 2, widths: [width], outputs: 1, activation, bias: false });
}

/** A network of the toy by its neurons. */
export function toyModel(
  activation: ToyActivation,
  { incoming, outgoing }: { readonly incoming: readonly (readonly number[])[]; readonly outgoing: readonly number[] },
): Model {
  const width = outgoing.length;
  return {
    network: student(width, activation),
    parameters: {
      "layers.0.weight": fromNumbers("float64", incoming.flat(), [width, 2]),
      "layers.1.weight": fromNumbers("float64", outgoing, [1, width]),
    },
  };
}

/** The teacher of the toy. */
export function teacherModel(activation: ToyActivation): Model {
  return toyModel(activation, toyTeacher);
}

/** The best critical points of width 1 and 3 with sigmoid, close enough for Newton's method. */
export const narrowPoints = {
  1: { incoming: [[-0.00312072442, -0.064007735371]], outgoing: [3.999944962417] },
  3: {
    incoming: [
      [0.555236299, 0.444106252],
      [-0.461138905, 0.444506372],
      [-0.046942232, -0.569965132],
    ],
    outgoing: [1.01595073, 1.025100305, 1.95890899],
  },
} as const;
