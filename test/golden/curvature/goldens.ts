import { readFileSync } from "node:fs";
import type { Dataset } from "../../../src/data/index.ts";
import { maxPool } from "../../../src/graph/index.ts";
import { batchNorm, convolution, defineNetwork, linear, type Network, type Parameters } from "../../../src/nets/index.ts";
import { elementCount, fromNumbers } from "../../../src/tensor/index.ts";

/** The curvature of the loss of a small convolutional network as PyTorch has it. */
export interface GoldenCurvature {
  readonly activation: "tanh" | "relu";
  readonly pool: boolean;
  /** Trained parameters in the order of all vectors. */
  readonly names: readonly string[];
  readonly loss: number;
  readonly gradient: readonly number[];
  readonly product: readonly number[];
  /** Ascending. */
  readonly eigenvalues: readonly number[];
  readonly trace: number;
}

/** What generate.py wrote. */
export const goldens: readonly GoldenCurvature[] = JSON.parse(
  readFileSync(new URL("goldens.json", import.meta.url), "utf8"),
);

const [samples, side, filters, classes] = [9, 6, 2, 3] as const;

/** The numbers of generate.py. */
export function drawn(seed: number, length: number): number[] {
  return Array.from({ length }, (_, i) => Math.sin(0.37 * i * i + seed));
}

/** The network, its weights and the samples of generate.py; test equals train. */
export function goldenProblem({ activation, pool, names }: GoldenCurvature): {
  readonly network: Network;
  readonly parameters: Parameters;
  readonly dataset: Dataset;
} {
  const network = defineNetwork({
    description: { net: "golden" },
    inputShape: [1, side, side],
    inputKind: "real",
    outputs: classes,
    forward(x, scope) {
      const filtered = convolution(scope.within("conv"), x, { filters, kernel: 3, bias: true });
      const normed = batchNorm(scope.within("norm"), filtered);
      const hidden = activation === "tanh" ? normed.tanh() : normed.relu();
      return linear(scope.within("fc"), (pool ? maxPool(hidden, 2) : hidden).flatten(), { outputs: classes });
    },
  });
  const shapes = new Map(network.parameters.map(({ name, shape }) => [name, shape]));
  const sizes = names.map((name) => elementCount(shapes.get(name) ?? []));
  const theta = drawn(
    1,
    sizes.reduce((sum, size) => sum + size, 0),
  ).map((x) => x / 2);
  let start = 0;
  const trained = names.map((name, i) => {
    const part = theta.slice(start, start + (sizes[i] as number));
    start += part.length;
    return [name, fromNumbers("float64", part, shapes.get(name) ?? [])] as const;
  });
  const parameters = {
    ...Object.fromEntries(trained),
    "norm.running_mean": fromNumbers("float64", drawn(20, filters), [filters]),
    "norm.running_var": fromNumbers(
      "float64",
      drawn(21, filters).map((x) => 1 + x / 2),
      [filters],
    ),
  };
  const split = {
    inputs: fromNumbers("float64", drawn(10, samples * side * side), [samples, 1, side, side]),
    targets: fromNumbers(
      "int32",
      Array.from({ length: samples }, (_, i) => i % classes),
      [samples],
    ),
  };
  const normalization = { mean: [0], deviation: [1] };
  const dataset: Dataset = {
    name: "golden",
    task: "classification",
    classes,
    sampleShape: [1, side, side],
    normalization,
    train: split,
    test: split,
  };
  return { network, parameters, dataset };
}
