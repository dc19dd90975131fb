import { lineChart } from "../../figures/index.ts";
import { classifyUnits, reduce } from "../../landscape/index.ts";
import { judged, notRun } from "../claims.ts";
import type { Claim, Evidence, Figure, Findings, Outcome } from "../paper.ts";
import { teacherModel, toyModel } from "../toy.ts";
import { teacherCrosses } from "./crosses.ts";
import type { Students, Trained } from "./students.ts";

/** All students of one width, and how they were trained. */
interface Group {
  readonly activation: Students["activation"];
  readonly width: number;
  readonly route: "second order" | "Adam";
  readonly variance: number;
  readonly runs: Trained["runs"];
}

/** Of the variance of the targets: 1e-10 for sigmoid. */
const zeroLoss = 2e-9;
/** Of runs that went on to where rounding stops them. */
const exactLoss = 1e-20;

export async function concludeFrom({ outcomes, quick }: Evidence<Students, Trained>): Promise<Findings> {
  const groups = groupsOf(outcomes);
  const second = groups.filter(({ route }) => route === "second order");
  const adam = groups.filter(({ route }) => route === "Adam");
  const neurons = groups.find(
    ({ activation, width, route }) => activation === "g" && width === 10 && route === (quick ? "second order" : "Adam"),
  );
  return {
    claims: [
      growingClaim(second),
      stuckClaim(quick ? second : adam, quick),
      vastClaim(quick ? second : adam, quick),
      ...(await neuronClaims(neurons as Group)),
      ...(quick
        ? [notRun(adamStatement, "a million steps for each of 350 networks: in the full run only")]
        : [adamClaim(adam)]),
    ],
    figures: [
      lossFigure(quick ? second : adam),
      ...(quick ? [] : []),
      fractionFigure(second),
      neuronFigure(neurons as Group),
    ],
  };
}

function groupsOf(outcomes: readonly Outcome<Students, Trained>[]): Group[] {
  const last = outcomes.filter(({ task }) => task.stage !== "adam");
  const byName = Map.groupBy(last, ({ task: { activation, width, stage } }) => `${activation} ${width} ${stage}`);
  return Array.from(byName.values(), (chunks) => {
    const [{ task, result }] = chunks as [Outcome<Students, Trained>];
    return {
      activation: task.activation,
      width: task.width,
      route: task.stage === "finish" ? "Adam" : "second order",
      variance: result.variance,
      runs: chunks.flatMap((chunk) => chunk.result.runs),
    };
  });
}

function isSolved({ variance }: Group, loss: number): boolean {
  return loss < zeroLoss * variance;
}

function fractionOf(group: Group): number {
  return group.runs.filter(({ loss }) => isSolved(group, loss)).length / group.runs.length;
}

function named({ activation, width }: Group): string {
  return `${activation} ${width}`;
}

function fractions(groups: readonly Group[]): string {
  return groups.map((group) => `${named(group)}: ${Number(fractionOf(group).toFixed(2))}`).join(", ");
}

/** Widths of the students whose fractions another program found by BFGS from 50 seeds of its own. */
const growing = [4, 5, 6, 8];

function growingClaim(groups: readonly Group[]): Claim {
  const chosen = groups.filter(({ activation, width }) => activation === "sigmoid" && growing.includes(width));
  const found = chosen.map(fractionOf);
  const isGrowing = found.every((fraction, i) => i === 0 || fraction > (found[i - 1] as number) - 0.1);
  return judged(
    {
      id: "fraction-grows",
      claim: "The wider the student, the more seeds reach zero loss (sigmoid, teacher of width 4)",
      published: "grows to 1",
      method: `Newton's method with a trust region, ${chosen[0]?.runs.length} seeds each, in the place of Adam; an independent BFGS from 50 other seeds found 0.48, 0.84, 0.98, 1`,
    },
    fractions(chosen),
    isGrowing && (found[0] as number) < 0.7 && (found.at(-1) as number) >= 0.9,
  );
}

