import {
  type LearnedMatch,
  type Match,
  matchGreedily,
  matchWeights,
  matchWithRotations,
  matchWithScales,
  type RotatedMatch,
} from "../align/index.ts";
import { check } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { checkTarget, progressBar, type WeightsFile, weightsDigest } from "../node/index.ts";
import { isLazy } from "../tensor/index.ts";
import { activationOptions, matchedOnData } from "./align-activations.ts";
import { checkFigures, figuresOptions, writeFigures } from "./align-figures.ts";
import {
  checkLearning,
  type LearnedMethod,
  learnedLine,
  learnedMethods,
  learnedOptions,
  matchedByLearning,
} from "./align-learned.ts";
import { certificateOptions, seedOf } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineName, engineOf } from "./engine-options.ts";
import { table } from "./format.ts";
import { defaultRestarts, matchOptions } from "./matching.ts";
import { openPartial, type PartialMatch, partialLines } from "./partial-match.ts";
import { checkSameNetwork, checkSameTypes } from "./same-network.ts";
import { elementToJson, matricesToJson, type Sidecar, writeSidecar } from "./sidecar.ts";
import { choiceOf, numberOf } from "./values.ts";
import { version } from "./version.ts";
import { memoryOptions, mostBytesOf, shortList, weightsOf, weightsOptions } from "./weights-options.ts";
import { checkOutput, outputOf, outputOptions, writeCertified } from "./written-weights.ts";

const methods = ["weights", "greedy", "activations", ...learnedMethods] as const;
type Method = (typeof methods)[number];

export const command: Command = {
  summary: "renumber the units of one checkpoint to be like another's",
  usage: "<a> <b> -o <file> [options]",
  options: {
    method: { value: "NAME", help: `${methods.join(", ")} (weights); activations and ste need --data` },
    rotations: { help: "also turn what matrices act on: residual streams, the inside of heads" },
    scales: { help: "also give units the scales of those that they are matched to" },
    restarts: { value: "N", help: "starts of the descent: fingerprints, as they stand, then random ones (2)" },
    ...outputOptions,
    ...weightsOptions,
    ...memoryOptions,
    ...certificateOptions,
    ...activationOptions,
    ...learnedOptions,
    ...figuresOptions,
  },
  positionals: [2, 2],
  examples: [
    "align a.safetensors b.safetensors -o b-like-a.safetensors",
    "align a.onnx b.onnx -o c.onnx --method activations --data mnist",
    "align a.onnx b.onnx -o c.onnx --method ste --data mnist",
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
  await checkFigures(call);
  const mostBytes = mostBytesOf(call);
  const [x, y] = [await a.read({ mostBytes }), await b.read({ mostBytes })];
  checkSameTypes(x, y, second);
  const digests = { a: weightsDigest(x), b: weightsDigest(y) };
  const start = performance.now();
  const partial = await openPartial(`${output}.partial`, {
    settings: { orbifold: version(), ...setting, ...digests, engine: engineName(call), options: optionsOf(call) },
    isLarge: Object.values(y).some(isLazy),
  });
  const match = await matched(call, [x, y], { weights: a, partial, ...setting });
  const seconds = (performance.now() - start) / 1000;
  const { objective, classes, starts, parameters, element } = match;
  const told: Sidecar = {
    orbifold: version(),
    command: "align",
    ...setting,
    inputs: { a: { path: first, digest: digests.a }, b: { path: second, digest: digests.b } },
    options: optionsOf(call),
    output: { path: output, digest: weightsDigest(parameters) },
    objective,
    element: elementToJson(element),
    ...("matrices" in match && { matrices: matricesToJson(match.matrices) }),
  };
  const weights: WeightsFile = {
    ...b,
    write: (path, after, { force = false }) =>
      writeSidecar(sidecar, told, { force, writeOutput: () => b.write(path, after, { force }) }),
  };
  const outcome = await writeCertified(
    call,
    { weights, before: y, after: parameters, ...(!("matrices" in match) && { element }) },
    async ({ ok }) => ({
      json: {
        sidecar: ok ? sidecar : null,
        objective,
        classes,
        starts,
        seconds,
        figures: ok ? await writeFigures(call, { a: x, b: y, match, group: a.discovery.group }) : [],
        partial: partial.found,
        ...learnedJson(match),
      },
      text: [...partialLines(partial), ...describe(match, seconds)],
    }),
  );
  partial.remove();
  return outcome;
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
  const hasStarts = method === "weights" || isLearned(method);
  check(hasStarts || restarts === undefined, () => ({
    code: "usage",
    where: "--restarts",
    message: `expected the method weights, ste or sinkhorn, got ${method}, which has no start`,
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
  for (const option of ["rotations", "scales"]) {
    check(method === "weights" || call.options[option] !== true, () => ({
      code: "usage",
      where: `--${option}`,
      message: `expected the method weights, got ${method}`,
      remedy: `leave --${option} out`,
    }));
  }
  check(!(call.options.rotations && call.options.scales), () => ({
    code: "usage",
    where: "--scales",
    message: "expected either --rotations or --scales, got both",
  }));
  checkLearning(call, method);
  return { method, seed, restarts: hasStarts ? (restarts ?? defaultRestarts) : null };
}

function isLearned(method: Method): method is LearnedMethod {
  return learnedMethods.some((each) => each === method);
}

async function matched(
  call: Call,
  [x, y]: readonly [Parameters, Parameters],
  { weights, partial, method, restarts }: Setting & { readonly weights: WeightsFile; readonly partial: PartialMatch },
): Promise<Match | LearnedMatch | RotatedMatch> {
  const { group } = weights.discovery;
  await using engine = await engineOf(call, { spins: false });
  if (method === "activations") return await matchedOnData(call, [x, y], { weights, engine });
  if (restarts === null) return await matchGreedily(x, y, group, { engine });
  if (isLearned(method)) return await matchedByLearning(call, [x, y], { weights, engine, method, restarts });
  using bar = progressBar({ quiet: call.quiet });
  const options = matchOptions(call, { engine, bar, restarts });
  if (call.options.scales === true) return await matchWithScales(x, y, group, options);
  if (call.options.rotations === true) return await matchWithRotations(x, y, group, options);
  return await partial.match((resumed) => matchWeights(x, y, group, { ...options, ...resumed }));
}

function learnedJson(match: Match | LearnedMatch | RotatedMatch) {
  return "learned" in match ? { learned: match.learned } : {};
}

function describe(match: Match | LearnedMatch | RotatedMatch, seconds: number): string[] {
  const { objective, classes, starts } = match;
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
    ...("learned" in match ? [learnedLine(match)] : []),
    ...("matrices" in match
      ? [`matrices turn ${match.matrices.filter((each) => each !== null).length} of ${classes.length} sets of units`]
      : []),
    ...(starts.length > 0 ? [`starts: ${spread}`] : []),
  ];
}

/** The options that say which network the checkpoints are for. */
function optionsOf(call: Call): Record<string, string | true> {
  const given = Object.entries(call.options).filter(([name, value]) => name in weightsOptions && value !== undefined);
  return Object.fromEntries(given) as Record<string, string | true>;
}
