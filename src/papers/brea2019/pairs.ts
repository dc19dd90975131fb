import { teacherStudent, toyTeacher } from "../../data/index.ts";
import { lineChart } from "../../figures/index.ts";
import {
  type ComputedPoint,
  type PermutationPath,
  permutationPath,
  withUnitsExchanged,
} from "../../landscape/index.ts";
import { curvatureOf, symmetricEigenvalues } from "../../train/index.ts";
import { agree, explained, judged } from "../claims.ts";
import type { Claim, Figure, Lab, Study } from "../paper.ts";
import { student, teacherModel, toyModel } from "../toy.ts";

/** Two neurons of the teacher, counted from 0. */
type Pair = { readonly units: readonly [number, number]; readonly method: "strict" | "greedy"; readonly steps: number };

interface Path {
  readonly initialDistance: number;
  readonly points: readonly { readonly t: number; readonly distance: number; readonly loss: number }[];
  /** Largest gradient norm at fixed distance. */
  readonly gradientNorm: number;
  /** Of the losses of the points with labels exchanged. */
  readonly mirrorDeviation: number;
  readonly exchangeDeviation: number;
  readonly branchChanges: readonly { readonly kind: string; readonly distance: number; readonly size: number }[];
  readonly point: {
    readonly loss: number;
    readonly gradientNorm: number;
    readonly negative: number;
    readonly zero: number;
    readonly lowest: number;
  };
  /** The network in which the two neurons are one. */
  readonly merged: { readonly loss: number; readonly gradientNorm: number; readonly lowest: number };
}

/** The pairs of the teacher with the distance of their incoming weights and the loss where they collide. */
const reference = [
  { units: [0, 2], distance: 1.3601, loss: 1.012946289061e-5 },
  { units: [0, 3], distance: 1.2083, loss: 1.012946289061e-5 },
  { units: [1, 2], distance: 1.1402, loss: 1.012946289061e-5 },
  { units: [1, 3], distance: 1.253, loss: 1.012946289061e-5 },
  { units: [2, 3], distance: 0.3, loss: 1.012946289061e-5 },
  { units: [0, 1], distance: 1.1, loss: 1.0973406702e-2 },
] as const;

const steps = 50;
/** The last pair ends elsewhere by longer steps. */
const fewSteps = 10;

/** Exchanges each pair of neurons of the toy's teacher. */
export const pairs: Study<Pair, Path> = {
  name: "pairs",
  tasks: () => [
    ...(["greedy", "strict"] as const).flatMap((method) => reference.map(({ units }) => ({ units, method, steps }))),
    { units: [0, 1], method: "greedy", steps: fewSteps },
  ],
  run: followed,
  conclude: ({ outcomes }) => {
    const paths = outcomes.map(({ task, result }) => ({ ...task, ...result }));
    const greedy = paths.filter((path) => path.method === "greedy" && path.steps === steps);
    return { claims: claimsOf(paths, greedy), figures: [lossFigure(greedy)] };
  },
};

async function followed({ units, method, steps }: Pair, { engine, signal }: Lab): Promise<Path> {
  const dataset = teacherStudent();
  const teacher = teacherModel("sigmoid");
  await using curvature = await curvatureOf(teacher.network, dataset, { engine });
  const walk = permutationPath(teacher, dataset, { layer: 0, units, method, steps, engine, signal });
  const computed: ComputedPoint[] = [];
  let next = await walk.next();
  for (; !next.done; next = await walk.next()) computed.push(next.value);
  const path = next.value;
  const mirrored = computed.map(({ parameters }) =>
    curvature.flatten(withUnitsExchanged({ network: teacher.network, parameters }, { layer: 0, units })),
  );
  const slopes = await curvature.slopes(mirrored);
  return {
    initialDistance: path.initialDistance,
    points: path.points.map(({ t, distance, loss }) => ({ t, distance, loss })),
    gradientNorm: path.gradientNorm,
    mirrorDeviation: Math.max(...slopes.map(({ loss }, i) => Math.abs(loss - (computed[i]?.loss as number)))),
    exchangeDeviation: path.exchange.deviation,
    branchChanges: path.branchChanges.map(({ kind, distance, size }) => ({ kind, distance, size })),
    point: pointOf(path),
    merged: await mergedAt(path, curvature.flatten(path.permutationPoint.parameters), engine),
  };
}

