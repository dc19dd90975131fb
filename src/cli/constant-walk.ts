import { join } from "node:path";
import { inTypesOf, type PlateauPath, pathDeviations } from "../landscape/index.ts";
import type { Model } from "../nets/index.ts";
import { checkTarget, makeFolder, progressBar, type WeightsFile } from "../node/index.ts";
import { fold } from "../tensor/index.ts";
import { certificateOptions, samplesOf, seedKey } from "./certificate.ts";
import type { Call, OptionSpec, Outcome } from "./command.ts";
import { engineOf } from "./engine-options.ts";
import { formatCount } from "./format.ts";
import { numberOf, textOf } from "./values.ts";
import { notesOn, weightsOptions } from "./weights-options.ts";

/** Options of the commands that walk at constant loss. */
export const walkOptions: Readonly<Record<string, OptionSpec>> = {
  out: { short: "o", value: "FOLDER", help: "write the network at each corner of the walk" },
  force: { help: "replace files that are there" },
  ...weightsOptions,
  ...certificateOptions,
};

/** A walk at constant loss, from the network in a file. */
export interface ConstantWalk {
  readonly weights: WeightsFile;
  readonly model: Model;
  readonly walk: PlateauPath;
  /** Where outputs on the way may be apart by this, relative to the largest, unless `--tolerance` says otherwise. */
  readonly tolerance: number;
}

/** Measures a walk, and writes its corners where `-o` says if it is flat; exit status 1 if it is not. */
export async function walkOutcome(call: Call, constant: ConstantWalk): Promise<Outcome> {
  const { weights, walk } = constant;
  const folder = textOf(call, "out");
  await using _ = folder === undefined ? null : await makeFolder(folder);
  const files = folder === undefined ? [] : await cornerFiles(call, constant, folder);
  const deviations = await deviationsOn(call, constant);
  const maxDeviation = deviations.reduce((most, deviation) => Math.max(most, deviation), 0);
  const tolerance = numberOf(call, "tolerance", { above: 0 }, constant.tolerance);
  const segments = walk.segments.map((segment, i) => ({ ...segment, deviation: deviations[i] as number }));
  const found = { maxDeviation, tolerance, segments, corners: walk.corners.length, assumptions: weights.assumptions };
  const lines = [...notesOn(weights), ...describe(walk, maxDeviation)];
  // Not a number is no flat way either.
  if (!(maxDeviation <= tolerance)) {
    return { json: { output: null, ...found }, text: [...lines, "NOT flat: nothing written"], status: 1 };
  }
  if (folder === undefined) return { json: { output: null, ...found }, text: lines };
  await writeCorners(call, constant, files);
  return {
    json: { output: folder, ...found, files },
    text: [...lines, `${formatCount(files.length)} networks written to ${folder}`],
  };
}

/** The names of the corners, none of which may be there without `--force`. */
async function cornerFiles(call: Call, { weights: { path }, walk }: ConstantWalk, folder: string): Promise<string[]> {
  const ending = path.toLowerCase().endsWith(".onnx") ? ".onnx" : ".safetensors";
  const files = walk.corners.map((_, i) => join(folder, `corner-${String(i).padStart(3, "0")}${ending}`));
  for (const file of files) await checkTarget(file, call.positionals, call.options.force === true);
  return files;
}

async function deviationsOn(call: Call, { model, walk }: ConstantWalk): Promise<number[]> {
  const probes = numberOf(call, "probes", { least: 1, most: 4096, whole: true });
  const data = await samplesOf(call, model.network);
  await using engine = await engineOf(call);
  using bar = progressBar({ quiet: call.quiet });
  return await pathDeviations(model.network, walk, {
    engine,
    key: fold(seedKey(call), "probes"),
    ...(probes && { probes }),
    ...(data && { data }),
    onProgress: (done, total) => bar.update({ label: "comparing outputs on the way", done, total, unit: "segment" }),
  });
}

async function writeCorners(
  call: Call,
  { weights, model, walk }: ConstantWalk,
  files: readonly string[],
): Promise<void> {
  const before = await weights.read();
  using bar = progressBar({ quiet: call.quiet });
  for (const [i, corner] of walk.corners.entries()) {
    const all = { ...before, ...inTypesOf(model.parameters, corner) };
    await weights.write(files[i] as string, all, { force: call.options.force === true });
    bar.update({ label: "writing", done: i + 1, total: files.length, unit: "network" });
  }
}

function describe({ segments, corners }: PlateauPath, maxDeviation: number): string[] {
  const count = (changes: string) => formatCount(segments.filter((segment) => segment.changes === changes).length);
  const layers = Map.groupBy(segments, ({ layer }) => layer);
  const shares = [...layers].map(([layer, own]) => `${layer} ${formatCount(own.length)}`);
  return [
    `${formatCount(segments.length)} straight segments through ${formatCount(corners.length)} corners: ${count("outgoing")} move outgoing weights between equal units, ${count("incoming")} move silent units`,
    ...(shares.length > 1 ? [`segments in ${shares.join(", ")}`] : []),
    `outputs on the way differ by ${maxDeviation.toExponential(1)} of the largest`,
  ];
}
