import { log10 as log10Of } from "../counting/index.ts";
import { check } from "../errors.ts";
import {
  type Discovery,
  discoverNetwork,
  type Factor,
  type GroupOrder,
  groupOrder,
  type HeadSymmetry,
  headSymmetry,
  type PinnedAxis,
  type Shift,
  type Stabiliser,
  type SymmetryGroup,
  shiftsOf,
  stabiliser,
} from "../symmetry/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { formatCount, table } from "./format.ts";
import { shapedNetwork } from "./network-options.ts";
import { numberOf, numbersOf, textOf } from "./values.ts";
import { notesOn, shortList, weightsOf, weightsOptions } from "./weights-options.ts";
import { explainAxis } from "./why.ts";

export const command: Command = {
  summary: "the exact symmetry group of a network, and why",
  usage: "<model> [options]",
  options: {
    why: { value: "TENSOR:AXIS", help: "the chain of operators that ties this axis to others, or pins it" },
    stabiliser: { help: "also read the weights: identical and dead units, and the size of the orbit" },
    ...weightsOptions,
  },
  positionals: [0, 1],
  examples: [
    "census model.onnx",
    "census model.onnx --why conv2.weight:0",
    "census weights.safetensors --graph model.onnx",
    "census --net resnet18 --input 3,224,224 --outputs 1000",
  ],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string?];
  if (path === undefined)
    return report(call, { name: netName(call), discovery: discoverNetwork(netOf(call)), notes: [] });
  await using weights = await weightsOf(path, call);
  const { discovery } = weights;
  const fixed = call.options.stabiliser ? stabiliser(discovery.group, await weights.read()) : undefined;
  return report(call, { name: path, discovery, notes: notesOn(weights), ...(fixed && { fixed }) });
}

function netName(call: Call): string {
  const name = textOf(call, "net");
  check(name !== undefined && !call.options.stabiliser, () => ({
    code: "usage",
    where: "census",
    message: "expected a file, got none",
    remedy: "name a model, or a built-in network with --net",
  }));
  return name as string;
}

function netOf(call: Call) {
  const size = { least: 1, whole: true };
  const shape = { input: numbersOf(call, "input", size), outputs: numberOf(call, "outputs", size) };
  return shapedNetwork(netName(call), call, shape);
}

interface Census {
  readonly name: string;
  readonly discovery: Discovery;
  readonly notes: readonly string[];
  readonly fixed?: Stabiliser;
}

function report(call: Call, census: Census): Outcome {
  const { discovery, fixed } = census;
  const why = textOf(call, "why");
  if (why !== undefined) return explainAxis(discovery, why);
  const { group } = discovery;
  const order = groupOrder(group);
  const [head, shifts] = [headSymmetry(discovery), shiftsOf(discovery)];
  return {
    json: {
      ...censusJson(group, order, { head, shifts }),
      ...(fixed && { stabiliser: stabiliserJson(group, order, fixed) }),
    },
    text: [
      `${census.name}: ${formatCount(group.factors.length)} sets of interchangeable units in ${formatCount(Object.keys(group.layouts).length)} tensors`,
      ...census.notes,
      "",
      ...factorTable(group, order),
      "",
      ...totals(group, order, { head, shifts }),
      ...(fixed ? stabiliserLines(group, order, fixed) : []),
      ...pinnedLines(group),
    ],
  };
}

interface Beyond {
  readonly head: HeadSymmetry | null;
  readonly shifts: readonly Shift[];
}

function censusJson(group: SymmetryGroup, order: GroupOrder, { head, shifts }: Beyond) {
  const shifted = shifts.reduce((sum, { dimension }) => sum + dimension, 0);
  const dimension = order.continuousDimension + shifted;
  return {
    factors: group.factors.map((factor, i) =>
      factorJson(group, factor, order.factors[i] as GroupOrder["factors"][number]),
    ),
    permutations: order.permutations,
    signs: order.signs,
    discrete: order.discrete,
    continuousDimension: dimension,
    shifts: shifts.map(({ tensor, dimension: size, absorbedBy, means }) => ({
      tensor,
      dimension: size,
      absorbedBy,
      means,
    })),
    head: head && { ...head, continuousDimension: dimension + head.dimension.decision },
    pinned: group.pinned,
    unknownOperators: group.unknownOperators,
  };
}

function factorJson(
  group: SymmetryGroup,
  factor: Factor,
  { log10Discrete, continuousDimension }: GroupOrder["factors"][number],
) {
  const { name, size, copies, sites, matrix } = factor;
  const own = group.generators.filter((generator) => group.factors[generator.factor] === factor);
  return {
    name,
    kind: kindOf(factor),
    size,
    copies,
    matrix,
    pointwise: pointwiseOf(own),
    generators: own.map(({ kind, name: tensor }) => ({ kind, tensor })),
    log10: log10Discrete,
    continuousDimension,
    sites: sites.map(({ tensor, axis, leaf }) => ({ tensor, axis, part: leaf })),
  };
}

function kindOf({ permutes, copies, matrix }: Factor): string {
  if (matrix) return matrix;
  if (!permutes) return "scale";
  return copies > 1 ? "permutation-in-blocks" : "permutation";
}

