import { resolve } from "node:path";
import { connectivityGraph, expansionCount, subspaceDimension } from "../counting/index.ts";
import { check } from "../errors.ts";
import {
  type Composition,
  compositionText,
  evenComposition,
  expand,
  type HiddenLayer,
  hiddenLayer,
  parseComposition,
  rolesOf,
} from "../landscape/index.ts";
import type { Model, Parameters } from "../nets/index.ts";
import { checkTarget } from "../node/index.ts";
import type { UnitSite } from "../symmetry/index.ts";
import { elementCount, fold } from "../tensor/index.ts";
import { certificateOptions, seedKey } from "./certificate.ts";
import { modelIn, writeChanged } from "./changed-network.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { drawConnectivity } from "./count/graph.ts";
import { figureOf, writeFigure } from "./figure-file.ts";
import { formatCount } from "./format.ts";
import { choiceOf, numbersOf, requiredText, textOf } from "./values.ts";
import { weightsOf, weightsOptions } from "./weights-options.ts";
import { outputOf, outputOptions } from "./written-weights.ts";

export const command: Command = {
  summary: "a wider network of the same function",
  usage: "<model> --layer <name> --to <units> -o <file> [options]",
  options: {
    layer: { value: "NAME,..", help: "the layers to widen, by name or number as in the census" },
    to: { value: "M,..", help: "how many units each shall have" },
    composition: {
      value: "2,1,1+2;..",
      help: "copies of each unit, and behind a plus the sizes of groups that cancel each other (copies alone, evenly)",
    },
    outgoing: { value: "WORD", help: "outgoing weights of copies: even or random (even)" },
    figure: { value: "FILE.svg", help: "draw which subspaces of the manifold meet, for a narrow layer" },
    ...outputOptions,
    out: { short: "o", value: "FILE", help: "where to write: .onnx, or .safetensors or .npz for an mlp" },
    ...weightsOptions,
    ...certificateOptions,
  },
  positionals: [1, 1],
  examples: [
    "expand mlp.safetensors --layer layers.0 --to 520 -o wide.safetensors",
    "expand toy.safetensors --layer 0 --composition 2,1,1+2 -o wide.onnx",
  ],
  run,
};

interface Widening {
  readonly layer: HiddenLayer;
  readonly composition: Composition;
}

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  outputOf(call);
  const split = choiceOf(call, "outgoing", ["even", "random"], "even");
  await using weights = await weightsOf(path, call);
  const before = await modelIn(weights);
  const widenings = wideningsOf(call, before);
  const figure = figureOf(call, "figure");
  if (figure !== undefined) await checkFigure(call, figure, { widenings, path });
  const layers = widenings.map(({ layer, composition }) => ({ layer: layer.name, roles: rolesOf(composition), split }));
  const after = expand(before, layers, { key: fold(seedKey(call), "expand") });
  const described = widenings.map((each) => describe(each, after.parameters));
  const outcome = await writeChanged(
    call,
    { weights, before, after },
    {
      json: { layers: described, figure: figure ?? null },
      text: described.map(
        ({ name, from, to, composition, dimension, subspaces }) =>
          `${name}: ${formatCount(from)} units to ${formatCount(to)} as ${shortened(composition)}, in a subspace of dimension ${formatCount(dimension)}${subspaces === null ? "" : `, one of ${subspaces}`}`,
      ),
    },
  );
  if (figure === undefined || outcome.status === 1) return outcome;
  const [{ layer, composition }] = widenings as [Widening];
  const sizes = { minimal: layer.size, width: rolesOf(composition).length };
  const drawing = drawConnectivity(sizes, connectivityGraph(sizes.minimal, sizes.width));
  await writeFigure(call, figure, drawing);
  return { ...outcome, text: [...outcome.text, `figure written to ${figure}`] };
}

