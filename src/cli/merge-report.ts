import { diagnose } from "../align/index.ts";
import { type Dataset, splitSize } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { progressBar } from "../node/index.ts";
import { calibrate, type Evaluation, evaluate } from "../train/index.ts";
import type { Call } from "./command.ts";
import type { splitOf } from "./data-options.ts";
import { formatCount, formatLoss, formatPercent, table } from "./format.ts";
import { matchOptions } from "./matching.ts";
import { type Averaging, asNumbered, computable, type Merging, type Stage } from "./merge-stages.ts";

/** What a merge is measured on. */
export interface Data {
  readonly dataset: Dataset;
  /** The set whose train split serves to fit a temperature and to repair units. */
  readonly train: Dataset;
  readonly measured: ReturnType<typeof splitOf>;
}

/** As one JSON document, and as lines for a person. */
export interface Report {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: readonly string[];
}

interface Row extends Pick<Evaluation, "loss" | "error"> {
  readonly name: string;
  /** What the logits are divided by, where that was fitted. */
  readonly temperature?: number;
}

/** Loss and error of every stage, and of what a temperature alone makes of the first that merges. */
export async function measured(
  network: Network,
  stages: readonly Stage[],
  { engine, data }: { readonly engine: Engine; readonly data: Data },
): Promise<Report> {
  const { name: split, split: samples } = data.measured;
  const rows: Row[] = [];
  for (const { name, parameters } of stages) {
    const own = computable(parameters);
    const [found] = await evaluate(network, [own], data.dataset, { engine, split: samples });
    const { loss, error } = found as Evaluation;
    rows.push({ name, loss, error });
    if (!name.endsWith(asNumbered) || data.dataset.task === "regression") continue;
    const fitted = await calibrate(network, own, data.train, { engine, split: samples });
    const { temperature } = fitted;
    rows.push({ name: `${name}, temperature fitted`, loss: fitted.loss, error: fitted.error, temperature });
  }
  const before = rows.find(({ name }) => name.endsWith(asNumbered));
  const count = splitSize(samples);
  return {
    json: { before: valuesOf(before), after: valuesOf(rows.at(-1)), stages: rows, split, samples: count },
    text: [
      ...table(
        ["", "loss", "error", "temperature"],
        rows.map(({ name, loss, error, temperature }) => [
          name,
          formatLoss(loss),
          formatPercent(error),
          temperature?.toPrecision(3) ?? "",
        ]),
      ),
      `on ${formatCount(count)} ${split} samples of ${data.dataset.name}`,
    ],
  };
}

function valuesOf(row: Row | undefined) {
  return row && { loss: row.loss, error: row.error };
}

/** What the weights alone say about the average. */
export async function expected(
  call: Call,
  { a, models, engine, together }: Averaging,
  matches: Merging["matches"],
): Promise<Report> {
  const [first, ...others] = models as readonly [Parameters, ...Parameters[]];
  using bar = progressBar({ quiet: call.quiet });
  const options = matchOptions(call, { engine, bar });
  const found = [];
  for (const [i, other] of others.entries()) {
    const pair = await diagnose(first, other, a.discovery.group, { ...options, match: matches?.[i] });
    const { verdict, advice, cosine, matchedCosine } = pair;
    found.push({ path: call.positionals[i + 1] as string, verdict, advice, cosine, matchedCosine });
  }
  const text = found.map(({ path, verdict, advice, cosine, matchedCosine }) => {
    const cosines = `cosine ${cosine.toFixed(4)}, ${matchedCosine.toFixed(4)} once aligned`;
    return `${a.path} and ${path}: ${verdict}, ${cosines}.${together ? "" : ` ${advice}`}`;
  });
  return {
    json: { expected: found },
    text: [...text, "the nearer the cosine is to 1, the less the average loses; --data measures it"],
  };
}
