import { matchWeights } from "../align/index.ts";
import { splitSize } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { check } from "../errors.ts";
import { lineChart } from "../figures/index.ts";
import {
  type BarrierDefinition,
  barrier,
  type Distances,
  distances,
  geodesicPath,
  linearPath,
  type Measure,
  onSpheres,
  type Profile,
  type ProfilePoint,
  profile,
  spheresOf,
} from "../landscape/index.ts";
import type { Parameters } from "../nets/index.ts";
import { progressBar, type WeightsFile, writeFileAtomically } from "../node/index.ts";
import { fold } from "../tensor/index.ts";
import { seedKey } from "./certificate.ts";
import { chart } from "./chart.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, splitOf } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { formatCount, formatLoss, formatPercent, table } from "./format.ts";
import { checkSameNetwork, checkSameTypes } from "./same-network.ts";
import { choiceOf, numberOf, textOf } from "./values.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "the barrier between two networks, by every definition",
  usage: "<a> <b> --data <set> [options]",
  options: {
    ...dataOptions,
    split: { value: "NAME", help: "train or test (test)" },
    aligned: { help: "first renumber the units of the second to be like the first's" },
    geodesic: { help: "fix the scales of both, and go along spheres instead of the straight line" },
    points: { value: "N", help: "points of the grid that sampling starts with (25)" },
    tolerance: { value: "X", help: "add points around the largest until no maximum rises by more (1e-4)" },
    "batch-norm": { value: "HOW", help: "keep, or re-estimate its statistics at every point from train data (keep)" },
    out: { short: "o", value: "FILE", help: "write the chart as an SVG figure" },
    force: { help: "replace the file if it is there" },
    seed: { value: "N", help: "seed of the alignment (0)" },
    ...weightsOptions,
    ...engineOptions,
  },
  positionals: [2, 2],
  examples: ["barrier a.safetensors b.safetensors --data digits --aligned"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const points = numberOf(call, "points", { least: 2, most: 100_000, whole: true }, 25);
  const tolerance = numberOf(call, "tolerance", { above: 0 }, 1e-4);
  const batchNorm = choiceOf(call, "batch-norm", ["keep", "re-estimate"], "keep");
  const { dataset } = await datasetOf(call);
  const { name: split, split: samples } = splitOf(call, dataset);
  const [first, second] = call.positionals as readonly [string, string];
  await using a = await weightsOf(first, call);
  await using b = await weightsOf(second, call);
  checkSameNetwork(a, b);
  await using engine = await engineOf(call);
  const ends = await endsOf([a, b], { call, engine });
  const way = wayBetween(a, ends, call);
  using bar = progressBar({ quiet: call.quiet });
  const onProgress = (done: number, total: number) =>
    bar.update({ label: "along the path", done, total, unit: "point" });
  const options = { engine, split: samples, points, tolerance, batchNorm, onProgress };
  const found = await profile(a.network(), way.path, dataset, options);
  const measure = dataset.task === "classification" ? "cross-entropy in nats" : "mean squared error";
  const where = `${split} ${measure} on ${dataset.name}`;
  const figure = textOf(call, "out");
  if (figure !== undefined) await writeFigure(figure, found, { where, call });
  const { kind: path, distances } = way;
  const count = splitSize(samples);
  const aligned = call.options.aligned === true;
  const setting = { path, aligned, distances, split, samples: count, batchNorm, figure: figure ?? null };
  const heading = `${where}, ${formatCount(count)} samples, along the ${way.description}${aligned ? ", aligned" : ""}:`;
  return {
    json: { ...profileJson(found), ...setting, assumptions: a.assumptions },
    text: [...notesOn(a), heading, ...describe(found, call), ...distanceLines(distances)],
  };
}

type Ends = readonly [Parameters, Parameters];

/** What the path goes between: on the spheres for a geodesic, and with like units at like places if asked for. */
async function endsOf(
  [a, b]: readonly [WeightsFile, WeightsFile],
  { call, engine }: { readonly call: Call; readonly engine: Engine },
): Promise<Ends> {
  const { group } = a.discovery;
  const stored = [await a.read(), await b.read()];
  const [x, y] = (call.options.geodesic ? stored.map((each) => onSpheres(group, each)) : stored) as [
    Parameters,
    Parameters,
  ];
  if (!call.options.aligned) return [x, y];
  checkSameTypes(x, y, b.path);
  const { parameters } = await matchWeights(x, y, group, { engine, key: fold(seedKey(call), "align") });
  return [x, parameters];
}

