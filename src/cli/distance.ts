import { matchWeights } from "../align/index.ts";
import { type Distances, distances, onSpheres, spheresOf } from "../landscape/index.ts";
import type { Parameters } from "../nets/index.ts";
import type { Discovery } from "../symmetry/index.ts";
import { fold } from "../tensor/index.ts";
import { seedKey } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { table } from "./format.ts";
import { checkSameNetwork } from "./same-network.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "how far apart two networks are, with and without symmetries",
  usage: "<a> <b> [options]",
  options: {
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
  const { group } = a.discovery;
  const [u, v] = [onSpheres(group, x), onSpheres(group, y)];
  const json = {
    raw: measured(a.discovery, x, y, false),
    aligned: measured(a.discovery, x, await aligned(call, a.discovery, x, y), false),
    canonical: measured(a.discovery, u, v, true),
    canonicalAligned: measured(a.discovery, u, await aligned(call, a.discovery, u, v), true),
  };
  const rows = Object.entries(json).map(([name, { chord, perParameter, geodesic }]) => [
    words[name] ?? name,
    chord.toPrecision(5),
    perParameter.toPrecision(4),
    geodesic === null ? "" : geodesic.toPrecision(5),
  ]);
  return { json, text: [...notesOn(a), ...table(["", "chord", "per parameter", "geodesic"], rows)] };
}

const words: Readonly<Record<string, string>> = {
  raw: "as stored",
  aligned: "aligned",
  canonical: "on the product of spheres",
  canonicalAligned: "on it and aligned",
};

function measured(discovery: Discovery, a: Parameters, b: Parameters, isOnSpheres: boolean): Distances {
  return distances(a, b, isOnSpheres ? spheresOf(discovery) : undefined);
}

async function aligned(call: Call, { group }: Discovery, a: Parameters, b: Parameters): Promise<Parameters> {
  await using engine = await engineOf(call);
  const match = await matchWeights(a, b, group, { engine, key: fold(seedKey(call), "align") });
  return match.parameters;
}
