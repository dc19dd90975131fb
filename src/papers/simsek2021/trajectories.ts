import { teacherStudent, toyTeacher } from "../../data/index.ts";
import { lineChart } from "../../figures/index.ts";
import { initializeParameters } from "../../nets/index.ts";
import { rngKey } from "../../tensor/index.ts";
import { curvatureOf, type Flow, gradientFlow } from "../../train/index.ts";
import type { Figure, Lab, Study } from "../paper.ts";
import { student } from "../toy.ts";
import { teacherCrosses } from "./crosses.ts";

type Start = { readonly width: number; readonly seed: number };

interface Trajectory {
  readonly samples: readonly { readonly time: number; readonly loss: number; readonly point: readonly number[] }[];
}

/** From 1e-3 to 1e5, twenty in a decade. */
const times = Array.from({ length: 161 }, (_, i) => 10 ** (i / 20 - 3));

/** The gradient flow of one student of five neurons with g, from Glorot's weights. */
export const trajectories: Study<Start, Trajectory> = {
  name: "trajectories",
  tasks: () => [{ width: 5, seed: 2 }],
  run: flown,
  conclude: ({ outcomes }) => ({ claims: [], figures: outcomes.map(({ task, result }) => figure(task, result)) }),
};

async function flown({ width, seed }: Start, { engine, signal }: Lab): Promise<Trajectory> {
  const network = student(width, "g");
  await using curvature = await curvatureOf(network, teacherStudent({ activation: "g" }), { engine });
  const start = curvature.flatten(initializeParameters(network, rngKey(seed), "float64"));
  const [flow] = (await gradientFlow(curvature, [start], { times, steps: 100_000, signal })) as [Flow];
  return { samples: flow.samples.map(({ time, loss, point }) => ({ time, loss, point: [...point] })) };
}

function closestTeacher([x, y]: readonly [number, number]): { readonly neuron: number; readonly distance: number } {
  const distances = toyTeacher.incoming.map(([a = 0, b = 0]) => Math.hypot(x - a, y - b));
  const distance = Math.min(...distances);
  return { neuron: distances.indexOf(distance), distance };
}

function figure({ width, seed }: Start, { samples }: Trajectory): Figure {
  const neurons = Array.from({ length: width }, (_, i) => i);
  const title = "Incoming weights under gradient flow";
  const last = samples.at(-1) as Trajectory["samples"][number];
  const ends = neurons.map((i) => closestTeacher([last.point[2 * i] as number, last.point[2 * i + 1] as number]));
  const reached = new Set(ends.map(({ neuron }) => neuron)).size;
  const furthest = Math.max(...ends.map(({ distance }) => distance));
  return {
    id: "trajectories",
    title,
    caption: `g, width ${width}, seed ${seed}, up to time ${last.time.toExponential(0)}, where the loss is ${last.loss.toExponential(1)}. The ${width} neurons are within ${furthest.toPrecision(1)} of ${reached} of the teacher's ${toyTeacher.outgoing.length} (crosses).`,
    svg: lineChart({
      title,
      x: "first incoming weight",
      y: "second incoming weight",
      series: [
        ...neurons.map((i) => ({
          name: `neuron ${i + 1}`,
          points: samples.map(({ point }) => [point[2 * i] as number, point[2 * i + 1] as number] as const),
        })),
        { name: "teacher", points: teacherCrosses() },
      ],
    }),
    data: {
      columns: [
        "time",
        "loss",
        ...neurons.flatMap((i) => [`first, ${i + 1}`, `second, ${i + 1}`, `outgoing, ${i + 1}`]),
      ],
      rows: samples.map(({ time, loss, point }) => [
        time,
        loss,
        ...neurons.flatMap((i) => [point[2 * i], point[2 * i + 1], point[2 * width + i]] as number[]),
      ]),
    },
  };
}
