import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MatchOptions, matchWeights } from "../src/align/index.ts";
import { encodeSafetensors } from "../src/checkpoint/index.ts";
import type { Engine } from "../src/engine/index.ts";
import { initializeParameters, mlp, type Network, type Parameters, resnet50, vgg16 } from "../src/nets/index.ts";
import { loadDataset, writeFileAtomically } from "../src/node/index.ts";
import { act, discoverSymmetry, identity, randomElement, runsOf, type SymmetryGroup } from "../src/symmetry/index.ts";
import { fold, normal, rngKey, type Tensor, tensor } from "../src/tensor/index.ts";
import { memberParameters, train } from "../src/train/index.ts";
import { type Timing, timeCalls } from "./harness.ts";

/** Where the peer finds the pairs: two checkpoints, and which axes each set of units indexes. */
const FOLDER = join(tmpdir(), "orbifold-bench-matching");

/** Pairs of networks: trained from two seeds, drawn apart, and renumbered with as much noise as weight. */
export const matchingPairs = [
  "mlp-trained",
  "vgg16-independent",
  "vgg16-planted",
  "resnet50-independent",
  "resnet50-planted",
] as const;
export type MatchingPair = (typeof matchingPairs)[number];

interface Pair {
  readonly group: SymmetryGroup;
  readonly a: Parameters;
  readonly b: Parameters;
}

const pairs = new Map<string, Pair>();

export interface MatchingTiming {
  /** With the restarts that are the default. */
  readonly timing: Timing;
  readonly objective: number;
  /** From fingerprints alone. */
  readonly single: { readonly timing: Timing; readonly objective: number };
}

export async function timeMatching(engine: Engine, name: MatchingPair): Promise<MatchingTiming> {
  const pair = pairs.get(name) ?? (await storedPair(engine, name));
  pairs.set(name, pair);
  return { ...(await timeMatch(pair, { engine })), single: await timeMatch(pair, { engine, restarts: 1 }) };
}

async function timeMatch({ a, b, group }: Pair, options: Omit<MatchOptions, "key">) {
  let objective = 0;
  const timing = await timeCalls(async () => {
    objective = (await matchWeights(a, b, group, { ...options, key: rngKey(0) })).objective.after;
  });
  return { timing, objective };
}

async function storedPair(engine: Engine, name: MatchingPair): Promise<Pair> {
  const pair = await makePair(engine, name);
  mkdirSync(FOLDER, { recursive: true });
  const store = (parameters: Parameters, which: string) =>
    writeFileAtomically(join(FOLDER, `${name}-${which}.safetensors`), encodeSafetensors(parameters), { force: true });
  await store(pair.a, "a");
  await store(pair.b, "b");
  const json = new TextEncoder().encode(JSON.stringify(axesOf(pair.group)));
  await writeFileAtomically(join(FOLDER, `${name}.json`), [json], { force: true });
  return pair;
}

/** For each tensor the set of units along each of its axes, null where there is none. */
function axesOf({ layouts }: SymmetryGroup): Record<string, (number | null)[]> {
  const axes = Object.entries(layouts).map(([name, layout]) => {
    const units = layout.axes.map((blocks) => {
      const [factor = null, ...others] = runsOf(blocks).flatMap((run) => run.factor ?? []);
      if (factor !== null && blocks.length + others.length > 1) throw new Error(`${name}: expected one set per axis`);
      return factor;
    });
    return [name, units] as const;
  });
  return Object.fromEntries(axes);
}

async function makePair(engine: Engine, name: MatchingPair): Promise<Pair> {
  if (name === "mlp-trained") {
    const network = mlp({ input: [1, 28, 28], widths: [512, 512, 512], outputs: 10 });
    const [a, b] = await trainedPair(engine, network);
    return { group: discoverSymmetry(network), a: a as Parameters, b: b as Parameters };
  }
  const network = name.startsWith("vgg16") ? vgg16({ input: [3, 32, 32], outputs: 10 }) : resnet50();
  const group = discoverSymmetry(network);
  const a = initializeParameters(network, rngKey(0));
  if (name.endsWith("independent")) return { group, a, b: initializeParameters(network, rngKey(1)) };
  const planted = { ...randomElement(group, rngKey(2)), scales: identity(group).scales };
  return { group, a, b: act(group, planted, noisy(a)) };
}

async function trainedPair(engine: Engine, network: Network): Promise<readonly Parameters[]> {
  const { dataset } = await loadDataset("mnist", { dataDir: process.env.ORBIFOLD_DATA });
  const steps = train(network, dataset, {
    engine,
    keys: [rngKey(0), rngKey(1)],
    optimizer: { kind: "adam", learningRate: 1e-3 },
    schedule: { kind: "cosine" },
    epochs: 3,
    batchSize: 128,
  });
  for (let next = await steps.next(); ; next = await steps.next()) {
    if (next.done) return memberParameters(network, next.value);
  }
}

function noisy(parameters: Parameters): Parameters {
  const entries = Object.entries(parameters).map(([name, { shape, data }]) => {
    const values = data as Float32Array;
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    const noise = normal(fold(rngKey(3), name), shape, { deviation }).data;
    const sum: Tensor = tensor(
      "float32",
      shape,
      noise.map((x, i) => x + (values[i] as number)),
    );
    return [name, sum] as const;
  });
  return Object.fromEntries(entries);
}
