import { type Match, matchGreedily, matchWeights } from "../align/index.ts";
import { check } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { checkTarget, progressBar, type WeightsFile, weightsDigest } from "../node/index.ts";
import { activationOptions, matchedOnData } from "./align-activations.ts";
import { certificateOptions, seedOf } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf } from "./engine-options.ts";
import { table } from "./format.ts";
import { defaultRestarts, matchOptions } from "./matching.ts";
import { checkSameNetwork, checkSameTypes } from "./same-network.ts";
import { elementToJson, type Sidecar, writeSidecar } from "./sidecar.ts";
import { choiceOf, numberOf } from "./values.ts";
import { version } from "./version.ts";
import { shortList, weightsOf, weightsOptions } from "./weights-options.ts";
import { checkOutput, outputOf, outputOptions, writeCertified } from "./written-weights.ts";

const methods = ["weights", "greedy", "activations"] as const;
type Method = (typeof methods)[number];

export const command: Command = {
  summary: "renumber the units of one checkpoint to be like another's",
  usage: "<a> <b> -o <file> [options]",
  options: {
    method: { value: "NAME", help: `${methods.join(", ")}; the last needs --data (weights)` },
    restarts: { value: "N", help: "starts of the descent: fingerprints, as they stand, then random ones (2)" },
    ...outputOptions,
    ...weightsOptions,
    ...certificateOptions,
    ...activationOptions,
  },
  positionals: [2, 2],
  examples: [
    "align a.safetensors b.safetensors -o b-like-a.safetensors",
    "align a.onnx b.onnx -o c.onnx --method activations --data mnist",
  ],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [first, second] = call.positionals as readonly [string, string];
  const output = outputOf(call);
  const sidecar = `${output}.json`;
  const setting = settingOf(call);
  await using a = await weightsOf(first, call);
  await using b = await weightsOf(second, call);
  checkSameNetwork(a, b);
  await checkOutput(call, b);
  for (const path of [output, sidecar]) await checkTarget(path, [first, second], call.options.force === true);
  const [x, y] = [await a.read(), await b.read()];
  checkSameTypes(x, y, second);
  const start = performance.now();
  const match = await matched(call, [x, y], { weights: a, ...setting });
  const seconds = (performance.now() - start) / 1000;
  const { objective, classes, starts, parameters, element } = match;
  const told: Sidecar = {
    orbifold: version(),
    command: "align",
    ...setting,
    inputs: { a: { path: first, digest: weightsDigest(x) }, b: { path: second, digest: weightsDigest(y) } },
    options: optionsOf(call),
    output: { path: output, digest: weightsDigest(parameters) },
    objective,
    element: elementToJson(element),
  };
  const weights: WeightsFile = {
    ...b,
    write: (path, after, { force = false }) =>
      writeSidecar(sidecar, told, { force, writeOutput: () => b.write(path, after, { force }) }),
  };
  return await writeCertified(call, { weights, before: y, after: parameters, element }, async ({ ok }) => ({
    json: { sidecar: ok ? sidecar : null, objective, classes, starts, seconds },
    text: describe(match, seconds),
  }));
}

interface Setting {
  readonly method: Method;
  readonly seed: number;
  /** Null for a method without a start. */
  readonly restarts: number | null;
}

function settingOf(call: Call): Setting {
  const method = choiceOf(call, "method", methods, "weights");
  const restarts = numberOf(call, "restarts", { least: 1, most: 1000, whole: true });
  const seed = seedOf(call);
  check(method === "weights" || restarts === undefined, () => ({
    code: "usage",
    where: "--restarts",
    message: `expected the method weights, got ${method}, which has no start`,
    remedy: "leave --restarts out",
  }));
  const { data, measure } = call.options;
  check(method === "activations" || measure === undefined, () => ({
    code: "usage",
    where: "--measure",
    message: `expected the method activations, got ${method}`,
    remedy: "leave --measure out",
  }));
  check(method !== "activations" || data !== undefined, () => ({
    code: "usage",
    where: "--data",
    message: "is needed by the method activations",
    remedy: "name a data set",
  }));
  return { method, seed, restarts: method === "weights" ? (restarts ?? defaultRestarts) : null };
}

async function matched(
  call: Call,
  [x, y]: readonly [Parameters, Parameters],
  { weights, method, restarts }: Setting & { readonly weights: WeightsFile },
): Promise<Match> {
  const { group } = weights.discovery;
  await using engine = await engineOf(call);
  if (method === "activations") return await matchedOnData(call, [x, y], { weights, engine });
  if (restarts === null) return await matchGreedily(x, y, group, { engine });
  using bar = progressBar({ quiet: call.quiet });
  return await matchWeights(x, y, group, matchOptions(call, { engine, bar, restarts }));
}

function describe({ objective, classes, starts }: Match, seconds: number): string[] {
  const spread = shortList(starts.map((each) => `${each.start} ${each.objective.toPrecision(6)}`));
  return [
    ...table(
      ["units of", "count", "moved", "cosine before", "after"],
      classes.map(({ name, size, copies, moved, cosineBefore, cosineAfter }) => [
        name,
        copies > 1 ? `${copies} x ${size}` : `${size}`,
        `${moved}`,
        cosineBefore.toFixed(3),
        cosineAfter.toFixed(3),
      ]),
    ),
    "",
    `inner product ${objective.before.toPrecision(6)} -> ${objective.after.toPrecision(6)}, at most ${objective.bound.toPrecision(6)}, in ${seconds.toFixed(1)} s`,
    ...(starts.length > 0 ? [`starts: ${spread}`] : []),
  ];
}

/** The options that say which network the checkpoints are for. */
function optionsOf(call: Call): Record<string, string | true> {
  const given = Object.entries(call.options).filter(([name, value]) => name in weightsOptions && value !== undefined);
  return Object.fromEntries(given) as Record<string, string | true>;
}
