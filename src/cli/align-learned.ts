import {
  type LearnedMatch,
  type LearnedMatchOptions,
  type LearnedMatchProgress,
  matchSinkhorn,
  matchStraightThrough,
} from "../align/index.ts";
import type { Engine } from "../engine/index.ts";
import { check } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { type ProgressBar, progressBar, type WeightsFile } from "../node/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { datasetOf, withSamples } from "./data-options.ts";
import { matchOptions } from "./matching.ts";
import { choiceOf, numberOf } from "./values.ts";

/** Methods of alignment that descend a gradient. */
export const learnedMethods = ["ste", "sinkhorn"] as const;
export type LearnedMethod = (typeof learnedMethods)[number];

const objectives = ["distance", "midpoint", "random-point"] as const;

/** Options of an alignment that descends a gradient. */
export const learnedOptions: Readonly<Record<string, OptionSpec>> = {
  steps: { value: "N", help: "gradient steps of ste and sinkhorn (200)" },
  "learning-rate": { value: "X", help: "their learning rate (ste 0.003, sinkhorn 0.1)" },
  "batch-size": { value: "N", help: "their samples per step (256)" },
  objective: { value: "NAME", help: `of sinkhorn: ${objectives.join(", ")} (with --data midpoint, else distance)` },
};

/** Throws where an option is given that the method does not have, or data is missing. */
export function checkLearning({ options }: Call, method: string): void {
  const isLearned = learnedMethods.some((each) => each === method);
  for (const name of Object.keys(learnedOptions)) {
    const isKnown = name === "objective" ? method === "sinkhorn" : isLearned;
    check(isKnown || options[name] === undefined, () => ({
      code: "usage",
      where: `--${name}`,
      message: `expected the method ${name === "objective" ? "sinkhorn" : learnedMethods.join(" or ")}, got ${method}`,
      remedy: `leave --${name} out`,
    }));
  }
  const { data, objective } = options;
  const needsData = method === "ste" || objective === "midpoint" || objective === "random-point";
  check(!needsData || data !== undefined, () => ({
    code: "usage",
    where: "--data",
    message: `is needed by the ${method === "ste" ? "method ste" : `objective ${objective}`}`,
    remedy: "name a data set",
  }));
}

interface Learning {
  readonly weights: WeightsFile;
  readonly engine: Engine;
  readonly method: LearnedMethod;
  readonly restarts: number;
}

/** Matches the units of two checkpoints by descending a gradient. */
export async function matchedByLearning(
  call: Call,
  [a, b]: readonly [Parameters, Parameters],
  { weights, engine, method, restarts }: Learning,
): Promise<LearnedMatch> {
  const { group } = weights.discovery;
  using bar = progressBar({ quiet: call.quiet });
  const options = learning(call, { engine, bar, restarts });
  const objective = choiceOf(call, "objective", objectives, call.options.data === undefined ? "distance" : "midpoint");
  if (method === "sinkhorn" && objective === "distance") return await matchSinkhorn(a, b, group, options);
  const network = weights.network();
  const dataset = withSamples(call, (await datasetOf(call)).dataset);
  if (method === "ste") return await matchStraightThrough(a, b, group, { ...options, network, dataset });
  const point = objective === "random-point" ? "random" : "midpoint";
  return await matchSinkhorn(a, b, group, { ...options, data: { network, dataset, point } });
}

interface Running {
  readonly engine: Engine;
  readonly bar: ProgressBar;
  readonly restarts: number;
}

function learning(call: Call, { engine, bar, restarts }: Running): LearnedMatchOptions {
  const steps = numberOf(call, "steps", { least: 1, whole: true });
  const learningRate = numberOf(call, "learning-rate", { above: 0 });
  const batchSize = numberOf(call, "batch-size", { least: 1, whole: true });
  const onProgress = ({ step, steps: total, value }: LearnedMatchProgress) =>
    bar.update({ label: "learning", done: step, total, unit: "step", note: `objective ${value.toPrecision(4)}` });
  const { key } = matchOptions(call, { engine, bar });
  return {
    engine,
    key,
    restarts,
    onProgress,
    ...(steps !== undefined && { steps }),
    ...(learningRate !== undefined && { learningRate }),
    ...(batchSize !== undefined && { batchSize }),
  };
}

/** What a match was learned for, as a line for a person. */
export function learnedLine({ learned: { measure, before, after } }: LearnedMatch): string {
  const name = measure === "distance" ? "squared distance" : "train loss half-way";
  return `${name} ${before.toPrecision(4)} as matched by weights -> ${after.toPrecision(4)}`;
}
