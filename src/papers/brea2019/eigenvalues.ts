import { type Dataset, toyGrid } from "../../data/index.ts";
import { evenShares, hiddenLayer, lowestMinimum, replicaStudy, replicate } from "../../landscape/index.ts";
import { mlp } from "../../nets/index.ts";
import { fold, fromNumbers, normal, rngKey, toNumbers, uniform } from "../../tensor/index.ts";
import { curvatureOf } from "../../train/index.ts";
import { explained, judged } from "../claims.ts";
import type { Lab, Study } from "../paper.ts";

type Outputs = { readonly outputs: number };

interface Duplicated {
  readonly gradientNorm: number;
  /** Rank of C of the neuron that is doubled. */
  readonly rank: number;
  readonly zero: number;
  readonly negative: number;
  readonly predictedZero: number;
  readonly predictedNegative: number;
  /** Of the loss along the n_{k+1} directions in which outgoing weights go from one copy to the other. */
  readonly flatDeviation: number;
}

const outputs = [1, 2, 3, 4, 6] as const;

/** Tanh networks 2-2-n at a minimum: one neuron is doubled, its outgoing weights shared evenly. */
export const eigenvalues: Study<Outputs, Duplicated> = {
  name: "eigenvalues",
  tasks: () => outputs.map((each) => ({ outputs: each })),
  run: duplicated,
  conclude: ({ outcomes }) => {
    const found = outcomes.map(({ task, result }) => ({ ...task, ...result }));
    const list = (value: (each: (typeof found)[number]) => number) => found.map(value).join(", ");
    const deviation = Math.max(...found.map(({ flatDeviation }) => flatDeviation));
    return {
      claims: [
        explained(
          {
            id: "vanishing-eigenvalues",
            claim: `At a permutation point at least n_(k+1) eigenvalues of the Hessian vanish. Tanh networks 2-2-n, one neuron doubled, n = ${outputs.join(", ")}`,
            published: list((each) => each.outputs),
            origin: "formula",
            method: `minima of a random task by Newton's method; largest gradient norm ${Math.max(...found.map(({ gradientNorm }) => gradientNorm)).toExponential(0)}`,
          },
          list(({ zero }) => zero),
          found.every(({ outputs, rank, zero }) => zero === outputs - rank) &&
            found.map(({ zero }) => zero).join() === "1,1,1,1,3",
          `v'Hv = 0 holds on n_(k+1) directions, but these are eigenvectors only where C = [E delta_m s'(z) (x, 1)] vanishes: n_(k+1) - rank C eigenvalues are zero, with rank C = ${list(({ rank }) => rank)}`,
        ),
        judged(
          {
            id: "flat-directions",
            claim:
              "There are n_(k+1) flat dimensions: outgoing weights may go from one copy to the other at constant loss; largest deviation",
            published: 0,
            method: "each output alone, by as much as 2; pass below 1e-14 of the loss",
          },
          deviation,
          deviation < 1e-14,
        ),
        judged(
          {
            id: "negative-eigenvalues",
            claim: "Where C does not vanish, the point is a strict saddle with at least rank C negative eigenvalues",
            published: `at least ${list(({ rank }) => rank)}`,
            origin: "correction",
            method: "B and C of the narrow network predict both numbers exactly",
          },
          list(({ negative }) => negative),
          found.every(
            ({ negative, rank, zero, predictedNegative, predictedZero }) =>
              negative >= rank && negative === predictedNegative && zero === predictedZero,
          ),
        ),
      ],
      figures: [],
    };
  },
};

async function duplicated({ outputs }: Outputs, { engine, signal }: Lab): Promise<Duplicated> {
  const dataset = randomTask(outputs);
  const network = mlp({ input: 2, widths: [2], outputs, activation: "tanh" });
  const { model } = await lowestMinimum(network, dataset, { key: rngKey(1), engine, signal });
  const shares = [evenShares(2), [1]];
  const study = await replicaStudy(model, dataset, { layer: 0, engine, replicas: [shares] });
  const replica = study.replicas[0] as (typeof study.replicas)[number];
  const wide = replicate(model, hiddenLayer(model.network, 0), shares);
  await using curvature = await curvatureOf(wide.network, dataset, { engine });
  const point = curvature.flatten(wide.parameters);
  const { start } = curvature.layout.entries.find(({ name }) => name === "layers.1.weight") as { start: number };
  const moved = Array.from({ length: outputs }, (_, output) => {
    const place = start + 3 * output;
    return point.map((x, i) => (i === place ? x + 2 : i === place + 1 ? x - 2 : x));
  });
  const slopes = await curvature.slopes(moved);
  return {
    gradientNorm: replica.gradientNorm,
    rank: study.units[0]?.rank as number,
    zero: replica.index.zero,
    negative: replica.index.negative,
    predictedZero: replica.predicted.zero,
    predictedNegative: replica.predicted.negative,
    flatDeviation: Math.max(...slopes.map(({ loss }) => Math.abs(loss - replica.loss))) / replica.loss,
  };
}

/** Smooth random targets on a part of the toy's grid, more than two neurons can fit. */
function randomTask(outputs: number): Dataset {
  const grid = toNumbers(toyGrid());
  const inputs = Array.from({ length: grid.length / 2 }, (_, i) => i)
    .filter((i) => i % 7 === 0)
    .map((i) => [(grid[2 * i] as number) / 2.5, (grid[2 * i + 1] as number) / 2.5] as const);
  const key = fold(rngKey(5), "random task");
  const waves = Array.from({ length: 6 }, (_, wave) => {
    const [a = 0, b = 0, phase = 0] = uniform(fold(key, "wave", wave), [3], {
      dtype: "float64",
      low: -2,
      high: 2,
    }).data;
    return { a, b, phase, size: normal(fold(key, "size", wave), [outputs], { dtype: "float64" }).data };
  });
  const targets = inputs.flatMap(([x, y]) =>
    Array.from({ length: outputs }, (_, output) =>
      waves.reduce((sum, { a, b, phase, size }) => sum + (size[output] as number) * Math.sin(a * x + b * y + phase), 0),
    ),
  );
  const split = {
    inputs: fromNumbers("float64", inputs.flat(), [inputs.length, 2]),
    targets: fromNumbers("float64", targets, [inputs.length, outputs]),
  };
  return {
    name: "random task",
    task: "regression",
    classes: 0,
    sampleShape: [2],
    normalization: { mean: [0, 0], deviation: [1, 1] },
    train: split,
    test: split,
  };
}
