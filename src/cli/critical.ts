import type { Dataset } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { check, InputError } from "../errors.ts";
import { classifyReplicas, defaultGradientTolerance, type ReplicaStudy, replicaStudy } from "../landscape/index.ts";
import type { Model } from "../nets/index.ts";
import { progressBar } from "../node/index.ts";
import { type CriticalPoint, curvatureOf, minimize, polish } from "../train/index.ts";
import { modelIn } from "./changed-network.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { describeStudy, studyJson } from "./critical-report.ts";
import { checkSize, layerOf, replicasOf, requestOf } from "./critical-request.ts";
import { dataOptions, datasetOf, splitOf } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { numberOf } from "./values.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "what a critical point becomes in wider networks",
  usage: "<model> --data <set> --to <units> [options]",
  options: {
    layer: { value: "NAME", help: "the layer to widen, by name or number as in the census" },
    to: { value: "M", help: "how many units it shall have: every composition is tried" },
    composition: { value: "2,1,1;..", help: "how many copies of each unit there are, instead of all" },
    splits: { value: "N", help: "splits of the outgoing weights per composition: even, then random (4)" },
    shares: { value: "X,X,..", help: "this split of one composition: shares of the copies, sum 1 for each unit" },
    polish: { help: "go to the critical point close by first, by Newton's method" },
    minimize: { help: "go down to a minimum first" },
    gradient: { value: "X", help: `largest gradient of a critical point (${defaultGradientTolerance})` },
    zero: { value: "X", help: "size up to which an eigenvalue counts as zero (10 n epsilon |H| + 10 |g|)" },
    seed: { value: "N", help: "seed of the random splits (0)" },
    ...dataOptions,
    split: { value: "NAME", help: "train or test (train)" },
    ...weightsOptions,
    ...engineOptions,
  },
  positionals: [1, 1],
  examples: [
    "critical toy.safetensors --data toy --to 5",
    "critical toy.onnx --data toy --composition 1,2 --shares 1,1.5,-0.5",
  ],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  const { dataset: loaded } = await datasetOf(call);
  const { name, split } = splitOf({ ...call, options: { split: "train", ...call.options } }, loaded);
  const dataset = { ...loaded, train: split };
  await using weights = await weightsOf(path, call);
  const given = await modelIn(weights);
  const layer = layerOf(call, given.network);
  const request = requestOf(call, layer);
  const { to } = request;
  checkSize(given, layer, to);
  const replicas = replicasOf(call, layer, request);
  await using engine = await engineOf(call);
  const gradientTolerance = numberOf(call, "gradient", { above: 0 }, defaultGradientTolerance);
  const zeroTolerance = numberOf(call, "zero", { least: 0 });
  const search = searchOf(call);
  const model = search ? await arrived(given, dataset, { engine, search, gradientTolerance }) : given;
  using bar = progressBar({ quiet: call.quiet });
  const study = await inFile(
    path,
    replicaStudy(model, dataset, {
      layer: layer.name,
      engine,
      gradientTolerance,
      ...(zeroTolerance !== undefined && { zeroTolerance }),
      replicas,
      onProgress: (done) => bar.update({ label: "replicas", done, total: replicas.length, unit: "replica" }),
    }),
  );
  const isCritical = study.replicas.every(({ gradientNorm }) => gradientNorm <= criticalFactor * gradientTolerance);
  const { agreeing } = classifyReplicas(study.replicas);
  return {
    json: { ...studyJson(study, { layer, to }), search, split: name, assumptions: weights.assumptions },
    text: [...notesOn(weights), ...describeStudy(study, { layer, to })],
    status: isCritical && agreeing === study.replicas.length ? 0 : 1,
  };
}

/** The study; a point that is not critical is told by the name of its file. */
async function inFile(path: string, study: Promise<ReplicaStudy>): Promise<ReplicaStudy> {
  try {
    return await study;
  } catch (cause) {
    if (!(cause instanceof InputError && cause.code === "not-critical")) throw cause;
    const { code, detail, remedy } = cause;
    throw new InputError({ code, where: path, message: detail, ...(remedy !== undefined && { remedy }), cause });
  }
}

/** The gradient of a replica is that of the narrow network times shares, which may be larger than one. */
const criticalFactor = 10;

const searches = { polish, minimize } as const;
type SearchName = keyof typeof searches;

const remedies: Readonly<Record<SearchName, string>> = {
  polish: "no critical point is close by; --minimize goes down from anywhere",
  minimize: "start from other weights: from these the way may lead to infinity",
};

/** How the critical point is found first; null where it is given. */
function searchOf({ options }: Call): SearchName | null {
  check(!(options.polish && options.minimize), () => ({
    code: "usage",
    where: "--minimize",
    message: "expected --polish or --minimize, got both",
  }));
  return options.polish ? "polish" : options.minimize ? "minimize" : null;
}

async function arrived(
  { network, parameters }: Model,
  dataset: Dataset,
  options: { readonly engine: Engine; readonly search: SearchName; readonly gradientTolerance: number },
): Promise<Model> {
  const { engine, search, gradientTolerance } = options;
  await using curvature = await curvatureOf(network, dataset, { engine });
  const [found] = (await searches[search](curvature, [curvature.flatten(parameters)])) as [CriticalPoint];
  const { gradientNorm, iterations, point } = found;
  check(gradientNorm <= gradientTolerance, () => ({
    code: "not-converged",
    where: `--${search}`,
    message: `expected a gradient of at most ${gradientTolerance}, got to one of ${gradientNorm.toExponential(3)} in ${iterations} steps`,
    remedy: remedies[search],
  }));
  return { network, parameters: curvature.unflatten(point) };
}
