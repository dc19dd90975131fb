import { crossing, type RatioPoint, ratioCurve } from "../../counting/index.ts";
import { check } from "../../errors.ts";
import { lineChart } from "../../figures/index.ts";
import { chart } from "../chart.ts";
import type { Call, Outcome } from "../command.ts";
import { table } from "../format.ts";
import { numberOf, textOf } from "../values.ts";
import { drawTo, formatLog10, requiredNumber, type Topic } from "./topic.ts";

/** Saddles against global minima while a network grows. */
export const ratio: Topic = { takes: ["r", "k", "h", "out", "force"], run };

const widest = 1000;
const mostExtra = 500;

interface Plan {
  readonly minimal: number;
  readonly fewer: number;
  readonly least: number;
  readonly most: number;
}

async function run(call: Call): Promise<Outcome> {
  const plan = planOf(call);
  const { minimal, fewer, least, most } = plan;
  const points = ratioCurve(minimal, { fewer, most }).slice(least);
  const crossed = crossing(minimal, fewer);
  const figure = await drawTo(call, () => draw(plan, points));
  return {
    json: {
      r: minimal,
      k: fewer,
      crossing: crossed,
      points: points.map(({ extra, critical, expansion, ratio: value, log10Ratio, asymptotic }) => ({
        h: extra,
        G: String(critical),
        T: String(expansion),
        ratio: value,
        log10Ratio,
        asymptotic,
      })),
      figure,
    },
    text: describe(plan, points, crossed),
  };
}

function planOf(call: Call): Plan {
  const range = { least: 1, most: widest, whole: true };
  const minimal = requiredNumber(call, "r", range, "give the width of the minimal network, such as 10");
  const fewer = numberOf(call, "k", { least: 0, most: minimal - 1, whole: true }, Math.min(1, minimal - 1));
  return { minimal, fewer, ...extraOf(textOf(call, "h") ?? "0..20") };
}

function extraOf(text: string): { readonly least: number; readonly most: number } {
  const [, first, last] = /^(\d+)\.\.(\d+)$/.exec(text) ?? [];
  const [least, most] = [Number(first), Number(last)];
  check(least <= most && most <= mostExtra, () => ({
    code: "bad-option",
    where: "--h",
    message: `expected a range such as 0..20 within 0..${mostExtra}, got ${JSON.stringify(text)}`,
  }));
  return { least, most };
}

function describe(plan: Plan, points: readonly RatioPoint[], crossed: number): string[] {
  const rows = points.map(({ extra, log10Ratio, asymptotic }) => [
    String(extra),
    formatLog10(log10Ratio),
    formatLog10(Math.log10(asymptotic)),
  ]);
  return [
    `${nameOf(plan)}: saddles per global minimum`,
    "",
    ...table(["h", "log10 G/T", "log10 as r grows"], rows),
    "",
    ...(points.length > 1 ? [...chart(columnsOf(points), { x: "h extra units; log10 G/T" }), ""] : []),
    `The first h at which there are fewer saddles than minima is ${crossed}.`,
  ];
}

const mostColumns = 64;

/** The curve at about as many places as a terminal has room for. */
function columnsOf(points: readonly RatioPoint[]): (readonly [number, number])[] {
  const columns = Math.min(2 * points.length, mostColumns);
  return Array.from({ length: columns }, (_, i) => {
    const { extra, log10Ratio } = points[Math.round((i * (points.length - 1)) / (columns - 1))] as RatioPoint;
    return [extra, log10Ratio] as const;
  });
}

function nameOf({ minimal, fewer }: Plan): string {
  return `G(${minimal - fewer}, ${minimal} + h) / T(${minimal}, ${minimal} + h)`;
}

function draw(plan: Plan, points: readonly RatioPoint[]): string {
  const series = [
    { name: "exact", points: points.map(({ extra, log10Ratio }) => [extra, log10Ratio] as const) },
    {
      name: "limit of large r",
      points: points.map(({ extra, asymptotic }) => [extra, Math.log10(asymptotic)] as const),
    },
  ];
  return lineChart({
    title: `Saddles per global minimum: ${nameOf(plan)}`,
    x: "extra units h",
    y: "ratio of the numbers of subspaces",
    logarithmic: true,
    series,
  });
}
