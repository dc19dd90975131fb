import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "../data/index.ts";
import { check } from "../errors.ts";
import {
  type ComputedPoint,
  type FailedPath,
  inTypesOf,
  type PathMethod,
  type PermutationPath,
  type PermutationPathOptions,
  permutationPath,
  permutationPaths,
  withUnitsExchanged,
} from "../landscape/index.ts";
import type { Model, Parameters } from "../nets/index.ts";
import { checkTarget, makeFolder, progressBar, type WeightsFile } from "../node/index.ts";
import { fold } from "../tensor/index.ts";
import type { Optimizer } from "../train/index.ts";
import { seedKey } from "./certificate.ts";
import { modelIn } from "./changed-network.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, withSamples } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { writeFigure } from "./figure-file.ts";
import { describePairs, describePath, pairsFigure, pairsJson, pathFigure, pathJson } from "./path-report.ts";
import { pairOf } from "./plateau.ts";
import { choiceOf, numberOf, requiredText, textOf } from "./values.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "the path on which two units change places",
  usage: "swap <model> --layer L --units I,J --data <set> [options]",
  options: {
    layer: { value: "NAME", help: "the layer, by name or number as in the census" },
    units: { value: "I,J", help: "its two units, counted from 0" },
    "all-pairs": { help: "instead: all pairs of the layer, ranked by barrier" },
    ...dataOptions,
    method: { value: "NAME", help: "strict, greedy or first-order (strict)" },
    steps: { value: "T", help: "steps of the distance to 0 (50; first-order 20)" },
    tolerance: { value: "X", help: "largest gradient (1e-10; first-order 1e-3)" },
    spectrum: { help: "strict, greedy: eigenvalues at every point too" },
    epochs: { value: "N", help: "first-order: passes at each distance (20)" },
    batch: { value: "B", help: "first-order: samples per step (all)" },
    sampler: { value: "NAME", help: "first-order: adam or sgd (adam)" },
    lr: { value: "X", help: "first-order: learning rate (adam 0.001, sgd 0.02)" },
    float64: { help: "first-order: train in double precision" },
    seed: { value: "N", help: "first-order: seed of the order of batches (0)" },
    out: { short: "o", value: "PATH", help: "folder for the whole path, or FILE.svg for the figure" },
    force: { help: "replace files that are there" },
    ...weightsOptions,
    ...engineOptions,
  },
  positionals: [2, 2],
  examples: [
    "path swap toy.safetensors --layer 0 --units 0,1 --data toy -o swap",
    "path swap toy.safetensors --layer 0 --all-pairs --data toy",
  ],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [topic, path] = call.positionals as readonly [string, string];
  check(topic === "swap", () => ({
    code: "bad-option",
    where: "path",
    message: `expected swap, got ${JSON.stringify(topic)}`,
  }));
  const isAll = call.options["all-pairs"] === true;
  const units = isAll ? null : pairOf(call);
  const options = optionsOf(call);
  const dataset = withSamples(call, (await datasetOf(call)).dataset);
  await using weights = await weightsOf(path, call);
  const setting: Setting = { weights, model: await modelIn(weights), dataset, options };
  return units ? await onePath(call, setting, units) : await allPaths(call, setting);
}

interface Setting {
  readonly weights: WeightsFile;
  readonly model: Model;
  readonly dataset: Dataset;
  readonly options: Omit<PermutationPathOptions, "units" | "engine">;
}

const recipeNames = ["epochs", "batch", "sampler", "lr", "float64", "seed"] as const;

