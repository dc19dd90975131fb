import {
  type Fraction,
  factorial,
  permutationPointCount,
  permutationPointRatio,
  permutationPointRatioWithinLayers,
  surjectionPointCount,
} from "../../counting/index.ts";
import { teacherStudent } from "../../data/index.ts";
import { lowestMinimum, permutationPoints } from "../../landscape/index.ts";
import { rngKey } from "../../tensor/index.ts";
import { curvatureOf } from "../../train/index.ts";
import { judged } from "../claims.ts";
import type { Claim, Lab, Study } from "../paper.ts";
import { student } from "../toy.ts";

type Order = { readonly width: number; readonly order: number };

interface Points {
  readonly made: number;
  readonly distinct: number;
  readonly gradientNorm: number;
}

const small: readonly Order[] = [
  { width: 4, order: 1 },
  { width: 4, order: 2 },
  { width: 5, order: 2 },
  { width: 6, order: 2 },
  { width: 6, order: 3 },
];

/** Makes all permutation points of some orders from one minimum of a narrower network. */
export const orders: Study<Order, Points> = {
  name: "orders",
  tasks: () => small,
  run: made,
  conclude: ({ outcomes }) => ({
    claims: claimsOf(outcomes.map(({ task, result }) => ({ ...task, ...result }))),
    figures: [],
  }),
};

async function made({ width, order }: Order, { engine, signal }: Lab): Promise<Points> {
  const dataset = teacherStudent();
  const narrow = student(width - order, "sigmoid");
  const { model } = await lowestMinimum(narrow, dataset, { key: rngKey(1), engine, signal });
  const points = [...permutationPoints(model, [{ layer: 0, pairs: order }])];
  await using curvature = await curvatureOf(student(width, "sigmoid"), dataset, { engine });
  const places = points.map(({ parameters }) => curvature.flatten(parameters));
  const slopes = await curvature.slopes(places);
  return {
    made: points.length,
    distinct: new Set(places.map((place) => place.join())).size,
    gradientNorm: Math.max(...slopes.map(({ gradient }) => Math.hypot(...gradient))),
  };
}

function claimsOf(found: readonly (Order & Points)[]): Claim[] {
  const formula = found.map(({ width, order }) => Number(permutationPointCount([width], order)));
  const gradientNorm = Math.max(...found.map((each) => each.gradientNorm));
  const all = found.map(({ width, order }) => surjectionPointCount([width], order)).join(", ");
  const [spread, within] = [permutationPointRatio([10, 10], 2), permutationPointRatioWithinLayers([10, 10], 2)].map(
    decimal,
  ) as [number, number];
  const single = decimal(permutationPointRatio([6], 2));
  return [
    judged(
      {
        id: "order-count",
        claim: `There are at least n! C(n - K, K) / 2^K permutation points of order K in a layer of n neurons: distinct critical points made for (n, K) = ${found.map(({ width, order }) => `(${width}, ${order})`).join(", ")}`,
        published: formula.join(", "),
        origin: "formula",
        method: `from the best minimum found of n - K neurons; largest gradient norm ${gradientNorm.toExponential(1)}; not in pairs only there are ${all}`,
        command: "orbifold count points --width 6 --order 2",
      },
      found.map(({ distinct }) => distinct).join(", "),
      found.every(({ distinct, made }, i) => distinct === made && distinct === formula[i]) && gradientNorm < 1e-10,
    ),
    judged(
      {
        id: "order-factor",
        claim: "For each equivalent minimum these are C(n - K, K) / 2^K; for (6, 2)",
        published: 1.5,
        origin: "formula",
        command: "orbifold count points --width 6 --order 2",
      },
      (found.find(({ width, order }) => width === 6 && order === 2)?.distinct ?? 0) / Number(factorial(6)),
      single === 1.5,
    ),
    judged(
      {
        id: "order-layers",
        claim: "In several layers the sum over the layers is a lower bound; widths (10, 10), K = 2",
        published: `at least ${within}`,
        origin: "formula",
        method: "pairs may be spread over both layers, which the sum leaves out",
        command: "orbifold count points --width 10,10 --order 2",
      },
      spread,
      within === 14 && spread === 34.25,
    ),
  ];
}

function decimal({ numerator, denominator }: Fraction): number {
  return Number(numerator) / Number(denominator);
}
