import type { Dataset } from "../../data/index.ts";
import { lineChart } from "../../figures/index.ts";
import { type ComputedPoint, linearPath, permutationPath, withUnitsExchanged } from "../../landscape/index.ts";
import { mlp, type Network, type Parameters } from "../../nets/index.ts";
import { convert, rngKey, type Tensor } from "../../tensor/index.ts";
import { evaluate, flatten, layoutOf, memberParameters, train, unflatten } from "../../train/index.ts";
import { judged, notRun } from "../claims.ts";
import type { Evidence, Findings, Lab, Study } from "../paper.ts";

/** Training, or the path of the first two neurons of a hidden layer. */
type Work = {
  readonly stage: "train" | "path";
  readonly layer: number;
  readonly epochs: number;
  readonly steps: number;
};

interface Walked {
  /** The network, where it was trained. */
  readonly weights: readonly number[];
  readonly points: readonly { readonly t: number; readonly distance: number; readonly loss: number }[];
  /** Losses on the straight line to the same network with the neurons exchanged. */
  readonly line: readonly { readonly t: number; readonly loss: number }[];
}

const hidden = [10, 10, 10] as const;
const training: Work = { stage: "train", layer: 0, epochs: 60, steps: 0 };

const statement = {
  id: "mnist-paths",
  claim:
    "In a network with three hidden layers on MNIST, neurons of every layer can be exchanged through a permutation point with a lower barrier than on the straight line; barriers in nats by path and by line",
  published: "lower",
};

/** Exchanges neurons in each hidden layer of a network that is trained on MNIST. */
export const mnist: Study<Work, Walked> = {
  name: "mnist",
  tasks: ({ quick }) =>
    quick ? [] : [training, ...hidden.map((_, layer): Work => ({ stage: "path", layer, epochs: 40, steps: 20 }))],
  run: async (work, lab, resultOf) => {
    const dataset = await lab.dataset("mnist");
    return work.stage === "train" ? trained(work, dataset, lab) : walked(work, dataset, lab, await resultOf(training));
  },
  conclude,
};

function networkFor({ sampleShape, classes }: Dataset): Network {
  return mlp({ input: sampleShape, widths: hidden, outputs: classes, activation: "tanh" });
}

async function trained({ epochs }: Work, dataset: Dataset, { engine, signal, onProgress }: Lab): Promise<Walked> {
  const network = networkFor(dataset);
  const run = train(network, dataset, {
    engine,
    keys: [rngKey(1)],
    optimizer: { kind: "adam", learningRate: 3e-3 },
    schedule: { kind: "cosine" },
    epochs,
    batchSize: 1000,
    signal,
  });
  for (;;) {
    const next = await run.next();
    if (!next.done) {
      onProgress(next.value.step / next.value.steps);
      continue;
    }
    const [parameters] = memberParameters(network, next.value) as [Parameters];
    return { weights: [...flatten(layoutOf(network), parameters)], points: [], line: [] };
  }
}

async function walked(work: Work, dataset: Dataset, lab: Lab, { weights }: Walked): Promise<Walked> {
  const { engine, signal, onProgress } = lab;
  const { layer, epochs, steps } = work;
  const network = networkFor(dataset);
  const parameters = Object.fromEntries(
    Object.entries(unflatten(layoutOf(network), Float64Array.from(weights))).map(([name, tensor]): [string, Tensor] => [
      name,
      convert(tensor, "float32"),
    ]),
  );
  const units = [0, 1] as const;
  const options = { layer, units, method: "first-order" as const, steps, epochs, engine, signal };
  const path = permutationPath({ network, parameters }, dataset, options);
  const points: ComputedPoint[] = [];
  for (;;) {
    const next = await path.next();
    if (next.done) {
      const exchanged = withUnitsExchanged({ network, parameters }, { layer, units });
      return {
        weights: [],
        points: next.value.points.map(({ t, distance, loss }) => ({ t, distance, loss })),
        line: await lossesBetween(network, [parameters, exchanged], dataset, lab),
      };
    }
    points.push(next.value);
    onProgress(points.length / (steps + 1));
  }
}

async function lossesBetween(
  network: Network,
  [from, to]: readonly [Parameters, Parameters],
  dataset: Dataset,
  { engine }: Lab,
): Promise<Walked["line"]> {
  const places = Array.from({ length: 21 }, (_, i) => i / 20);
  const results = await evaluate(network, places.map(linearPath(from, to)), dataset, { engine, split: "train" });
  return places.map((t, i) => ({ t, loss: results[i]?.loss as number }));
}

function conclude({ outcomes, quick, missing }: Evidence<Work, Walked>): Findings {
  if (quick) return { claims: [notRun(statement, "minutes of training: in the full run only")], figures: [] };
  if (missing !== null) return { claims: [notRun(statement, missing)], figures: [] };
  const paths = outcomes
    .filter(({ task }) => task.stage === "path")
    .map(({ task, result }) => ({ ...task, ...result }));
  const barriers = paths.map(({ points, line }) => [barrierOf(points), barrierOf(line)] as const);
  const sunk = Math.min(
    ...paths.map(({ points }) => Math.min(...points.map(({ loss }) => loss)) - (points[0]?.loss as number)),
  );
  const title = "Loss on MNIST while two neurons are exchanged";
  return {
    claims: [
      judged(
        {
          ...statement,
          method: `784-${hidden.join("-")}-10 with tanh, ${training.epochs} epochs of Adam; neurons 1 and 2 of each layer; full-batch Adam at each of 20 distances, on the way the loss sinks by ${Math.max(0, -sunk).toPrecision(2)} at most, which the first training left`,
        },
        barriers.map(([path, line]) => `${path.toPrecision(2)} by path, ${line.toPrecision(2)} by line`).join("; "),
        barriers.every(([path, line]) => path < line),
      ),
    ],
    figures: [
      {
        id: "mnist-paths",
        title,
        caption: "Training loss on the path through a permutation point, for neurons 1 and 2 of each hidden layer.",
        svg: lineChart({
          title,
          x: "t, where the distance of the neurons is d0 |1 - 2 t|",
          y: "cross-entropy in nats",
          series: paths.flatMap(({ layer, points, line }) => [
            { name: `layer ${layer + 1}, path`, points: points.map(({ t, loss }) => [t, loss] as const) },
            { name: `layer ${layer + 1}, straight line`, points: line.map(({ t, loss }) => [t, loss] as const) },
          ]),
        }),
        data: {
          columns: ["layer", "kind", "t", "loss"],
          rows: paths.flatMap(({ layer, points, line }) => [
            ...points.map(({ t, loss }) => [layer + 1, "path", t, loss]),
            ...line.map(({ t, loss }) => [layer + 1, "straight line", t, loss]),
          ]),
        },
      },
    ],
  };
}

function barrierOf(points: readonly { readonly loss: number }[]): number {
  return Math.max(...points.map(({ loss }) => loss)) - (points[0]?.loss as number);
}