const quickMethod = "second-order minimisers from Glorot's weights in the place of Adam";

function stuckClaim(groups: readonly Group[], quick: boolean): Claim {
  const chosen = groups.filter(({ activation, width }) => activation === "sigmoid" && width === 5);
  return judged(
    {
      id: "mild-stuck",
      claim: "With one neuron more than the teacher has, some seeds end at local minima (sigmoid, n = 5)",
      published: "fraction below 1",
      ...(quick && { method: quickMethod }),
    },
    fractions(chosen),
    chosen.length > 0 && chosen.every((group) => fractionOf(group) < 1),
  );
}

function vastClaim(groups: readonly Group[], quick: boolean): Claim {
  const chosen = groups.filter(({ width }) => width >= 10);
  return judged(
    {
      id: "vast-zero",
      claim:
        "Vastly overparameterised students reach zero loss from every seed (n = 45 with sigmoid and exp, 10 and more with g)",
      published: "all",
      method: `${quick ? `${quickMethod}; ` : ""}seeds: ${chosen.map(({ runs }) => runs.length).join(", ")}; zero means below ${zeroLoss} of the variance of the targets`,
    },
    fractions(chosen),
    chosen.length > 0 && chosen.every((group) => fractionOf(group) === 1),
  );
}

const adamStatement = {
  id: "adam",
  claim:
    "Adam in 10 blocks of 100,000 steps at a learning rate of 1e-3 / i, 50 seeds: fractions at zero loss grow with the width",
  published: "grow to 1",
};

function adamClaim(groups: readonly Group[]): Claim {
  const byActivation = Map.groupBy(groups, ({ activation }) => activation);
  const isGrowing = [...byActivation.values()].every((each) =>
    each.every((group, i) => i === 0 || fractionOf(group) >= fractionOf(each[i - 1] as Group)),
  );
  return judged(
    { ...adamStatement, method: "Adam's moments start anew in every block; a second-order minimiser finishes" },
    fractions(groups),
    isGrowing,
  );
}

async function neuronClaims(group: Group): Promise<Claim[]> {
  const exact = group.runs.filter(({ loss }) => loss < exactLoss);
  const models = exact.map(({ point }) => modelAt(group.width, point));
  const classes = await Promise.all(models.map((model) => classifyUnits(model, teacherModel("g"), { layer: 0 })));
  const kinds = classes.flatMap(({ units }) => units.map(({ kind }) => kind));
  const count = (kind: (typeof kinds)[number]) => kinds.filter((each) => each === kind).length;
  const residual = Math.max(...classes.flatMap(({ teacher }) => teacher.map((each) => each.residual)));
  const cores = await Promise.all(models.map((model) => reduce(model)));
  const widths = cores.map(({ network }) => network.parameters[0]?.shape[0] as number);
  const method = `${exact.length} of ${group.runs.length} seeds, those with a loss below ${exactLoss}; trained by ${group.route === "Adam" ? "Adam, finished by second order" : "second order"}`;
  return [
    judged(
      {
        id: "neurons-of-zero-loss",
        claim:
          "At zero loss (g, n = 10) every neuron is a copy of a teacher's neuron, the outgoing weights of all copies adding up to its own, or in a group of equal neurons whose outgoing weights cancel",
        published: "all",
        method: `${method}; equal within 1 degree and 1 % of the length; sums of outgoing weights within ${residual.toExponential(0)}`,
      },
      `${count("copy")} copies, ${count("zero")} zero-type, ${count("constant") + count("unexplained")} others`,
      exact.length > 0 && count("copy") + count("zero") === kinds.length && residual < 1e-6,
    ),
    judged(
      {
        id: "irreducible",
        claim: "Merging equal neurons and dropping groups that cancel gives a network of the teacher's width",
        published: 4,
        method,
      },
      [...new Set(widths)].join(", "),
      widths.length > 0 && widths.every((width) => width === 4),
    ),
  ];
}

