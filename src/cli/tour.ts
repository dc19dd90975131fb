import { digitsDataset } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import { lineChart } from "../figures/index.ts";
import { mlp, type Network, type Parameters } from "../nets/index.ts";
import { progressBar, writeFileAtomically } from "../node/index.ts";
import { act, certify, discoverSymmetry, groupOrder, orbitHash, randomElement } from "../symmetry/index.ts";
import { rngKey, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { type Evaluation, evaluate, memberParameters, train } from "../train/index.ts";
import { chart } from "./chart.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { formatLoss, formatPercent } from "./format.ts";
import { numberOf, textOf } from "./values.ts";

export const command: Command = {
  summary: "train two small networks and look at the loss between them",
  usage: "[options]",
  options: {
    out: { short: "o", value: "FILE", help: "write the chart as an SVG figure" },
    force: { help: "replace the file if it is there" },
    seed: { value: "N", help: "seed of the first network; the second has the next one (0)" },
    ...engineOptions,
  },
  positionals: [0, 0],
  run,
};

const points = 41;
const epochs = 30;

async function run(call: Call): Promise<Outcome> {
  const seed = numberOf(call, "seed", { least: 0, whole: true }, 0);
  const dataset = await digitsDataset();
  const network = mlp({ input: dataset.sampleShape, widths: [32, 32], outputs: dataset.classes });
  await using engine = await engineOf(call);
  const start = performance.now();
  const [a, b] = await trainPair(network, dataset, { engine, seeds: [seed, seed + 1], quiet: call.quiet });
  const ends = await evaluate(network, [a, b], dataset, { engine });
  const trained = performance.now();
  const line = await lossAlongLine(network, dataset, engine, a, b);
  const twin = await twinOf(network, a, engine);
  const figure = textOf(call, "out");
  if (figure !== undefined) await writeFigure(figure, line, call);
  const seconds = { train: (trained - start) / 1000, line: (performance.now() - trained) / 1000 };
  const models = ends.map(({ loss, error }, i) => ({ seed: seed + i, testLoss: loss, testError: error }));
  return {
    json: {
      report: figure ?? null,
      steps: [
        { name: "train", network: network.description, data: dataset.name, epochs, models, seconds: seconds.train },
        { name: "line", points: line, seconds: seconds.line },
        { name: "orbit", ...twin },
      ],
    },
    text: [...describe(network, models, line, seconds), ...describeTwin(twin)],
  };
}

type Digits = Awaited<ReturnType<typeof digitsDataset>>;

async function trainPair(
  network: Network,
  dataset: Digits,
  { engine, seeds, quiet }: { engine: Engine; seeds: readonly number[]; quiet: boolean },
): Promise<[Parameters, Parameters]> {
  using bar = progressBar({ quiet });
  const optimizer = { kind: "adam", learningRate: 0.003 } as const;
  const steps = train(network, dataset, {
    engine,
    keys: seeds.map(rngKey),
    optimizer,
    epochs,
    batchSize: 64,
    schedule: { kind: "cosine" },
  });
  for (let next = await steps.next(); ; next = await steps.next()) {
    if (next.done) return [...memberParameters(network, next.value)] as [Parameters, Parameters];
    bar.update({ label: "training", done: next.value.step, total: next.value.steps, unit: "step" });
  }
}

async function writeFigure(path: string, line: readonly LinePoint[], call: Call): Promise<void> {
  const figure = lineChart({
    title: "Test loss between two networks trained on digits",
    x: "position on the straight line between their weights",
    y: "cross-entropy in nats",
    series: [{ name: "loss", points: line.map(({ t, loss }) => [t, loss]) }],
  });
  await writeFileAtomically(path, [new TextEncoder().encode(figure)], { force: call.options.force === true });
}

interface LinePoint {
  readonly t: number;
  readonly loss: number;
  readonly error: number | null;
}

/** Evaluates all points of the straight line as one ensemble. */
async function lossAlongLine(network: Network, dataset: Digits, engine: Engine, a: Parameters, b: Parameters) {
  const positions = Array.from({ length: points }, (_, i) => i / (points - 1));
  const networks = positions.map((t) => interpolate(a, b, t));
  const results = await evaluate(network, networks, dataset, { engine });
  return positions.map((t, i): LinePoint => {
    const { loss, error } = results[i] as Evaluation;
    return { t, loss, error };
  });
}

function interpolate(a: Parameters, b: Parameters, t: number): Parameters {
  return Object.fromEntries(
    Object.entries(a).map(([name, from]) => {
      const to = toNumbers(b[name] as Tensor);
      const data = Float32Array.from(toNumbers(from), (x, i) => (1 - t) * x + t * (to[i] as number));
      return [name, tensor("float32", from.shape, data)];
    }),
  );
}

/** Other weights of the same function. */
interface Twin {
  /** Distance of the weights over their norm. */
  readonly weightDistance: number;
  readonly outputDistance: number;
  readonly log10Copies: number;
  readonly hash: string;
  readonly twinHash: string;
}

async function twinOf(network: Network, parameters: Parameters, engine: Engine): Promise<Twin> {
  const group = discoverSymmetry(network);
  const key = rngKey(0);
  const twin = act(group, randomElement(group, key), parameters);
  const { maxRelative } = await certify(network, parameters, twin, { engine, key });
  const [{ hash }, { hash: twinHash }] = await Promise.all([orbitHash(group, parameters), orbitHash(group, twin)]);
  const weightDistance = relativeDistance(parameters, twin);
  const log10Copies = groupOrder(group).discrete.log10;
  return { weightDistance, outputDistance: maxRelative, log10Copies, hash, twinHash };
}

function relativeDistance(a: Parameters, b: Parameters): number {
  let [difference, norm] = [0, 0];
  for (const [name, tensor] of Object.entries(a)) {
    const [x, y] = [toNumbers(tensor), toNumbers(b[name] as Tensor)];
    for (let i = 0; i < x.length; i++) {
      difference += ((x[i] as number) - (y[i] as number)) ** 2;
      norm += (x[i] as number) ** 2;
    }
  }
  return Math.sqrt(difference / norm);
}

function describeTwin({ weightDistance, outputDistance, log10Copies, hash, twinHash }: Twin): string[] {
  return [
    "",
    `Renumbering and rescaling the hidden units of the first moves its weights by ${formatPercent(weightDistance)} of their norm and its`,
    `outputs by ${outputDistance.toExponential(0)}: one of 10^${log10Copies.toFixed(1)} copies, each with a scale per unit of its own. Modulo these`,
    `symmetries both are ${hash.slice(0, 16)}...${hash === twinHash ? "" : ` and ${twinHash.slice(0, 16)}...`}`,
  ];
}

function describe(
  network: Network,
  models: readonly { seed: number; testError: number | null }[],
  line: readonly LinePoint[],
  seconds: { readonly train: number; readonly line: number },
): string[] {
  const highest = line.reduce((most, point) => (point.loss > most.loss ? point : most));
  const errors = models.map(({ seed, testError }) => `seed ${seed}: ${formatPercent(testError)}`);
  const widths = (network.description.widths as readonly number[]).join("-");
  return [
    `Two networks 64-${widths}-10, trained together on 1,437 handwritten digits in ${seconds.train.toFixed(1)} s.`,
    `Wrong on the 360 test digits: ${errors.join(", ")}.`,
    "",
    `Test loss on the straight line between their weights (${points} networks at once, ${seconds.line.toFixed(2)} s):`,
    "",
    ...chart(
      line.map(({ t, loss }) => [t, loss] as const),
      { x: "t: 0 is the first network, 1 the second" },
    ),
    "",
    `Both ends are good, yet half-way the loss is ${formatLoss(highest.loss)} and ${formatPercent(highest.error)} are wrong (t = ${highest.t.toFixed(2)}).`,
    "The two networks number their hidden units differently: that is the symmetry that Orbifold is about.",
  ];
}
