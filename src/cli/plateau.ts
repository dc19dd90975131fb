import { join } from "node:path";
import { factorial } from "../counting/index.ts";
import { check } from "../errors.ts";
import { hiddenLayer, inTypesOf, type PlateauPath, pathDeviations, plateauWalk } from "../landscape/index.ts";
import type { Model } from "../nets/index.ts";
import { checkTarget, makeFolder } from "../node/index.ts";
import { elementCount, fold } from "../tensor/index.ts";
import { certificateOptions, samplesOf, seedKey } from "./certificate.ts";
import { modelIn } from "./changed-network.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf } from "./engine-options.ts";
import { formatBytes, formatCount } from "./format.ts";
import { numberOf, numbersOf, requiredText, textOf } from "./values.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "walk at constant loss to another numbering of a layer",
  usage: "<model> --layer L --units I,J --to N,N,.. [options]",
  options: {
    layer: { value: "NAME", help: "the layer, by name or number as in the census" },
    units: { value: "I,J", help: "its two units with equal incoming weights, counted from 0" },
    to: { value: "N,N,..", help: "which unit comes to each place; all for every numbering and back" },
    out: { short: "o", value: "FOLDER", help: "write the network at each corner of the walk" },
    force: { help: "replace files that are there" },
    ...weightsOptions,
    ...certificateOptions,
  },
  positionals: [1, 1],
  examples: ["plateau wide.safetensors --layer layers.0 --units 0,1 --to 3,1,0,2"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  const units = pairOf(call);
  const to = numberingOf(call);
  await using weights = await weightsOf(path, call);
  const model = await modelIn(weights);
  const layer = requiredText(call, "layer", "name a layer of orbifold census");
  checkMemory(model, { layer, to });
  const walk = plateauWalk(model, { layer, units, to });
  const folder = textOf(call, "out");
  const ending = path.toLowerCase().endsWith(".onnx") ? ".onnx" : ".safetensors";
  const files = folder === undefined ? [] : walk.corners.map((_, i) => join(folder, cornerName(i, ending)));
  await using engine = await engineOf(call);
  const probes = numberOf(call, "probes", { least: 1, most: 4096, whole: true });
  const data = await samplesOf(call);
  const options = { engine, key: fold(seedKey(call), "probes"), ...(probes && { probes }), ...(data && { data }) };
  const deviations = await pathDeviations(model.network, walk, options);
  const maxDeviation = Math.max(0, ...deviations);
  const tolerance = numberOf(call, "tolerance", { above: 0 }, rounding);
  const isFlat = maxDeviation <= tolerance;
  const segments = walk.segments.map((segment, i) => ({ ...segment, deviation: deviations[i] as number }));
  const found = { maxDeviation, tolerance, segments, corners: walk.corners.length };
  const lines = [...notesOn(weights), ...describe(walk, maxDeviation)];
  if (!isFlat) return { json: { output: null, ...found }, text: [...lines, "NOT flat: nothing written"], status: 1 };
  if (folder === undefined) return { json: { output: null, ...found }, text: lines };
  await using _ = await makeFolder(folder);
  for (const file of files) await checkTarget(file, [path], call.options.force === true);
  const before = await weights.read();
  for (const [i, corner] of walk.corners.entries()) {
    const all = { ...before, ...inTypesOf(model.parameters, corner) };
    await weights.write(files[i] as string, all, { force: call.options.force === true });
  }
  return {
    json: { output: folder, ...found, files },
    text: [...lines, `${formatCount(files.length)} networks written to ${folder}`],
  };
}

/** Splitting and joining outgoing weights rounds them. */
const rounding = 1e-12;

interface Walk {
  readonly layer: string;
  readonly to: readonly number[] | "all";
}

const mostBytes = 4 * 2 ** 30;

/** A corner, and four points on the way to it. */
const pointsOfSegment = 5;

/** Most corners of a walk: all numberings take 2.2 each, and a chosen one at most 1.5 for each unit that moves. */
function mostCorners(size: number, to: Walk["to"]): number {
  // More than 8 units have too many numberings, as the walk will say.
  if (to === "all") return 2.5 * Number(factorial(Math.min(size, 8)));
  return Math.ceil(1.5 * to.filter((unit, place) => unit !== place).length) + 3;
}

/** Throws where all points of a walk, which are held at once, would not fit into the memory of a common machine. */
function checkMemory({ network, parameters }: Model, { layer, to }: Walk): void {
  const { size, incoming, outgoing } = hiddenLayer(network, layer);
  const tensors = [...new Set([...incoming, ...outgoing].map(({ tensor }) => tensor))];
  const entries = tensors.reduce((sum, tensor) => sum + elementCount(parameters[tensor]?.shape ?? []), 0);
  const most = mostCorners(size, to);
  const bytes = most * pointsOfSegment * entries * Float64Array.BYTES_PER_ELEMENT;
  check(bytes <= mostBytes, () => ({
    code: "too-large",
    where: "--to",
    message: `expected a walk that fits into ${formatBytes(mostBytes)}, got one of about ${formatCount(most)} corners and ${formatBytes(bytes)}`,
    remedy: "choose a numbering that moves fewer units, or a narrower layer",
  }));
}

function cornerName(i: number, ending: string): string {
  return `corner-${String(i).padStart(3, "0")}${ending}`;
}

/** The two units that `--units` names. */
export function pairOf(call: Call): readonly [number, number] {
  const units = numbersOf(call, "units", { least: 0, whole: true });
  check(units?.length === 2, () => ({
    code: "usage",
    where: "--units",
    message: `expected two units of the layer, such as 0,1, got ${units?.join(",") ?? "none"}`,
  }));
  return units as unknown as readonly [number, number];
}

function numberingOf(call: Call): readonly number[] | "all" {
  const text = requiredText(call, "to", "say which unit comes to each place, such as 3,1,0,2");
  return text === "all" ? text : (numbersOf(call, "to", { least: 0, whole: true }) as number[]);
}

function describe({ segments, corners }: PlateauPath, maxDeviation: number): string[] {
  const count = (changes: string) => segments.filter((segment) => segment.changes === changes).length;
  return [
    `${formatCount(segments.length)} straight segments through ${formatCount(corners.length)} corners: ${formatCount(count("outgoing"))} move outgoing weights between equal units, ${formatCount(count("incoming"))} move a silent unit`,
    `outputs on the way differ by ${maxDeviation.toExponential(1)} of the largest`,
  ];
}