function modelAt(width: number, point: readonly number[]) {
  const incoming = Array.from({ length: width }, (_, i) => point.slice(2 * i, 2 * i + 2));
  return toyModel("g", { incoming, outgoing: point.slice(2 * width) });
}

/** Losses below this are rounding. */
const floor = 1e-32;

function lossFigure(groups: readonly Group[]): Figure {
  const shown = groups.filter(({ runs }) => runs.length >= 10).slice(0, 6);
  const sorted = (group: Group) =>
    group.runs.map(({ loss }) => Math.max(loss / group.variance, floor)).toSorted((a, b) => a - b);
  const title = "Final losses of all seeds, sorted";
  return {
    id: "final-losses",
    title,
    caption: `Mean squared error over the variance of the targets, after ${shown[0]?.route === "Adam" ? "Adam and a second-order finish" : "second-order minimisation"}; each curve goes through all seeds of one width, best first.`,
    svg: lineChart({
      title,
      x: "fraction of the seeds",
      y: "loss / variance of the targets",
      logarithmic: true,
      series: shown.map((group) => ({
        name: named(group),
        points: sorted(group).map((loss, i) => [(i + 1) / group.runs.length, Math.log10(loss)] as const),
      })),
    }),
    data: {
      columns: ["activation", "width", "seed", "loss", "loss / variance"],
      rows: groups.flatMap((group) =>
        group.runs.map(({ seed, loss }) => [group.activation, group.width, seed, loss, loss / group.variance]),
      ),
    },
  };
}

function fractionFigure(groups: readonly Group[]): Figure {
  const chosen = groups.filter(({ activation, width }) => activation === "sigmoid" && growing.includes(width));
  const title = "Seeds that reach zero loss, sigmoid";
  const reference = [0.48, 0.84, 0.98, 1];
  return {
    id: "zero-loss-fraction",
    title,
    caption: `A teacher of width 4; ${chosen[0]?.runs.length} seeds for each width here, 50 in the independent program.`,
    svg: lineChart({
      title,
      x: "width of the student",
      y: "fraction of the seeds",
      series: [
        { name: "here, Newton's method", points: chosen.map((group) => [group.width, fractionOf(group)] as const) },
        { name: "independent BFGS", points: growing.map((width, i) => [width, reference[i] as number] as const) },
      ],
    }),
    data: {
      columns: ["width", "fraction", "fraction, independent program"],
      rows: chosen.map((group, i) => [group.width, fractionOf(group), reference[i] as number]),
    },
  };
}

function neuronFigure(group: Group): Figure {
  const exact = group.runs.filter(({ loss }) => loss < exactLoss);
  const vectors = exact.flatMap(({ seed, point }) =>
    Array.from({ length: group.width }, (_, i) => ({
      seed,
      x: point[2 * i] as number,
      y: point[2 * i + 1] as number,
      outgoing: point[2 * group.width + i] as number,
    })),
  );
  const shown = vectors.filter(({ x, y }) => Math.hypot(x, y) < 2);
  const title = "Incoming weights of all neurons at zero loss";
  return {
    id: "neurons",
    title,
    caption: `g, width ${group.width}, ${exact.length} seeds: neurons pile up on the four of the teacher (crosses); all others are in groups that cancel. ${vectors.length - shown.length} of ${vectors.length} neurons lie outside of the figure.`,
    svg: lineChart({
      title,
      x: "first incoming weight",
      y: "second incoming weight",
      series: [
        { name: "neurons of students", points: shown.map(({ x, y }) => [x, y] as const), dots: true },
        { name: "teacher", points: teacherCrosses() },
      ],
    }),
    data: {
      columns: ["seed", "first incoming", "second incoming", "outgoing"],
      rows: vectors.map(({ seed, x, y, outgoing }) => [seed, x, y, outgoing]),
    },
  };
}