function pointOf({ permutationPoint: { loss, gradientNorm, index, eigenvalues } }: PermutationPath): Path["point"] {
  return {
    loss,
    gradientNorm,
    negative: index?.negative as number,
    zero: index?.zero as number,
    lowest: eigenvalues?.[0] as number,
  };
}

/** The network of one neuron less that computes the same as the permutation point. */
async function mergedAt({ units }: PermutationPath, x: Float64Array, engine: Lab["engine"]): Promise<Path["merged"]> {
  const width = toyTeacher.outgoing.length;
  const kept = Array.from({ length: width }, (_, i) => i).filter((i) => i !== units[1]);
  const weightOf = (i: number) => (i === units[0] ? 2 : 1) * (x[2 * width + i] as number);
  const model = toyModel("sigmoid", {
    incoming: kept.map((i) => [x[2 * i] as number, x[2 * i + 1] as number]),
    outgoing: kept.map(weightOf),
  });
  await using curvature = await curvatureOf(student(width - 1, "sigmoid"), teacherStudent(), { engine });
  const [at] = await curvature.curvatures([curvature.flatten(model.parameters)]);
  const { loss, gradient, hessian } = at as NonNullable<typeof at>;
  return {
    loss,
    gradientNorm: Math.hypot(...gradient),
    lowest: symmetricEigenvalues(hessian, curvature.size)[0] as number,
  };
}

type Followed = Pair & Path;

function nameOf({ units: [i, j] }: Pick<Pair, "units">): string {
  return `(${i + 1},${j + 1})`;
}

const critical = 1e-10;

function claimsOf(paths: readonly Followed[], greedy: readonly Followed[]): Claim[] {
  const strict = paths.filter(({ method }) => method === "strict");
  const worst = (value: (path: Followed) => number) => Math.max(...paths.map(value));
  return [
    judged(
      {
        id: "distances",
        claim: `Distances of the incoming weights of the teacher's pairs of neurons ${greedy.map(nameOf).join(" ")}, at which the paths start`,
        published: reference.map(({ distance }) => distance.toFixed(4)).join(", "),
        origin: "program",
      },
      greedy.map(({ initialDistance }) => initialDistance.toFixed(4)).join(", "),
      greedy.every(({ initialDistance }, i) => Math.abs(initialDistance - (reference[i]?.distance as number)) < 1e-4),
    ),
    ...pointClaims(paths, greedy, strict),
    judged(
      {
        id: "critical",
        claim: "Permutation points are critical points: largest gradient norm",
        published: 0,
        method: `all paths; pass below ${critical}`,
      },
      worst(({ point }) => point.gradientNorm),
      worst(({ point }) => point.gradientNorm) < critical,
    ),
    judged(
      {
        id: "merged",
        claim:
          "The network in which the two neurons are one is at a critical point of its own loss: largest gradient norm, at the same losses",
        published: 0,
        method: `pass below ${critical}, losses within 1e-15`,
      },
      worst(({ merged }) => merged.gradientNorm),
      paths.every(({ merged, point }) => merged.gradientNorm < critical && Math.abs(merged.loss - point.loss) < 1e-15),
    ),
    judged(
      {
        id: "mirror",
        claim:
          "The way back is the way there with the labels exchanged: the loss is symmetric in t and 1 - t; largest deviation",
        published: 0,
        method: "losses evaluated at the exchanged weights; pass below 1e-15",
      },
      worst(({ mirrorDeviation }) => mirrorDeviation),
      worst(({ mirrorDeviation }) => mirrorDeviation) < 1e-15,
    ),
    judged(
      {
        id: "exchange",
        claim:
          "At the permutation point the outgoing weights change places on a straight line of constant loss; largest deviation",
        published: 0,
        method: "11 points of the line; pass below 1e-15",
      },
      worst(({ exchangeDeviation }) => exchangeDeviation),
      worst(({ exchangeDeviation }) => exchangeDeviation) < 1e-15,
    ),
    continuityClaim(strict),
    judged(
      {
        id: "first-order-saddles",
        claim:
          "Some permutation points are first-order saddles: negative eigenvalues where the outgoing weights are shared evenly",
        published: "1 for some",
      },
      greedy.map((path) => `${nameOf(path)}: ${path.point.negative}`).join(", "),
      greedy.some(({ point }) => point.negative === 1),
    ),
  ];
}

