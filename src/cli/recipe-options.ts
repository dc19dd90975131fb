import { check } from "../errors.ts";
import type { Optimizer, Schedule, TrainOptions } from "../train/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { choiceOf, numberOf } from "./values.ts";

/** Options that say how to train. */
export const recipeOptions: Readonly<Record<string, OptionSpec>> = {
  epochs: { value: "N", help: "passes over the data (10)" },
  batch: { value: "B", help: "samples per step (128)" },
  sampler: { value: "NAME", help: "sgd, adam or adamw (sgd)" },
  lr: { value: "X", help: "learning rate (sgd 0.02, adam and adamw 0.001)" },
  momentum: { value: "X", help: "sgd: momentum, by Nesterov's rule (0.9)" },
  "no-nesterov": { help: "sgd: plain momentum" },
  "weight-decay": { value: "X", help: "added to the gradient; adamw: shrinks the weights (0)" },
  schedule: { value: "NAME", help: "cosine, step or constant (cosine)" },
  warmup: { value: "N", help: "steps of linear warm-up (0)" },
  "stop-error": { value: "X", help: "stop after an epoch with at most this training error" },
  "stop-loss": { value: "X", help: "stop after an epoch with at most this training loss" },
  float64: { help: "train in double precision" },
};

export type Recipe = Pick<TrainOptions, "epochs" | "batchSize" | "optimizer" | "schedule" | "dtype" | "stopAt">;

/** How to train, from the options; plain JSON. */
export function recipeOf(call: Call): Required<Recipe> {
  const count = { least: 1, whole: true };
  const error = numberOf(call, "stop-error", { least: 0, most: 1 });
  const loss = numberOf(call, "stop-loss", { least: 0 });
  return {
    epochs: numberOf(call, "epochs", count, 10),
    batchSize: numberOf(call, "batch", count, 128),
    optimizer: optimizerOf(call),
    schedule: scheduleOf(call),
    dtype: call.options.float64 ? "float64" : "float32",
    stopAt: { ...(error !== undefined && { error }), ...(loss !== undefined && { loss }) },
  };
}

function optimizerOf(call: Call): Optimizer {
  const kind = choiceOf(call, "sampler", ["sgd", "adam", "adamw"], "sgd");
  const learningRate = numberOf(call, "lr", { above: 0 }, kind === "sgd" ? 0.02 : 0.001);
  const weightDecay = numberOf(call, "weight-decay", { least: 0 }, 0);
  const stray = ["momentum", "no-nesterov"].find((option) => kind !== "sgd" && call.options[option] !== undefined);
  check(stray === undefined, () => ({
    code: "usage",
    where: `--${stray}`,
    message: `expected --sampler sgd beside it, got ${kind}`,
    remedy: `leave out --${stray}`,
  }));
  if (kind !== "sgd") return { kind, learningRate, weightDecay };
  const momentum = numberOf(call, "momentum", { least: 0, below: 1 }, 0.9);
  return { kind, learningRate, weightDecay, momentum, nesterov: momentum > 0 && !call.options["no-nesterov"] };
}

function scheduleOf(call: Call): Schedule {
  const kind = choiceOf(call, "schedule", ["cosine", "step", "constant"], "cosine");
  return { kind, warmupSteps: numberOf(call, "warmup", { least: 0, whole: true }, 0) };
}