function optionsOf(call: Call): Setting["options"] {
  const method = choiceOf(call, "method", ["strict", "greedy", "first-order"], "strict");
  const wholes = { least: 1, whole: true };
  const given = {
    steps: numberOf(call, "steps", { ...wholes, least: 2, most: 10_000 }),
    tolerance: numberOf(call, "tolerance", { above: 0 }),
    epochs: numberOf(call, "epochs", wholes),
    batchSize: numberOf(call, "batch", wholes),
  };
  checkRecipe(call, method);
  return {
    layer: requiredText(call, "layer", "name a layer of orbifold census"),
    method,
    optimizer: optimizerOf(call),
    dtype: call.options.float64 ? "float64" : "float32",
    key: fold(seedKey(call), "path"),
    spectrum: call.options.spectrum === true,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

function checkRecipe({ options }: Call, method: PathMethod): void {
  const stray = method === "first-order" ? undefined : recipeNames.find((name) => options[name] !== undefined);
  check(stray === undefined, () => ({
    code: "usage",
    where: `--${stray}`,
    message: `expected --method first-order beside it, got ${method}`,
    remedy: `leave out --${stray}`,
  }));
  check(method !== "first-order" || !options.spectrum, () => ({
    code: "usage",
    where: "--spectrum",
    message: "expected --method strict or greedy beside it, got first-order",
    remedy: "leave out --spectrum",
  }));
}

function optimizerOf(call: Call): Optimizer {
  const kind = choiceOf(call, "sampler", ["adam", "sgd"], "adam");
  const learningRate = numberOf(call, "lr", { above: 0 }, kind === "sgd" ? 0.02 : 0.001);
  return kind === "sgd" ? { kind, learningRate, momentum: 0.9 } : { kind, learningRate };
}

/** What `-o` names: a figure, or a folder for networks and figure. */
async function targetOf(call: Call, { weights }: Setting) {
  const out = textOf(call, "out");
  const isFigure = out?.toLowerCase().endsWith(".svg") ?? false;
  const folder = isFigure ? undefined : out;
  const figure = folder === undefined ? out : join(folder, "profile.svg");
  if (isFigure) await checkTarget(out as string, [weights.path], call.options.force === true);
  return { folder, figure };
}

async function onePath(call: Call, setting: Setting, units: readonly [number, number]): Promise<Outcome> {
  const { weights, model, dataset, options } = setting;
  const { folder, figure } = await targetOf(call, setting);
  await using engine = await engineOf(call);
  const path = permutationPath(model, dataset, { ...options, units, engine });
  // What cannot be done is said before a folder is made.
  const first = await path.next();
  await using _ = folder === undefined ? null : await makeFolder(folder);
  const write = folder === undefined ? null : await writerOf(call, { ...setting, units, folder });
  using bar = progressBar({ quiet: call.quiet });
  let next = first;
  while (!next.done) {
    const { t } = next.value;
    bar.update({ label: "towards the permutation point", done: Math.round(200 * t), total: 100, unit: "percent" });
    await write?.point(next.value);
    next = await path.next();
  }
  const found = next.value;
  const files = (await write?.rest(found)) ?? null;
  if (figure !== undefined) await writeFigure(call, figure, pathFigure(found, dataset));
  return {
    json: {
      output: folder ?? null,
      figure: figure ?? null,
      ...pathJson(found, files),
      assumptions: weights.assumptions,
    },
    text: [
      ...notesOn(weights),
      ...describePath(found, dataset),
      ...(files ? [`${files.points.length} networks of the path written to ${folder}`] : []),
    ],
    status: found.converged ? 0 : 1,
  };
}

interface Writing extends Setting {
  readonly units: readonly [number, number];
  readonly folder: string;
}

const pathFile = /^((there|back)-\d+|permutation-point|exchange-(from|to))\.(safetensors|onnx)$|^profile\.svg$/;

/** Throws where a folder has files of a path: half of a new one beside half of an old one would be no path. */
async function checkNoPath({ options }: Call, folder: string): Promise<void> {
  const old = options.force ? undefined : (await readdir(folder)).sort().find((name) => pathFile.test(name));
  check(old === undefined, () => ({
    code: "file-exists",
    where: join(folder, old as string),
    message: "already exists",
    remedy: "pass --force or another -o",
  }));
}

/** Writes the networks of a path as they come, those of the second half with them. */
async function writerOf(call: Call, { weights, model, options: { layer }, units, folder }: Writing) {
  const isOnnx = weights.path.toLowerCase().endsWith(".onnx");
  await checkNoPath(call, folder);
  const before = await weights.read();
  const written: string[] = [];
  const file = async (name: string, parameters: Parameters) => {
    const path = join(folder, `${name}${isOnnx ? ".onnx" : ".safetensors"}`);
    const kept = isOnnx ? inTypesOf(model.parameters, parameters) : parameters;
    await weights.write(path, { ...before, ...kept }, { force: call.options.force === true });
    return path;
  };
  const back: string[] = [];
  return {
    async point({ distance, parameters }: ComputedPoint): Promise<void> {
      if (distance === 0) {
        written.push(await file("permutation-point", parameters));
        return;
      }
      const number = String(written.length).padStart(4, "0");
      const exchanged = withUnitsExchanged({ ...model, parameters }, { layer, units });
      written.push(await file(`there-${number}`, parameters));
      back.unshift(await file(`back-${number}`, exchanged));
    },
    async rest({ exchange }: PermutationPath) {
      const ends = [await file("exchange-from", exchange.from), await file("exchange-to", exchange.to)];
      return { points: [...written, ...back], exchange: ends };
    },
  };
}

async function allPaths(call: Call, setting: Setting): Promise<Outcome> {
  const { weights, model, dataset, options } = setting;
  const { folder, figure } = await targetOf(call, setting);
  check(folder === undefined, () => ({
    code: "usage",
    where: "--all-pairs",
    message: `expected a figure such as pairs.svg with -o, got ${folder}`,
    remedy: "write the networks of one pair with --units",
  }));
  await using engine = await engineOf(call);
  using bar = progressBar({ quiet: call.quiet });
  const found: PermutationPath[] = [];
  const failed: FailedPath[] = [];
  for await (const { total, ...each } of permutationPaths(model, dataset, { ...options, engine })) {
    if ("reason" in each) failed.push(each);
    else found.push(each);
    bar.update({ label: "pairs of units", done: found.length + failed.length, total, unit: "pair" });
  }
  const ranked = found.toSorted((a, b) => a.barrier - b.barrier);
  const drawn = ranked.length > 0 ? figure : undefined;
  if (drawn !== undefined) await writeFigure(call, drawn, pairsFigure(ranked, dataset));
  return {
    json: { figure: drawn ?? null, ...pairsJson(ranked, failed), assumptions: weights.assumptions },
    text: [...notesOn(weights), ...describePairs(ranked, failed, dataset)],
    status: failed.length === 0 && ranked.every(({ converged }) => converged) ? 0 : 1,
  };
}
