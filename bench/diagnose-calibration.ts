import { type Diagnosis, diagnose, matchWeights } from "../src/align/index.ts";
import { digitsDataset } from "../src/data/index.ts";
import type { Engine } from "../src/engine/index.ts";
import { barrier, linearPath, profile } from "../src/landscape/index.ts";
import { mlp, type Network, type Parameters, resnet20, vit } from "../src/nets/index.ts";
import { nativeEngine } from "../src/node/index.ts";
import { act, discoverSymmetry, randomElement } from "../src/symmetry/index.ts";
import { fold, rngKey, zeros } from "../src/tensor/index.ts";
import { memberParameters, type TrainingState, train } from "../src/train/index.ts";

// What the evidence of `orbifold diagnose` comes to for pairs whose relation is known, beside the barrier between them:
// node bench/diagnose-calibration.ts [seeds] [mlp|resnet20|vit ...]
const [, , count = "3", ...chosen] = process.argv;
const seeds = Number(count);
const epochs = 20;
const fineTunes = [1, 5, 20, 100];
const dataset = await digitsDataset();
const input = [1, 8, 8];
const networks: Readonly<Record<string, readonly [Network, rate: number]>> = {
  mlp: [mlp({ input, widths: [64, 64], outputs: 10 }), 3e-3],
  resnet20: [resnet20({ input, outputs: 10, width: 8 }), 3e-3],
  vit: [vit({ input, patch: 2, width: 32, depth: 2, heads: 2, outputs: 10 }), 1e-3],
};

await using engine = await nativeEngine();
for (const [name, [network, rate]] of Object.entries(networks)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  process.stdout.write(`${name}\n`);
  for (const [relation, pairs] of await pairsOf(network, rate)) await report(network, relation, pairs);
}

type Pair = readonly [Parameters, Parameters];

/** Pairs of networks by their relation. */
async function pairsOf(network: Network, rate: number): Promise<Map<string, readonly Pair[]>> {
  const group = discoverSymmetry(network);
  const keys = Array.from({ length: seeds }, (_, seed) => rngKey(seed));
  const states: TrainingState[] = [];
  for (const key of keys) states.push(await trained(network, { engine, key, rate, epochs }));
  const models = states.map((state) => weightsOf(network, state));
  const independent = models.map((each, i): Pair => [each, models[(i + 1) % seeds] as Parameters]);
  const aligned: Pair[] = [];
  for (const [a, b] of independent) {
    aligned.push([a, (await matchWeights(a, b, group, { engine, key: rngKey(1) })).parameters]);
  }
  const found = new Map<string, readonly Pair[]>([
    ["independent", independent],
    ["independent, aligned", aligned],
  ]);
  for (const length of fineTunes) {
    const pairs: Pair[] = [];
    for (const [i, state] of states.entries()) {
      const start = restarted(network, state);
      const key = fold(rngKey(i), "fine-tune");
      const end = await trained(network, { engine, key, rate, epochs: length, start });
      pairs.push([models[i] as Parameters, weightsOf(network, end)]);
    }
    const shuffle = fold(rngKey(2), "shuffle");
    found.set(`fine-tuned for ${length}`, pairs);
    found.set(
      `fine-tuned for ${length}, shuffled`,
      pairs.map(([a, b]): Pair => [a, act(group, randomElement(group, shuffle, { spread: 1 }), b)]),
    );
  }
  return found;
}

interface Run {
  readonly engine: Engine;
  readonly key: ReturnType<typeof rngKey>;
  readonly rate: number;
  readonly epochs: number;
  readonly start?: TrainingState;
}

async function trained(network: Network, { engine, key, rate, epochs, start }: Run): Promise<TrainingState> {
  const optimizer = { kind: "adam", learningRate: rate } as const;
  const resumed = start ? { resumeFrom: start } : {};
  const steps = train(network, dataset, { engine, keys: [key], optimizer, epochs, batchSize: 64, ...resumed });
  let next = await steps.next();
  while (!next.done) next = await steps.next();
  return next.value;
}

/** A state with the same weights at the start of a new run. */
function restarted(network: Network, state: TrainingState): TrainingState {
  const own = new Set(network.parameters.map(({ name }) => name));
  const tensors = Object.entries(state.tensors).map(
    ([name, each]) => [name, own.has(name) ? each : zeros(each.dtype, each.shape)] as const,
  );
  return { ...state, tensors: Object.fromEntries(tensors), step: 0, history: [] };
}

function weightsOf(network: Network, state: TrainingState): Parameters {
  return memberParameters(network, state)[0] as Parameters;
}

async function report(network: Network, relation: string, pairs: readonly Pair[]): Promise<void> {
  const group = discoverSymmetry(network);
  const found: Diagnosis[] = [];
  const barriers: number[] = [];
  for (const [a, b] of pairs) {
    found.push(await diagnose(a, b, group, { engine, key: rngKey(3) }));
    const batchNorm = network.parameters.every(({ trainable }) => trainable) ? "keep" : "re-estimate";
    const curve = await profile(network, linearPath(a, b), dataset, { engine, points: 11, tolerance: null, batchNorm });
    barriers.push(barrier(curve, "chord", "error"));
  }
  const columns = [
    range(found.map(({ cosine }) => cosine)),
    range(found.map(({ deviations }) => deviations)),
    range(found.map(({ matchedCosine }) => matchedCosine)),
    range(found.map(({ kept }) => kept)),
    range(found.map(({ moved }) => moved)),
    range(barriers),
  ];
  const verdicts = [...new Set(found.map(({ verdict, alignFirst }) => `${verdict}${alignFirst ? "*" : ""}`))];
  process.stdout.write(`| ${[relation, ...columns, verdicts.join(" ")].join(" | ")} |\n`);
}

function range(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toPrecision(2));
  return low === high ? `${low}` : `${low}..${high}`;
}