function wideningsOf(call: Call, { network }: Model): Widening[] {
  const names = requiredText(call, "layer", "name a layer of orbifold census").split(",");
  const widths = numbersOf(call, "to", { least: 1, most: mostUnits, whole: true });
  const compositions = textOf(call, "composition")?.split(";").map(parseComposition);
  check(widths !== undefined || compositions !== undefined, () => ({
    code: "usage",
    where: "--to",
    message: "is needed",
    remedy: "say how many units the layer shall have, or give a --composition",
  }));
  for (const [option, given] of [
    ["--to", widths],
    ["--composition", compositions],
  ] as const) {
    check(given === undefined || given.length === names.length, () => ({
      code: "bad-option",
      where: option,
      message: `expected one for each layer, ${names.length}, got ${given?.length}`,
    }));
  }
  const layers = names.map((name) => hiddenLayer(network, name));
  const twice = layers.find((layer, i) => layers.findIndex(({ name }) => name === layer.name) < i);
  check(twice === undefined, () => ({
    code: "bad-option",
    where: "--layer",
    message: `expected different layers, got ${twice?.name} twice`,
  }));
  return layers.map((layer, i) => widening(layer, widths?.[i], compositions?.[i]));
}

/** Most units of a widened layer. */
const mostUnits = 1_000_000;

function widening(layer: HiddenLayer, width: number | undefined, given: Composition | undefined): Widening {
  const { size, name } = layer;
  if (given) checkComposition(given, layer);
  const to = width ?? (given ? rolesOf(given).length : size);
  check(to >= size, () => ({
    code: "bad-option",
    where: "--to",
    message: `expected at least the ${size} units that ${name} has, got ${to}`,
    remedy: "orbifold reduce removes units",
  }));
  const composition = given ?? evenComposition(size, to);
  check(rolesOf(composition).length === to, () => ({
    code: "bad-option",
    where: "--composition",
    message: `expected ${to} units, as many as --to says, got ${rolesOf(composition).length}`,
  }));
  return { layer, composition };
}

function checkComposition({ copies, zeroGroups }: Composition, { size, name }: HiddenLayer): void {
  const units = [...copies, ...zeroGroups].reduce((sum, count) => sum + count, 0);
  check(copies.length === size && units <= mostUnits, () => ({
    code: "bad-option",
    where: "--composition",
    message: `expected copies of the ${size} units of ${name}, up to ${formatCount(mostUnits)} in all, got copies of ${copies.length}, ${formatCount(units)} in all`,
  }));
}

/** A long composition without its middle; `--json` has all of it. */
function shortened(composition: string): string {
  const [start, end] = [composition.slice(0, 24), composition.slice(-24)];
  return composition.length <= 60
    ? composition
    : `${start.slice(0, start.lastIndexOf(",") + 1)}..${end.slice(end.indexOf(","))}`;
}

/** Digits up to which the number of subspaces is worth reading. */
const mostSubspaces = 12;

/** The subspace of the layer, among the networks whose other layers are those of the wide one. */
function describe({ layer, composition }: Widening, parameters: Parameters) {
  const { name, size, incoming, outgoing } = layer;
  const width = rolesOf(composition).length;
  const entries = (sites: readonly UnitSite[]) =>
    sites.reduce((sum, { tensor }) => sum + elementCount(parameters[tensor]?.shape ?? []) / width, 0);
  const dimension = subspaceDimension({
    minimal: size,
    width,
    zeroGroups: composition.zeroGroups.length,
    inputs: entries(incoming),
    outputs: entries(outgoing),
  });
  const subspaces = width <= mostSubspaces ? String(expansionCount(size, width)) : null;
  return { name, from: size, to: width, composition: compositionText(composition), dimension, subspaces };
}

/** Most subspaces in a figure. */
const mostDrawn = 400;

async function checkFigure(
  call: Call,
  figure: string,
  { widenings, path }: { readonly widenings: readonly Widening[]; readonly path: string },
): Promise<void> {
  const [{ layer, composition }, ...others] = widenings as readonly [Widening, ...Widening[]];
  const width = rolesOf(composition).length;
  const isSmall = others.length === 0 && width <= mostSubspaces && expansionCount(layer.size, width) <= mostDrawn;
  check(isSmall, () => ({
    code: "too-large",
    where: "--figure",
    message: `expected one layer with at most ${mostDrawn} subspaces, got ${others.length > 0 ? `${widenings.length} layers` : `${layer.size} units to ${width}`}`,
    remedy: "leave the figure out",
  }));
  const output = outputOf(call);
  check(resolve(figure) !== resolve(output), () => ({
    code: "usage",
    where: "--figure",
    message: `expected another file than that of -o, got ${figure} for both`,
  }));
  await checkTarget(figure, [path, output], call.options.force === true);
}
