import { type Dataset, type ToyTeacher, teacherStudent } from "../../data/index.ts";
import { lineChart } from "../../figures/index.ts";
import { lowestMinimum, permutationPaths } from "../../landscape/index.ts";
import { fold, normal, rngKey } from "../../tensor/index.ts";
import { judged } from "../claims.ts";
import type { Evidence, Findings, Lab, Study } from "../paper.ts";
import { student } from "../toy.ts";

type Width = { readonly width: number; readonly starts: number; readonly steps: number };

interface Barriers {
  readonly loss: number;
  readonly pairs: readonly { readonly units: readonly [number, number]; readonly barrier: number | null }[];
}

/** Paths of all pairs of the best networks found for a teacher that is wider than they are. */
export const widths: Study<Width, Barriers> = {
  name: "widths",
  tasks: () => [2, 3, 4, 5].map((width) => ({ width, starts: 16, steps: 20 })),
  run: measured,
  conclude,
};

/** Units of the teacher. */
const teacherWidth = 12;

function wideTeacher(): Dataset {
  const key = fold(rngKey(7), "wide teacher");
  const incoming = normal(fold(key, "incoming"), [teacherWidth, 2], { dtype: "float64" }).data;
  const teacher: ToyTeacher = {
    incoming: Array.from({ length: teacherWidth }, (_, i) => [
      incoming[2 * i] as number,
      incoming[2 * i + 1] as number,
    ]),
    outgoing: [...normal(fold(key, "outgoing"), [teacherWidth], { dtype: "float64" }).data],
  };
  return teacherStudent({ activation: "sigmoid", teacher });
}

async function measured({ width, starts, steps }: Width, { engine, signal }: Lab): Promise<Barriers> {
  const dataset = wideTeacher();
  const { model, point } = await lowestMinimum(student(width, "sigmoid"), dataset, {
    key: rngKey(1),
    starts,
    engine,
    signal,
  });
  const pairs: Barriers["pairs"][number][] = [];
  for await (const path of permutationPaths(model, dataset, { layer: 0, method: "greedy", steps, engine, signal })) {
    pairs.push({ units: path.units, barrier: "barrier" in path ? path.barrier : null });
  }
  return { loss: point.loss, pairs };
}

function conclude({ outcomes }: Evidence<Width, Barriers>): Findings {
  const found = outcomes.map(({ task: { width }, result: { loss, pairs } }) => {
    const barriers = pairs.flatMap(({ barrier }) => (barrier === null ? [] : [barrier]));
    return { width, loss, pairs, failed: pairs.length - barriers.length, lowest: Math.min(...barriers) };
  });
  const failed = found.reduce((sum, each) => sum + each.failed, 0);
  const title = "Lowest barrier of all pairs against width";
  return {
    claims: [
      judged(
        {
          id: "wider-lower",
          claim: `The wider the network, the lower the barrier that has to be passed to exchange two neurons: lowest of all pairs, widths ${found.map(({ width }) => width).join(", ")}`,
          published: "falls",
          method: `best of 16 minima for a sigmoid teacher of width ${teacherWidth} on the toy's grid; 20 steps from minimum to minimum; no path converged for ${failed} pairs, nor for any of six neurons, whose minimum is too flat`,
        },
        found.map(({ lowest }) => lowest.toExponential(1)).join(", "),
        found.every(({ lowest }, i) => i === 0 || lowest < (found[i - 1]?.lowest as number)),
      ),
    ],
    figures: [
      {
        id: "barriers",
        title,
        caption: `Largest loss on the path above that of its ends. Sigmoid students of a teacher of width ${teacherWidth}.`,
        svg: lineChart({
          title,
          x: "width",
          y: "barrier, mean squared error",
          logarithmic: true,
          series: [{ name: "lowest", points: found.map(({ width, lowest }) => [width, Math.log10(lowest)] as const) }],
        }),
        data: {
          columns: ["width", "loss at the ends", "pair", "barrier"],
          rows: found.flatMap(({ width, loss, pairs }) =>
            pairs.map(({ units, barrier }) => [
              width,
              loss,
              units.map((unit) => unit + 1).join(" "),
              barrier ?? "not found",
            ]),
          ),
        },
      },
    ],
  };
}
