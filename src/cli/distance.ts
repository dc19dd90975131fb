import { matchWeights } from "../align/index.ts";
import { type Distances, distances, spheresOf } from "../landscape/index.ts";
import { progressBar } from "../node/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { scaleFixed, scaleOutputHelp } from "./fixed-scales.ts";
import { table } from "./format.ts";
import { matchOptions } from "./matching.ts";
import { checkSameNetwork, checkSameTypes } from "./same-network.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "how far apart two networks are, with and without symmetries",
  usage: "<a> <b> [options]",
  options: {
    "scale-output": { help: scaleOutputHelp },
    seed: { value: "N", help: "seed of the alignment (0)" },
    ...weightsOptions,
    ...engineOptions,
  },
  positionals: [2, 2],
  examples: ["distance a.safetensors b.safetensors"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [first, second] = call.positionals as readonly [string, string];
  await using a = await weightsOf(first, call);
  await using b = await weightsOf(second, call);
  checkSameNetwork(a, b);
  const [x, y] = [await a.read(), await b.read()];
  checkSameTypes(x, y, second);
  const { group } = a.discovery;
  const spheres = spheresOf(a.discovery);
  const [u, v] = [scaleFixed(call, a.discovery, x), scaleFixed(call, a.discovery, y)];
  await using engine = await engineOf(call, { spins: false });
  using bar = progressBar({ quiet: call.quiet });
  const options = matchOptions(call, { engine, bar });
  const json = {
    raw: distances(x, y),
    aligned: distances(x, (await matchWeights(x, y, group, options)).parameters),
    canonical: distances(u, v, spheres),
    canonicalAligned: distances(u, (await matchWeights(u, v, group, options)).parameters, spheres),
  };
  const scaleOutput = call.options["scale-output"] === true;
  return {
    json: { ...json, scaleOutput, assumptions: a.assumptions },
    text: [...notesOn(a), ...table(heading, rowsOf(json))],
  };
}

const heading = ["", "chord", "per parameter", "geodesic"];

function rowsOf(json: Readonly<Record<keyof typeof words, Distances>>): string[][] {
  return (Object.keys(words) as (keyof typeof words)[]).map((name) => {
    const { chord, perParameter, geodesic } = json[name];
    return [words[name], chord.toPrecision(5), perParameter.toPrecision(4), geodesic?.toPrecision(5) ?? ""];
  });
}

const words = {
  raw: "as stored",
  aligned: "aligned",
  canonical: "on the product of spheres",
  canonicalAligned: "on it and aligned",
} as const;
