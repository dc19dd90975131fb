import { type Activation, type Model, mlp } from "../../src/nets/index.ts";
import { fromNumbers } from "../../src/tensor/index.ts";

/** One hidden layer of units with two inputs each: w, b and the outgoing weights to two outputs. */
export type Unit = readonly [w: readonly [number, number], b: number, a: readonly [number, number]];

export function layer(
  activation: Activation,
  units: readonly Unit[],
  outputBias: readonly number[] | null = [0.5, -0.25],
): Model {
  const network = mlp({ input: 2, widths: [units.length], outputs: 2, activation, bias: outputBias !== null });
  const outgoing = [0, 1].flatMap((output) => units.map(([, , a]) => a[output] as number));
  const biases = outputBias && {
    "layers.0.bias": fromNumbers(
      "float64",
      units.map(([, b]) => b),
    ),
    "layers.1.bias": fromNumbers("float64", [...outputBias]),
  };
  return {
    network,
    parameters: {
      "layers.0.weight": fromNumbers(
        "float64",
        units.flatMap(([w]) => w),
        [units.length, 2],
      ),
      "layers.1.weight": fromNumbers("float64", outgoing, [2, units.length]),
      ...biases,
    },
  };
}

/** Units in general position. */
export const [p, q, r] = [
  [[0.6, -0.4], 0.3, [1, 2]],
  [[-0.2, 0.9], -0.5, [-1, 0.5]],
  [[1.1, 0.8], 0.2, [0.7, -0.3]],
] as const satisfies readonly Unit[];

/** -w, -b and other outgoing weights. */
export function turned([[u, v], b]: Unit, a: Unit[2]): Unit {
  return [[-u, -v], -b, a];
}
