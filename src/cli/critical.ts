import { binomial, criticalCount } from "../counting/index.ts";
import type { Dataset } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { check } from "../errors.ts";
import {
  type Composition,
  classifyReplicas,
  compositionText,
  defaultGradientTolerance,
  type HiddenLayer,
  hiddenLayer,
  hiddenLayers,
  type Inertia,
  isHiddenLayer,
  mostDenseParameters,
  type PointReport,
  parseComposition,
  type Replica,
  type ReplicaStudy,
  replicaStudy,
  type Shares,
  sharesOfAll,
  splitShares,
} from "../landscape/index.ts";
import type { Model, Network } from "../nets/index.ts";
import { fold } from "../tensor/index.ts";
import { type CriticalPoint, curvatureOf, layoutOf, minimize, polish } from "../train/index.ts";
import { seedKey } from "./certificate.ts";
import { modelIn } from "./changed-network.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, splitOf } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { formatCount, formatLoss, formatPercent, table } from "./format.ts";
import { numberOf, numbersOf, textOf } from "./values.ts";
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
  checkSize(layoutOf(given.network).size * (to / layer.size));
  const replicas = replicasOf(call, layer, request);
  await using engine = await engineOf(call);
  const gradientTolerance = numberOf(call, "gradient", { above: 0 }, defaultGradientTolerance);
  const zeroTolerance = numberOf(call, "zero", { least: 0 });
  const search = searchOf(call);
  const model = search ? await arrived(given, dataset, { engine, search, gradientTolerance }) : given;
  const study = await replicaStudy(model, dataset, {
    layer: layer.name,
    engine,
    gradientTolerance,
    ...(zeroTolerance !== undefined && { zeroTolerance }),
    replicas,
  });
  const isCritical = study.replicas.every(({ gradientNorm }) => gradientNorm <= criticalFactor * gradientTolerance);
  const { agreeing } = classifyReplicas(study.replicas);
  return {
    json: { ...jsonOf(study, { layer, to }), search, split: name, assumptions: weights.assumptions },
    text: [...notesOn(weights), ...linesOf(study, { layer, to })],
    status: isCritical && agreeing === study.replicas.length ? 0 : 1,
  };
}

/** The gradient of a replica is that of the narrow network times shares, which may be larger than one. */
const criticalFactor = 10;

/** The layer of that name; without one the only one that there is. */
function layerOf(call: Call, network: Network): HiddenLayer {
  const which = textOf(call, "layer");
  if (which !== undefined) return hiddenLayer(network, which);
  const layers = hiddenLayers(network).filter(isHiddenLayer);
  check(layers.length === 1, () => ({
    code: "usage",
    where: "--layer",
    message: `is needed: expected one hidden layer, got ${layers.map((layer) => layer.name).join(", ") || "none"}`,
    remedy: "name one of them",
  }));
  return layers[0] as HiddenLayer;
}

interface Request {
  readonly to: number;
  /** Null for all of this width. */
  readonly compositions: readonly Composition[] | null;
}

function requestOf(call: Call, layer: HiddenLayer): Request {
  const compositions = textOf(call, "composition")?.split(";").map(parseComposition) ?? null;
  const width = numberOf(call, "to", { least: layer.size, most: 10_000, whole: true });
  check(width !== undefined || compositions, () => ({
    code: "usage",
    where: "--to",
    message: "is needed",
    remedy: "say how many units the layer shall have, or give a --composition",
  }));
  const to = width ?? sumOf(compositions?.[0]?.copies ?? []);
  for (const composition of compositions ?? []) checkComposition(composition, layer, to);
  return { to, compositions };
}

/** Most replicas, each with all eigenvalues of its Hessian. */
const mostReplicas = 2000;

function replicasOf(call: Call, layer: HiddenLayer, { to, compositions }: Request): readonly Shares[] {
  const shares = numbersOf(call, "shares", {});
  if (shares) return [givenShares(shares, compositions ?? [])];
  const splits = numberOf(call, "splits", { least: 1, whole: true }, 4);
  const count = compositions ? BigInt(compositions.length) : binomial(to - 1, layer.size - 1);
  check(count * BigInt(splits) <= mostReplicas, () => ({
    code: "too-large",
    where: "--to",
    message: `expected at most ${mostReplicas} replicas, got ${count > 1e6 ? "millions of" : count} compositions with ${splits} splits each`,
    remedy: "give a --composition, or fewer --splits",
  }));
  const key = fold(seedKey(call), "shares");
  if (!compositions) return [...sharesOfAll([layer.size, to], { splits, key })];
  return compositions.flatMap((composition) => [...splitShares(composition, { splits, key })]);
}

