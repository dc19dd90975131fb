import { matchWeights } from "../align/index.ts";
import { type Dataset, splitSize } from "../data/index.ts";
import { check } from "../errors.ts";
import { distances, geodesicPath, linearPath, profile, spheresOf } from "../landscape/index.ts";
import type { Parameters } from "../nets/index.ts";
import { checkTarget, progressBar, type WeightsFile } from "../node/index.ts";
import type { Discovery } from "../symmetry/index.ts";
import { fold } from "../tensor/index.ts";
import {
  describeProfiles,
  distanceLine,
  type Measured,
  measuredJson,
  profilesFigure,
  type Way,
} from "./barrier-report.ts";
import { seedKey } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, splitOf } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { figureOf, writeFigure } from "./figure-file.ts";
import { scaleFixed, scaleOutputHelp } from "./fixed-scales.ts";
import { formatCount } from "./format.ts";
import { checkSameNetwork, checkSameTypes } from "./same-network.ts";
import { choiceOf, numberOf } from "./values.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "the barrier between two networks, by every definition",
  usage: "<a> <b> --data <set> [options]",
  options: {
    ...dataOptions,
    split: { value: "NAME", help: "test, train or both (test)" },
    aligned: { help: "also with the units of the second renumbered to be like the first's" },
    geodesic: { help: "fix the scales of both, and go along spheres instead of the straight line" },
    "scale-output": { help: scaleOutputHelp },
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
  const sampling = samplingOf(call);
  const { dataset } = await datasetOf(call);
  checkScaling(call, dataset);
  const splits = splitsOf(call, dataset);
  const [first, second] = call.positionals as readonly [string, string];
  await using a = await weightsOf(first, call);
  await using b = await weightsOf(second, call);
  checkSameNetwork(a, b);
  const figure = figureOf(call);
  if (figure !== undefined) await checkTarget(figure, [first, second], call.options.force === true);
  const ways = await waysBetween([a, b], call);
  const profiles = await measure(call, { a, ways, splits, dataset, sampling });
  const main = profiles.find(({ way }) => way === ways.at(-1)) as Measured;
  const loss = dataset.task === "classification" ? "cross-entropy in nats" : "mean squared error";
  if (figure !== undefined) {
    const y = `${splits.length > 1 ? "" : `${main.split} `}${loss} on ${dataset.name}`;
    await writeFigure(call, figure, profilesFigure(profiles, y));
  }
  const { way, split, samples } = main;
  const where = `${split} ${loss} on ${dataset.name}, ${formatCount(samples)} samples`;
  const scaleOutput = call.options["scale-output"] === true;
  const setting = { path: way.kind, batchNorm: sampling.batchNorm, scaleOutput, figure: figure ?? null };
  return {
    json: { ...measuredJson(main), ...setting, profiles: profiles.map(measuredJson), assumptions: a.assumptions },
    text: [
      ...notesOn(a),
      `${where}, along the ${way.description}${way.aligned ? ", aligned" : ""}:`,
      ...describeProfiles(profiles, main, call.positionals),
      ...ways.map(distanceLine),
      ...(scaleOutput ? ["the loss is that of the networks with their last layers scaled; the error is theirs"] : []),
    ],
  };
}

function samplingOf(call: Call) {
  return {
    points: numberOf(call, "points", { least: 2, most: 100_000, whole: true }, 25),
    tolerance: numberOf(call, "tolerance", { above: 0 }, 1e-4),
    batchNorm: choiceOf(call, "batch-norm", ["keep", "re-estimate"], "keep"),
  };
}

type NamedSplit = ReturnType<typeof splitOf>;

/** The splits to measure on, the one to quote first. */
function splitsOf(call: Call, dataset: Dataset): readonly NamedSplit[] {
  const name = choiceOf(call, "split", ["test", "train", "both"], "test");
  const names = name === "both" ? (["test", "train"] as const) : [name];
  return names.map((split) => splitOf({ ...call, options: { ...call.options, split } }, dataset));
}

function checkScaling({ options }: Call, { task }: Dataset): void {
  if (!options["scale-output"]) return;
  check(options.geodesic, () => ({
    code: "usage",
    where: "--scale-output",
    message: "expected --geodesic beside it, got none",
    remedy: "a straight line leaves scales as they are",
  }));
  check(task === "classification", () => ({
    code: "usage",
    where: "--scale-output",
    message: `expected a classification, got a ${task}, of which it would change the error`,
    remedy: "leave it out",
  }));
}

/** The way between both as they are numbered, and with `--aligned` then the one between like units. */
async function waysBetween([a, b]: readonly [WeightsFile, WeightsFile], call: Call): Promise<readonly Way[]> {
  const { discovery } = a;
  const stored = [await a.read(), await b.read()];
  const [x, y] = (call.options.geodesic ? stored.map((each) => scaleFixed(call, discovery, each)) : stored) as [
    Parameters,
    Parameters,
  ];
  const asNumbered: Way = { aligned: false, ...wayBetween(discovery, [x, y], call) };
  if (!call.options.aligned) return [asNumbered];
  checkSameTypes(x, y, b.path);
  await using engine = await engineOf(call);
  const { parameters } = await matchWeights(x, y, discovery.group, { engine, key: fold(seedKey(call), "align") });
  return [asNumbered, { aligned: true, ...wayBetween(discovery, [x, parameters], call) }];
}

function wayBetween(discovery: Discovery, ends: readonly [Parameters, Parameters], call: Call): Omit<Way, "aligned"> {
  if (!call.options.geodesic) {
    return { kind: "linear", description: "straight line", path: linearPath(...ends), distances: distances(...ends) };
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
  };
}

interface Measuring {
  readonly a: WeightsFile;
  readonly ways: readonly Way[];
  readonly splits: readonly NamedSplit[];
  readonly dataset: Dataset;
  readonly sampling: ReturnType<typeof samplingOf>;
}

/** The profile of every way on every split. */
async function measure(call: Call, { a, ways, splits, dataset, sampling }: Measuring): Promise<readonly Measured[]> {
  await using engine = await engineOf(call);
  using bar = progressBar({ quiet: call.quiet });
  const profiles: Measured[] = [];
  for (const way of ways) {
    for (const { name, split } of splits) {
      const numbering = ways.length === 1 ? [] : [way.aligned ? "aligned" : "as numbered"];
      const label = [...numbering, ...(splits.length === 1 ? [] : [name])].join(", ");
      const onProgress = (done: number, total: number) =>
        bar.update({ label: ["along the path", label].filter(Boolean).join(", "), done, total, unit: "point" });
      const found = await profile(a.network(), way.path, dataset, { ...sampling, engine, split, onProgress });
      profiles.push({ way, split: name, samples: splitSize(split), label, found });
    }
  }
  return profiles;
}