/** Which transformations of single units there are beyond permutations. */
function pointwiseOf(generators: readonly { readonly kind: "scale" | "sign" }[]): string[] {
  return ["scale", "sign"].filter((kind) => generators.some((generator) => generator.kind === kind));
}

const matrixWords = {
  "general-linear": "any invertible matrix",
  orthogonal: "rotations, once gains are absorbed",
  "orthogonal-mean": "rotations that keep the mean, once gains are absorbed",
  rotary: "a complex factor per plane",
} as const;

function factorTable(group: SymmetryGroup, order: GroupOrder): string[] {
  const rows = group.factors.map((factor, i) => {
    const own = group.generators.filter((generator) => generator.factor === i);
    const { log10Discrete, continuousDimension } = order.factors[i] as GroupOrder["factors"][number];
    const units = factor.copies > 1 ? `${factor.copies} x ${factor.size}` : `${factor.size}`;
    const tensors = new Set(factor.sites.map(({ tensor }) => tensor)).size;
    return [factor.name, units, actsBy(factor, own), log10Discrete.toFixed(2), `${continuousDimension}`, `${tensors}`];
  });
  return table(["units of", "count", "may be", "log10", "dimension", "tensors"], rows);
}

function actsBy({ permutes, matrix }: Factor, own: readonly { readonly kind: "scale" | "sign" }[]): string {
  if (matrix === "general-linear" || matrix === "rotary") return matrixWords[matrix];
  const count = (kind: string) => own.filter((generator) => generator.kind === kind).length;
  const times = (word: string, n: number) => (n === 0 ? [] : [n === 1 ? word : `${word} in ${n} ways`]);
  const words = [
    ...(permutes ? ["permuted"] : []),
    ...times("scaled", count("scale")),
    ...times("flipped", count("sign")),
    ...(matrix ? [matrixWords[matrix]] : []),
  ];
  return words.join(", ");
}

function totals(group: SymmetryGroup, order: GroupOrder, { head, shifts }: Beyond): string[] {
  const { permutations, signs, discrete, continuousDimension } = order;
  const size = ({ log10, digits }: { log10: number; digits: number }) =>
    `10^${log10.toFixed(6)} (${formatCount(digits)} digits)`;
  const shifted = shifts.reduce((sum, { dimension }) => sum + dimension, 0);
  const total = continuousDimension + shifted;
  return [
    `permutations          ${size(permutations)}`,
    ...(signs.log10 > 0 ? [`signs                 ${size(signs)}`] : []),
    `discrete order        ${size(discrete)}: connected components of the group`,
    `continuous dimension  ${formatCount(total)}${
      shifted > 0
        ? `, of which ${formatCount(shifted)} are shifts: ${shortList(
            shifts.map(({ tensor }) => tensor),
            3,
          )}`
        : ""
    }`,
    ...(head
      ? [
          `for the argmax alone  ${formatCount(total + head.dimension.decision)}: the last layer may be scaled and shifted`,
        ]
      : []),
    ...(group.unknownOperators.length > 0
      ? [`unknown operators, which pin what they touch: ${group.unknownOperators.join(", ")}`]
      : []),
  ];
}

function pinnedLines({ pinned }: SymmetryGroup): string[] {
  const reasons = Map.groupBy(pinned, ({ why }: PinnedAxis) => why);
  if (reasons.size === 0) return [];
  const lines = [...reasons].map(([why, axes]) => {
    const names = [...new Set(axes.map(({ tensor, axis }) => `${tensor}:${axis}`))];
    return `  ${why}: ${shortList(names)}`;
  });
  return ["", "axes in a fixed order, and why:", ...lines];
}

function stabiliserJson(group: SymmetryGroup, order: GroupOrder, fixed: Stabiliser) {
  const { identical, dead, permutations, tolerance } = fixed;
  const named = <T extends { readonly factor: number }>({ factor, ...rest }: T) => ({
    factor: group.factors[factor]?.name,
    ...rest,
  });
  return {
    identical: identical.map(named),
    dead: dead.map(named),
    permutations: `${permutations}`,
    orbit: orbitSize(order, permutations),
    tolerance,
  };
}

function orbitSize({ permutations }: GroupOrder, stabilising: bigint): { log10: number; digits: number } {
  const log10 = permutations.log10 - log10Of(stabilising);
  return { log10, digits: Math.floor(log10) + 1 };
}

function stabiliserLines(group: SymmetryGroup, order: GroupOrder, fixed: Stabiliser): string[] {
  const { identical, dead, permutations, tolerance } = fixed;
  const nameOf = (factor: number) => group.factors[factor]?.name ?? "";
  const { log10 } = orbitSize(order, permutations);
  return [
    "",
    `identical units (to ${tolerance.toExponential(1)} of their tensor's largest): ${identical.length === 0 ? "none" : ""}`,
    ...identical.map(({ factor, units }) => `  ${nameOf(factor)}: ${shortList(units.map(String), 8)}`),
    `dead units: ${dead.length === 0 ? "none" : ""}`,
    ...dead.map(
      ({ factor, units, tensor }) => `  ${nameOf(factor)}: ${shortList(units.map(String), 8)} have zeros in ${tensor}`,
    ),
    `orbit under permutations  10^${log10.toFixed(6)}`,
  ];
}