function checkComposition({ copies, zeroGroups }: Composition, { size, name }: HiddenLayer, to: number): void {
  check(copies.length === size && sumOf(copies) === to, () => ({
    code: "bad-option",
    where: "--composition",
    message: `expected copies of the ${size} units of ${name}, ${to} in all, got ${copies.length} and ${sumOf(copies)}`,
  }));
  check(zeroGroups.length === 0 && copies.every((count) => count > 0), () => ({
    code: "bad-option",
    where: "--composition",
    message: `expected one copy of each unit or more and no zero-type groups, got ${compositionText({ copies, zeroGroups })}`,
    remedy: "units that cancel each other leave a point critical at zero loss only; see orbifold expand",
  }));
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The shares of one composition, copies of the first unit first. */
function givenShares(shares: readonly number[], [composition, ...others]: readonly Composition[]): Shares {
  const copies = composition?.copies ?? [];
  check(composition && others.length === 0 && shares.length === sumOf(copies), () => ({
    code: "bad-option",
    where: "--shares",
    message: `expected one --composition with a share for each copy, ${sumOf(copies)} in all, got ${shares.length}`,
  }));
  const ends = copies.map((_, i) => sumOf(copies.slice(0, i + 1)));
  return ends.map((end, i) => shares.slice(end - (copies[i] as number), end));
}

function checkSize(parameters: number): void {
  check(parameters <= mostDenseParameters, () => ({
    code: "too-large",
    where: "--to",
    message: `expected at most ${formatCount(mostDenseParameters)} parameters, for all eigenvalues of their Hessian, got about ${formatCount(Math.round(parameters))}`,
    remedy: "take a smaller network",
  }));
}

const searches = { polish, minimize } as const;
type SearchName = keyof typeof searches;

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
    code: "not-critical",
    where: `--${search}`,
    message: `expected a gradient of at most ${gradientTolerance}, got to one of ${gradientNorm.toExponential(3)} in ${iterations} steps`,
    remedy: "start from other weights: from these the way may lead to infinity",
  }));
  return { network, parameters: curvature.unflatten(point) };
}

interface Widening {
  readonly layer: HiddenLayer;
  readonly to: number;
}

function jsonOf({ layer: name, core, units, replicas }: ReplicaStudy, { layer, to }: Widening) {
  const { fractions, subspaces, agreeing } = classifyReplicas(replicas);
  return {
    layer: name,
    from: layer.size,
    to,
    core: pointJson(core),
    units: units.map(({ form, rank, eigenvalues, bend, minima }, unit) => ({
      unit,
      inputs: form.inputs,
      outputs: form.outputs,
      rank,
      eigenvalues: Array.from(eigenvalues),
      bend,
      minima,
    })),
    replicas: replicas.map((replica) => ({
      composition: compositionText(replica.composition),
      shares: replica.shares,
      numberings: String(replica.numberings),
      ...pointJson(replica),
      predicted: replica.predicted,
      agrees: replica.agrees,
      kind: replica.kind,
    })),
    fractions,
    subspaces: { found: String(subspaces), all: String(criticalCount(layer.size, to)) },
    agreeing,
  };
}

function pointJson({ loss, gradientNorm, index, eigenvalues }: PointReport) {
  return { loss, gradientNorm, index, eigenvalues: Array.from(eigenvalues) };
}

function linesOf({ core, units, replicas }: ReplicaStudy, { layer, to }: Widening): string[] {
  const { fractions, subspaces, agreeing } = classifyReplicas(replicas);
  const all = criticalCount(layer.size, to);
  return [
    `critical point: loss ${formatLoss(core.loss)}, gradient ${core.gradientNorm.toExponential(1)}, eigenvalues ${signsText(core.index)}`,
    `${layer.name}: ${formatCount(layer.size)} units to ${formatCount(to)}; zero is up to ${core.index.tolerance.toExponential(1)}`,
    "",
    ...table(
      ["unit", "rank C", "least of B", "largest of B", "minima at shares"],
      units.map(({ rank, eigenvalues, minima }, unit) => [
        String(unit),
        String(rank),
        eigenvalue(eigenvalues[0]),
        eigenvalue(eigenvalues.at(-1)),
        minimaText[minima],
      ]),
    ),
    "",
    ...table(
      ["copies", "shares", "gradient", "observed", "predicted", "least", "kind"],
      replicas.slice(0, mostLines).map(rowOf),
    ),
    ...(replicas.length > mostLines ? [`${formatCount(replicas.length - mostLines)} more; --json has all`] : []),
    "",
    "eigenvalues are counted as negative, zero, positive",
    `${agreeing} of ${replicas.length} have the predicted signs; ${subspaces} of the G(${layer.size}, ${to}) = ${all} subspaces`,
    `saddles ${formatPercent(fractions.saddle)}, minima on plateaus ${formatPercent(fractions.minimum)}, degenerate ${formatPercent(fractions.degenerate)}, each with all its numberings`,
  ];
}

const mostLines = 40;

const minimaText: Readonly<Record<ReplicaStudy["units"][number]["minima"], string>> = {
  inside: "between 0 and 1",
  outside: "below 0 or above 1",
  nowhere: "none: a saddle",
  open: "not decided by B",
};

function rowOf({ composition, shares, gradientNorm, index, predicted, eigenvalues, kind }: Replica): string[] {
  const split = shares.filter((group) => group.length > 1).map((group) => group.map((x) => x.toFixed(2)).join(" "));
  return [
    compositionText(composition),
    split.join(" | "),
    gradientNorm.toExponential(1),
    signsText(index),
    signsText(predicted),
    eigenvalue(eigenvalues[0]),
    kind,
  ];
}

function signsText({ negative, zero, positive }: Inertia): string {
  return `${negative} ${zero} ${positive}`;
}

function eigenvalue(value: number | undefined): string {
  return (value as number).toExponential(3);
}
