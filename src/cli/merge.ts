import { check } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { checkTarget } from "../node/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, splitOf, withSamples } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { defaultRestarts } from "./matching.ts";
import { type Data, expected, measured } from "./merge-report.ts";
import { type Averaging, merging, type Stage, togetherNames } from "./merge-stages.ts";
import { readLike } from "./same-network.ts";
import { choiceOf, numberOf, numbersOf, textOf } from "./values.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";
import { checkOutput, outputOf, outputOptions } from "./written-weights.ts";

export const command: Command = {
  summary: "average checkpoints, their units renumbered alike",
  usage: "<a> <b> [<c> ...] -o <file> [options]",
  options: {
    weights: { value: "X,X,...", help: "the part of each checkpoint in the mean (the same)" },
    together: { value: "HOW", help: `pairs that are matched: ${togetherNames.join(", ")} (to-first)` },
    "no-align": { help: "average the units as they are numbered" },
    "task-arithmetic": { value: "X", help: "instead of the mean: the first plus X times all differences from it" },
    repair: { help: "give units the statistics of their parents on train data; estimate those of batch norm anew" },
    "closed-form": { help: "repair from the parents' statistics alone, without running the merge" },
    restarts: { value: "N", help: `starts of each matching (${defaultRestarts})` },
    seed: { value: "N", help: "seed of the matching (0)" },
    ...outputOptions,
    ...dataOptions,
    split: { value: "NAME", help: "measure on train or test (test)" },
    ...weightsOptions,
    ...engineOptions,
  },
  positionals: [2, Number.POSITIVE_INFINITY],
  examples: ["merge a.safetensors b.safetensors -o c.npz --repair --data mnist"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const output = outputOf(call);
  const isForced = call.options.force === true;
  const how = howOf(call);
  const data = await dataOf(call);
  const [first, ...others] = call.positionals as readonly [string, ...string[]];
  await using a = await weightsOf(first, call);
  await checkOutput(call, a);
  await checkTarget(output, call.positionals, isForced);
  const models = [await a.read()];
  for (const path of others) models.push(await readLike(a, { path, like: models[0] as Parameters, call }));
  await using engine = await engineOf(call, { spins: false });
  const setting: Averaging = { a, models, engine, ...how, repair: repairOf(call, data) };
  const { stages, matches } = await merging(call, setting);
  const found = data ? await measured(a.network(), stages, { engine, data }) : await expected(call, setting, matches);
  await a.write(output, (stages.at(-1) as Stage).parameters, { force: isForced });
  return {
    json: {
      output,
      aligned: how.together !== null,
      together: how.together,
      weights: how.weights ?? null,
      taskScale: how.taskScale ?? null,
      ...found.json,
      assumptions: a.assumptions,
    },
    text: [
      ...notesOn(a),
      ...found.text,
      "no certificate: a merged network is another function than its parents",
      `written to ${output}`,
    ],
  };
}

function howOf(call: Call): Pick<Averaging, "together" | "weights" | "taskScale" | "restarts"> {
  const { options } = call;
  const taskScale = numberOf(call, "task-arithmetic", {});
  for (const other of ["weights", "repair"] as const) {
    check(taskScale === undefined || options[other] === undefined, () => ({
      code: "usage",
      where: `--${other}`,
      message: "expected an average, got --task-arithmetic",
      remedy: `leave one of the two out`,
    }));
  }
  check(!options["closed-form"] || options.repair === true, () => ({
    code: "usage",
    where: "--closed-form",
    message: "expected --repair with it, got none",
  }));
  return {
    together: options["no-align"] ? null : choiceOf(call, "together", togetherNames, "to-first"),
    weights: numbersOf(call, "weights", { least: 0 }),
    taskScale,
    restarts: numberOf(call, "restarts", { least: 1, most: 1000, whole: true }, defaultRestarts),
  };
}

function repairOf({ options }: Call, data: Data | null): Averaging["repair"] {
  return data && options.repair ? { dataset: data.train, form: options["closed-form"] ? "closed" : "forward" } : null;
}

async function dataOf(call: Call): Promise<Data | null> {
  if (textOf(call, "data") === undefined) {
    check(!call.options.repair, () => ({
      code: "usage",
      where: "--repair",
      message: "expected data to measure units on, got none",
      remedy: "name a set with --data",
    }));
    return null;
  }
  const { dataset } = await datasetOf(call);
  return { dataset, train: withSamples(call, dataset), measured: splitOf(call, dataset) };
}
