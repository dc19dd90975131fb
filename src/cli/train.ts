import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { closestName } from "../closest-name.ts";
import type { Dataset } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { check } from "../errors.ts";
import { encodeModelFile, networkNames, type Parameters } from "../nets/index.ts";
import { lockFolder, makeFolder, progressBar, runTraining, writeFileAtomically } from "../node/index.ts";
import { rngKey } from "../tensor/index.ts";
import { type Evaluation, evaluate, memberParameters, type Progress, type TrainingState } from "../train/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, withSamples } from "./data-options.ts";
import { engineName, engineOf, engineOptions } from "./engine-options.ts";
import { formatLoss, formatPercent, table } from "./format.ts";
import { interruptSignal } from "./interrupt.ts";
import { networkFor, networkOptions } from "./network-options.ts";
import { recipeOf, recipeOptions } from "./recipe-options.ts";
import { numberOf, requiredText } from "./values.ts";

export const command: Command = {
  summary: "train one network, or many at once",
  usage: "<net> --data <set> -o <folder> [options]",
  options: {
    ...dataOptions,
    out: { short: "o", value: "DIR", help: "folder for the trained networks" },
    count: { value: "M", help: "networks trained together, with seeds N, N+1, ... (1)" },
    seed: { value: "N", help: "seed of the first network (0)" },
    ...recipeOptions,
    resume: { help: "go on with a run that was interrupted" },
    force: { help: "replace networks that are already there" },
    ...networkOptions,
    ...engineOptions,
  },
  positionals: [1, 1],
  examples: [
    "train mlp --data digits --widths 64,64 --count 2 -o out",
    "train lenet --data mnist --epochs 10 --sampler adam --lr 0.001 -o out",
  ],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const plan = await planOf(call);
  await using _folder = await makeFolder(plan.folder);
  using interrupt = interruptSignal();
  await using _lock = await lockFolder(plan.folder);
  refuseExisting(plan);
  await using engine = await engineOf(call);
  const { state, seconds, steps } = await trainAll(plan, engine, { call, signal: interrupt.signal });
  const parameters = memberParameters(plan.network, state);
  const models = await judge(plan, parameters, state, engine);
  for (const [i, model] of models.entries()) await store(plan, model, parameters[i] as Parameters, i, state);
  await rm(plan.statePath, { force: true });
  return report(models, seconds, steps / seconds);
}

type Plan = Awaited<ReturnType<typeof planOf>>;

/** Everything that a run needs to know, checked before anything is written. */
async function planOf(call: Call) {
  const [name] = call.positionals as readonly [string];
  const folder = requiredText(call, "out", "name a folder with -o");
  const meant = closestName(name, networkNames);
  check(networkNames.includes(name), () => ({
    code: "unknown-net",
    where: "train",
    message: `expected one of ${networkNames.join(", ")}, got ${JSON.stringify(name)}`,
    ...(meant && { remedy: `did you mean ${meant}?` }),
  }));
  const recipe = recipeOf(call);
  const count = numberOf(call, "count", { least: 1, most: 100_000, whole: true }, 1);
  const first = numberOf(call, "seed", { least: 0, most: Number.MAX_SAFE_INTEGER - count, whole: true }, 0);
  const dataset = withSamples(call, (await datasetOf(call)).dataset);
  const network = networkFor(name, call, dataset);
  const seeds = Array.from({ length: count }, (_, i) => first + i);
  return {
    folder,
    network,
    dataset,
    recipe,
    members: seeds.map((seed) => ({ seed, path: join(folder, `${name}-seed${seed}.safetensors`) })),
    statePath: join(folder, `${name}-state.safetensors`),
    settings: { network: network.description, data: dataUsed(dataset), engine: engineName(call), seeds, ...recipe },
    resume: call.options.resume === true,
    force: call.options.force === true,
  };
}

function dataUsed({ name, train }: Dataset) {
  return { name, samples: train.inputs.shape[0] };
}

function refuseExisting({ members, statePath, resume, force }: Plan): void {
  if (force) return;
  const existing = members.map(({ path }) => path).find((path) => existsSync(path));
  check(existing === undefined, () => ({
    code: "file-exists",
    where: existing as string,
    message: "already exists",
    remedy: "pass --force or another -o",
  }));
  check(resume || !existsSync(statePath), () => ({
    code: "file-exists",
    where: statePath,
    message: "holds an unfinished run",
    remedy: "pass --resume to go on with it, --force to lose it, or another -o",
  }));
}

async function trainAll(
  { network, dataset, recipe, members, ...plan }: Plan,
  engine: Engine,
  { call, signal }: { readonly call: Call; readonly signal: AbortSignal },
) {
  using bar = progressBar({ quiet: call.quiet });
  const start = performance.now();
  const { state, steps } = await runTraining({
    network,
    dataset,
    options: { ...recipe, engine, keys: members.map(({ seed }) => rngKey(seed)) },
    settings: plan.settings,
    statePath: plan.statePath,
    resume: plan.resume,
    signal,
    onStep(progress) {
      bar.update({
        label: "training",
        done: progress.step,
        total: progress.steps,
        unit: "step",
        note: noteOf(progress),
      });
    },
  });
  return { state, steps, seconds: (performance.now() - start) / 1000 };
}

function noteOf({ losses }: Progress): string {
  return `loss ${formatLoss(losses.reduce((sum, loss) => sum + loss, 0) / losses.length)}`;
}

interface TrainedModel {
  readonly path: string;
  readonly seed: number;
  readonly epochs: number;
  readonly trainLoss: number;
  readonly trainError: number | null;
  readonly testLoss: number;
  readonly testError: number | null;
}

async function judge(plan: Plan, parameters: readonly Parameters[], state: TrainingState, engine: Engine) {
  const { network, dataset, members } = plan;
  const train = await evaluate(network, parameters, dataset, { engine, split: "train" });
  const test = await evaluate(network, parameters, dataset, { engine, split: "test" });
  return members.map(({ path, seed }, i): TrainedModel => {
    const [onTrain, onTest] = [train[i] as Evaluation, test[i] as Evaluation];
    return {
      path,
      seed,
      epochs: state.history.length,
      trainLoss: onTrain.loss,
      trainError: onTrain.error,
      testLoss: onTest.loss,
      testError: onTest.error,
    };
  });
}

/** Writes a network with the record of how it came about. */
async function store(plan: Plan, model: TrainedModel, parameters: Parameters, member: number, state: TrainingState) {
  const { path, ...summary } = model;
  const { seeds: _, network: __, ...settings } = plan.settings;
  const history = state.history.map(({ loss, error, ...epoch }) => ({
    ...epoch,
    loss: loss[member],
    error: error?.[member] ?? null,
  }));
  const training = JSON.stringify({ ...settings, ...summary, history });
  const file = encodeModelFile(plan.network, parameters, { "orbifold.training": training });
  await writeFileAtomically(path, file, { force: plan.force });
}

function report(models: readonly TrainedModel[], seconds: number, stepsPerSecond: number): Outcome {
  const rows = models.map((model) => [
    model.path,
    String(model.epochs),
    formatLoss(model.trainLoss),
    formatPercent(model.trainError),
    formatLoss(model.testLoss),
    formatPercent(model.testError),
  ]);
  const header = ["network", "epochs", "train loss", "train error", "test loss", "test error"];
  const pace = `${seconds.toFixed(1)} s of training, ${Math.round(stepsPerSecond)} steps/s`;
  return { json: { models, seconds, stepsPerSecond }, text: [...table(header, rows), pace] };
}
