import { type Dataset, type ToyActivation, teacherStudent } from "../../data/index.ts";
import { initializeParameters } from "../../nets/index.ts";
import { rngKey, toNumbers } from "../../tensor/index.ts";
import { type Curvature, curvatureOf, type Method, minimize } from "../../train/index.ts";
import { adamFrom } from "../adam.ts";
import type { Lab, Scope, Study } from "../paper.ts";
import { student } from "../toy.ts";
import { concludeFrom } from "./student-claims.ts";

/** Some students that are trained together, and how far. */
export type Students = {
  readonly activation: ToyActivation;
  readonly width: number;
  readonly seeds: readonly [first: number, last: number];
  /** "minimise": by second order from the start; "adam": a block of Adam; "finish": by second order after Adam. */
  readonly stage: "minimise" | "adam" | "finish";
  readonly method: Method;
  readonly gradientTolerance: number;
  readonly iterations: number;
  /** Blocks of Adam done with this task, of so many steps each. */
  readonly block: number;
  readonly steps: number;
};

/** Where the students are. */
export interface Trained {
  /** Of the targets: a loss is judged in proportion to it. */
  readonly variance: number;
  readonly runs: readonly {
    readonly seed: number;
    readonly loss: number;
    /** All incoming weights, then all outgoing ones. */
    readonly point: readonly number[];
  }[];
}

interface Group {
  readonly activation: ToyActivation;
  readonly width: number;
}

const tight = { method: "levenberg-marquardt", gradientTolerance: 1e-14, iterations: 1000 } as const;
const wide = { method: "levenberg-marquardt", gradientTolerance: 1e-8, iterations: 300 } as const;
const fromFar = { method: "newton", gradientTolerance: 1e-12, iterations: 1000 } as const;

/** Minimised by second order from Glorot's weights: how often does that reach zero? */
const minimised: readonly (Group & { readonly seeds: number } & Pick<
    Students,
    "method" | "gradientTolerance" | "iterations"
  >)[] = [
  ...[4, 5, 6, 8].map((width) => ({ activation: "sigmoid" as const, width, seeds: 20, ...fromFar })),
  { activation: "sigmoid", width: 45, seeds: 3, ...wide },
  { activation: "exp", width: 5, seeds: 20, ...tight },
  { activation: "exp", width: 45, seeds: 3, ...wide },
  { activation: "g", width: 5, seeds: 20, ...tight },
  { activation: "g", width: 10, seeds: 20, ...tight },
];

/** The published students. */
const published: readonly Group[] = [
  { activation: "sigmoid", width: 5 },
  { activation: "sigmoid", width: 45 },
  { activation: "exp", width: 5 },
  { activation: "exp", width: 45 },
  { activation: "g", width: 5 },
  { activation: "g", width: 10 },
  { activation: "g", width: 20 },
];

const publishedSeeds = 50;
const seedsPerTask = 10;
const blocks = 10;
const stepsPerBlock = 100_000;

export const students: Study<Students, Trained> = {
  name: "students",
  tasks: (scope) => (scope.quick ? minimisedTasks(scope) : [...minimisedTasks(scope), ...publishedTasks()]),
  run: trained,
  conclude: concludeFrom,
};

function minimisedTasks({ quick }: Scope): Students[] {
  return minimised.flatMap(({ seeds, ...group }) =>
    chunks(quick || group.width > 20 ? seeds : publishedSeeds).map((chunk) => ({
      ...group,
      seeds: chunk,
      stage: "minimise" as const,
      block: 0,
      steps: 0,
    })),
  );
}

function publishedTasks(): Students[] {
  return published.flatMap((group) =>
    chunks(publishedSeeds).flatMap((seeds) => {
      const task = { ...group, seeds, ...(group.width > 20 ? wide : tight), steps: stepsPerBlock };
      return [
        ...Array.from({ length: blocks }, (_, i): Students => ({ ...task, stage: "adam", block: i + 1 })),
        { ...task, stage: "finish", block: blocks } as const,
      ];
    }),
  );
}

function chunks(seeds: number): [number, number][] {
  return Array.from({ length: Math.ceil(seeds / seedsPerTask) }, (_, i) => [
    i * seedsPerTask + 1,
    Math.min(seeds, (i + 1) * seedsPerTask),
  ]);
}

async function trained(task: Students, lab: Lab, resultOf: (task: Students) => Promise<Trained>): Promise<Trained> {
  const { activation, width, stage } = task;
  const dataset = teacherStudent({ activation });
  await using curvature = await curvatureOf(student(width, activation), dataset, { engine: lab.engine });
  const starts = await startsOf(task, curvature, resultOf);
  const ends = await (stage === "adam" ? byAdam : bySecondOrder)(task, curvature, { starts, dataset, lab });
  return {
    variance: varianceOf(dataset),
    runs: ends.map(({ loss, point }, i) => ({ seed: task.seeds[0] + i, loss, point: [...point] })),
  };
}

async function startsOf(
  task: Students,
  curvature: Curvature,
  resultOf: (task: Students) => Promise<Trained>,
): Promise<Float64Array[]> {
  const { activation, width, stage, block, seeds } = task;
  if (stage === "finish" || block > 1) {
    const before = await resultOf({ ...task, stage: "adam", block: stage === "finish" ? block : block - 1 });
    return before.runs.map(({ point }) => Float64Array.from(point));
  }
  const network = student(width, activation);
  return Array.from({ length: seeds[1] - seeds[0] + 1 }, (_, i) =>
    curvature.flatten(initializeParameters(network, rngKey(seeds[0] + i), "float64")),
  );
}

interface Place {
  readonly starts: readonly Float64Array[];
  readonly dataset: Dataset;
  readonly lab: Lab;
}

interface End {
  readonly loss: number;
  readonly point: Float64Array;
}

async function bySecondOrder(task: Students, curvature: Curvature, { starts, lab }: Place): Promise<readonly End[]> {
  const { method, gradientTolerance, iterations } = task;
  return minimize(curvature, starts, { method, gradientTolerance, iterations, signal: lab.signal });
}

async function byAdam(task: Students, curvature: Curvature, { starts, dataset, lab }: Place): Promise<readonly End[]> {
  const { activation, width, block, steps } = task;
  const members = await adamFrom(
    student(width, activation),
    starts.map((point) => curvature.unflatten(point)),
    { dataset, lab, steps, learningRate: 1e-3 / block, dtype: "float64" },
  );
  const points = members.map((parameters) => curvature.flatten(parameters));
  const slopes = await curvature.slopes(points);
  return points.map((point, i) => ({ point, loss: slopes[i]?.loss as number }));
}

function varianceOf({ train: { targets } }: Dataset): number {
  const values = toNumbers(targets);
  const mean = values.reduce((sum, y) => sum + y, 0) / values.length;
  return values.reduce((sum, y) => sum + (y - mean) ** 2, 0) / values.length;
}
