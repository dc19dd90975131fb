import { stat } from "node:fs/promises";
import { join } from "node:path";
import { layerCosines, type Match, unitCosines } from "../align/index.ts";
import type { Engine } from "../engine/index.ts";
import { coarseCells, dotChart, heatMap } from "../figures/index.ts";
import type { Parameters } from "../nets/index.ts";
import { checkTarget, makeFolder, writeFileAtomically } from "../node/index.ts";
import type { Factor, SymmetryGroup } from "../symmetry/index.ts";
import { fold } from "../tensor/index.ts";
import { seedKey } from "./certificate.ts";
import type { Call, OptionSpec } from "./command.ts";
import { engineOf } from "./engine-options.ts";
import { textOf } from "./values.ts";

/** The option that asks for figures of an alignment. */
export const figuresOptions: Readonly<Record<string, OptionSpec>> = {
  figures: { value: "DIR", help: "also draw cosines before and after as SVG, with their numbers as JSON" },
};

/** Throws where figures would replace others. */
export async function checkFigures(call: Call): Promise<void> {
  const folder = textOf(call, "figures");
  const isThere = folder !== undefined && (await stat(folder).catch(() => null))?.isDirectory();
  if (isThere)
    for (const kind of ["svg", "json"]) await checkTarget(join(folder, `cosines.${kind}`), [], isForced(call));
}

function isForced({ options }: Call): boolean {
  return options.force === true;
}

interface Aligned {
  readonly a: Parameters;
  readonly b: Parameters;
  readonly match: Match;
  readonly group: SymmetryGroup;
}

interface Drawn {
  readonly name: string;
  readonly svg: string;
  readonly json: unknown;
}

/** Draws what an alignment did, where asked for; the paths of the figures. */
export async function writeFigures(call: Call, aligned: Aligned): Promise<readonly string[]> {
  const folder = textOf(call, "figures");
  if (folder === undefined) return [];
  await using _ = await makeFolder(folder);
  await using engine = await engineOf(call);
  const paths: string[] = [];
  for await (const { name, svg, json } of figuresOf(call, aligned, engine)) {
    const [figure, numbers] = [`${name}.svg`, `${name}.json`].map((file) => join(folder, file)) as [string, string];
    await write(numbers, `${JSON.stringify(json)}\n`, call);
    await write(figure, svg, call);
    paths.push(figure);
  }
  return paths;
}

async function write(path: string, text: string, call: Call): Promise<void> {
  await writeFileAtomically(path, [new TextEncoder().encode(text)], { force: isForced(call) });
}

/** A matrix of all pairs of more units than this is not made for a figure. */
const mostUnits = 4096;

async function* figuresOf(call: Call, aligned: Aligned, engine: Engine): AsyncGenerator<Drawn> {
  yield cosineFigure(call, aligned);
  for (const [factor, { permutes, size }] of aligned.group.factors.entries()) {
    if (permutes && size > 1 && size <= mostUnits) yield await unitsFigure(aligned, factor, engine);
  }
}

function cosineFigure(call: Call, { a, b, match, group }: Aligned): Drawn {
  const { layers } = layerCosines({ a, b, matched: match.parameters }, group, fold(seedKey(call), "chance"));
  const rows = layers.map(({ tensor, cosine, matchedCosine, chance: { mean, deviation } }) => ({
    name: tensor,
    values: [cosine, matchedCosine],
    band: [mean - 2 * deviation, mean + 2 * deviation] as const,
  }));
  const svg = dotChart({
    title: "How alike the weights are, before and after",
    x: "cosine of both tensors",
    series: ["as numbered", "aligned"],
    band: "numbered at random: mean ± 2 deviations",
    rows,
  });
  return { name: "cosines", svg, json: { layers } };
}

async function unitsFigure({ a, b, match, group }: Aligned, factor: number, engine: Engine): Promise<Drawn> {
  const { name, size } = group.factors[factor] as Factor;
  const [before, after] = [
    await unitCosines(a, b, group, { engine, factor }),
    await unitCosines(a, match.parameters, group, { engine, factor }),
  ].map((all) => coarseCells(all.subarray(0, size * size), size)) as [number[], number[]];
  const svg = heatMap({
    title: `Units of ${name}, each with each`,
    rows: "unit of the first",
    columns: "unit of the second",
    scale: "cosine of all weights of both units",
    size,
    panels: [
      { name: "as numbered", cells: before },
      { name: "aligned", cells: after },
    ],
  });
  return { name: `units-${name.replaceAll(/[^\w.-]+/g, "-")}`, svg, json: { factor: name, size, before, after } };
}