function wayBetween({ discovery }: WeightsFile, ends: Ends, call: Call) {
  if (!call.options.geodesic) {
    const kind = "linear";
    return { kind, description: "straight line", path: linearPath(...ends), distances: distances(...ends) } as const;
  }
  const spheres = spheresOf(discovery);
  check(spheres.length > 0, () => ({
    code: "no-spheres",
    where: "--geodesic",
    message: "expected a network with units that can be scaled, got one without",
    remedy: "leave --geodesic out",
  }));
  const count = spheres.reduce((sum, each) => sum + each.count, 0);
  return {
    kind: "geodesic",
    description: `geodesic on ${formatCount(count)} spheres`,
    path: geodesicPath(...ends, spheres),
    distances: distances(...ends, spheres),
  } as const;
}

const definitions = {
  absolute: "the largest value",
  mid: "above the mean of the ends",
  chord: "above the line between the ends",
} as const satisfies Readonly<Record<BarrierDefinition, string>>;

const names = Object.keys(definitions) as BarrierDefinition[];

function profileJson(found: Profile) {
  const points = found.points.map(({ t, loss, error }) => ({ t, loss: plain(loss), error }));
  return { points, loss: barriersJson(found, "loss"), error: barriersJson(found, "error"), ...found.refinement };
}

function barriersJson(found: Profile, of: Measure) {
  if (of === "error" && !hasError(found)) return null;
  return Object.fromEntries(names.map((name) => [name, plain(barrier(found, name, of))]));
}

function hasError({ points }: Profile): boolean {
  return points.every(({ error }) => error !== null);
}

/** JSON has no NaN and no infinities: they are written as text, so as not to be taken for numbers. */
function plain(x: number): number | string {
  return Number.isFinite(x) ? x : String(x);
}

function describe(found: Profile, { positionals: [first, second] }: Call): string[] {
  const drawn = chart(evenly(found), { x: `t: 0 is ${first}, 1 is ${second}` });
  return ["", ...drawn, "", ...barrierTable(found), "", ...accuracy(found)];
}

function barrierTable(found: Profile): string[] {
  const rows = names.map((name) => [
    name,
    formatLoss(barrier(found, name, "loss")),
    hasError(found) ? formatPercent(barrier(found, name, "error")) : "-",
    definitions[name],
  ]);
  return table(["barrier", "loss", "error", ""], rows);
}

function accuracy({ points, refinement }: Profile): string[] {
  const notFinite = points.filter(({ loss }) => !Number.isFinite(loss)).length;
  const warning = notFinite > 0 ? [`the loss is not finite at ${notFinite} points, which the chart leaves out`] : [];
  const tolerance = refinement ? `, the last of which raised no maximum by more than ${refinement.tolerance}` : "";
  return [`${points.length} points${tolerance}`, ...warning];
}

function distanceLines({ chord, perParameter, geodesic }: Distances): string[] {
  const along = geodesic === null ? "" : `, ${geodesic.toPrecision(4)} along the spheres`;
  return [`distance of the weights: ${chord.toPrecision(4)}${along}; ${perParameter.toPrecision(4)} per parameter`];
}

const columns = 61;

/** The loss at even steps, interpolated between the points. */
function evenly({ points }: Profile): (readonly [number, number])[] {
  return Array.from({ length: columns }, (_, column) => {
    const t = column / (columns - 1);
    const right = Math.max(
      1,
      points.findIndex((point) => point.t >= t),
    );
    const [from, to] = [points[right - 1], points[right]] as [ProfilePoint, ProfilePoint];
    return [t, from.loss + ((t - from.t) / (to.t - from.t)) * (to.loss - from.loss)] as const;
  });
}

async function writeFigure(path: string, { points }: Profile, { where, call }: { where: string; call: Call }) {
  const [start, end] = [points.at(0), points.at(-1)] as [ProfilePoint, ProfilePoint];
  const figure = lineChart({
    title: "Loss between two networks",
    x: "position on the path from the first to the second",
    y: where,
    series: [
      { name: "on the path", points: points.map(({ t, loss }) => [t, loss] as const) },
      { name: "between the ends", points: [start, end].map(({ t, loss }) => [t, loss] as const) },
    ],
  });
  await writeFileAtomically(path, [new TextEncoder().encode(figure)], { force: call.options.force === true });
}