function pointClaims(paths: readonly Followed[], greedy: readonly Followed[], strict: readonly Followed[]): Claim[] {
  const isExpected = ({ point, units }: Followed) =>
    reference.some((each) => each.units.join() === units.join() && agree(point.loss, each.loss, 1e-6));
  const five = (all: readonly Followed[]) => all.slice(0, -1);
  const last = [paths.find((path) => path.steps === fewSteps), greedy.at(-1), strict.at(-1)] as Followed[];
  const [few, many, followed] = last.map(({ point }) => point.loss.toExponential(6)) as [string, string, string];
  return [
    judged(
      {
        id: "permutation-points",
        claim: `Two neurons can be brought together while everything else minimises the loss; losses of the permutation points of ${five(greedy).map(nameOf).join(" ")}`,
        published: five(greedy)
          .map(() => "1.012946e-5")
          .join(", "),
        origin: "program",
        method: `${steps} steps from minimum to minimum, and the same by following one branch`,
      },
      five(greedy)
        .map(({ point }) => point.loss.toExponential(6))
        .join(", "),
      [...five(greedy), ...five(strict)].every(isExpected),
    ),
    explained(
      {
        id: "last-permutation-point",
        claim: "The same for (1,2), the neurons that share a second weight",
        published: 1.0973406702e-2,
        origin: "program",
      },
      `${few} by ${fewSteps} steps, ${many} by ${steps}, ${followed} along one branch`,
      isExpected(last[0] as Followed) && last.slice(1).every((path) => !isExpected(path)),
      "there is more than one permutation point of this pair, and which one is reached depends on the steps: a branch of minima ends on the way, after which weights of some hundreds lead to a lower one",
    ),
  ];
}

function continuityClaim(strict: readonly Followed[]): Claim {
  const broken = strict.filter(({ branchChanges }) => branchChanges.some(({ kind }) => kind !== "index"));
  const whole = strict.filter((path) => !broken.includes(path));
  return explained(
    {
      id: "smooth",
      claim: "There are smooth paths: pairs for which one branch of minima leads all the way to the permutation point",
      published: `all ${strict.length}`,
      method: "tangent predictor and Newton corrector, with steps down to 1e-5 of the distance",
    },
    whole.length,
    whole.map(nameOf).join() === "(3,4)" &&
      broken.every(({ branchChanges }) => branchChanges.every(({ kind }) => kind === "fold")),
    `for ${broken.map(nameOf).join(" ")} the branch ends in a fold, where its Hessian is singular, and the path goes on from the next minimum at the same distance; descent between the two keeps it continuous without a higher loss, but not smooth`,
  );
}

function lossFigure(paths: readonly Followed[]): Figure {
  const title = "Loss on the paths of all six pairs";
  return {
    id: "paths",
    title,
    caption: `From the teacher to itself with two neurons exchanged; the permutation point is in the middle. Mean squared error, ${steps} steps from minimum to minimum for each half.`,
    svg: lineChart({
      title,
      x: "t, where the distance of the neurons is d0 |1 - 2 t|",
      y: "loss",
      series: paths.map((path) => ({
        name: `neurons ${nameOf(path)}`,
        points: path.points.map(({ t, loss }) => [t, loss] as const),
      })),
    }),
    data: {
      columns: ["pair", "t", "distance", "loss"],
      rows: paths.flatMap((path) => path.points.map(({ t, distance, loss }) => [nameOf(path), t, distance, loss])),
    },
  };
}
