import { teacherStudent } from "../../data/index.ts";
import { initializeParameters, mlp, type Network } from "../../nets/index.ts";
import { rngKey } from "../../tensor/index.ts";
import { evaluate, flatten, layoutOf, unflatten } from "../../train/index.ts";
import { adamFrom } from "../adam.ts";
import { judged, notRun } from "../claims.ts";
import type { Lab, Study } from "../paper.ts";

/** A block of Adam for students with three hidden layers. */
type Block = {
  readonly width: number;
  readonly seeds: readonly [first: number, last: number];
  readonly block: number;
  readonly steps: number;
};

interface Trained {
  readonly losses: readonly number[];
  readonly points: readonly (readonly number[])[];
}

const widths = [5, 20] as const;
const blocks = 10;
const stepsPerBlock = 100_000;
const chunks = [1, 11, 21, 31, 41].map((first) => [first, first + 9] as const);

const statement = {
  id: "three-hidden-layers",
  claim:
    "With three hidden layers of tanh and biases, students of width 20 reach a lower loss than those of width 5; median of 50 seeds",
  published: "lower",
};

/** Students with three hidden layers on the toy's tanh teacher. */
export const deep: Study<Block, Trained> = {
  name: "deep",
  tasks: ({ quick }) =>
    quick
      ? []
      : widths.flatMap((width) =>
          chunks.flatMap((seeds) =>
            Array.from({ length: blocks }, (_, i) => ({ width, seeds, block: i + 1, steps: stepsPerBlock })),
          ),
        ),
  run: trained,
  conclude: ({ outcomes, quick }) => {
    if (quick)
      return {
        claims: [notRun(statement, "a million steps for each of 100 networks: in the full run only")],
        figures: [],
      };
    const [narrow, wide] = widths.map((width) => {
      const last = outcomes.filter(({ task }) => task.width === width && task.block === blocks);
      return median(last.flatMap(({ result }) => result.losses));
    }) as [number, number];
    const method = "on the toy's teacher, which has one hidden layer; Adam without a second-order finish";
    return {
      claims: [
        judged(
          { ...statement, method },
          `${narrow.toExponential(2)} (5), ${wide.toExponential(2)} (20)`,
          wide < narrow,
        ),
      ],
      figures: [],
    };
  },
};

function networkOf(width: number): Network {
  return mlp({ input: 2, widths: [width, width, width], outputs: 1, activation: "tanh" });
}

async function trained(task: Block, lab: Lab, resultOf: (task: Block) => Promise<Trained>): Promise<Trained> {
  const { width, seeds, block, steps } = task;
  const network = networkOf(width);
  const layout = layoutOf(network);
  const dataset = teacherStudent({ activation: "tanh" });
  const starts =
    block === 1
      ? Array.from({ length: seeds[1] - seeds[0] + 1 }, (_, i) =>
          initializeParameters(network, rngKey(seeds[0] + i), "float64"),
        )
      : (await resultOf({ ...task, block: block - 1 })).points.map((point) =>
          unflatten(layout, Float64Array.from(point)),
        );
  const ends = await adamFrom(network, starts, { dataset, lab, steps, learningRate: 1e-3 / block, dtype: "float64" });
  const evaluations = await evaluate(network, ends, dataset, { engine: lab.engine, split: "train" });
  return {
    losses: evaluations.map(({ loss }) => loss),
    points: ends.map((parameters) => [...flatten(layout, parameters)]),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  return ((low as number) + (high as number)) / 2;
}
