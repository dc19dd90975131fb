import { type Diagnosis, diagnose, type Verdict } from "../align/index.ts";
import type { Parameters } from "../nets/index.ts";
import { progressBar } from "../node/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { formatPercent, table } from "./format.ts";
import { matchOptions } from "./matching.ts";
import { readLike } from "./same-network.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "whether checkpoints can be averaged, from their weights alone",
  usage: "<a> <b> [<c> ...] [options]",
  options: {
    seed: { value: "N", help: "seed of the matching (0)" },
    ...weightsOptions,
    ...engineOptions,
  },
  positionals: [2, Number.POSITIVE_INFINITY],
  examples: ["diagnose a.safetensors b.safetensors"],
  run,
};

interface Pair extends Diagnosis {
  readonly a: string;
  readonly b: string;
}

async function run(call: Call): Promise<Outcome> {
  const [first, ...others] = call.positionals as readonly [string, ...string[]];
  await using a = await weightsOf(first, call);
  const x = await a.read();
  const models: Parameters[] = [];
  for (const path of others) models.push(await readLike(a, { path, like: x, call }));
  await using engine = await engineOf(call, { spins: false });
  using bar = progressBar({ quiet: call.quiet });
  const options = matchOptions(call, { engine, bar });
  const pairs: Pair[] = [];
  for (const [i, y] of models.entries()) {
    pairs.push({ a: first, b: others[i] as string, ...(await diagnose(x, y, a.discovery.group, options)) });
  }
  const evidence = pairs.toSorted((one, next) => rankOf(one) - rankOf(next))[0];
  return {
    json: { verdict: evidence?.verdict, evidence, pairs, assumptions: a.assumptions },
    text: [...notesOn(a), ...pairs.flatMap((pair, i) => (i === 0 ? lines(pair) : ["", ...lines(pair)]))],
  };
}

/** The verdict on several checkpoints is the worst on any with the first: first those that must be aligned before. */
function rankOf({ verdict, alignFirst }: Pair): number {
  return fromWorst.indexOf(verdict) + (alignFirst ? 0 : fromWorst.length);
}

const fromWorst: readonly Verdict[] = ["different-basins", "same-orbit", "aligned", "same-ancestor"];

function lines({ a, b, verdict, advice, layers, moved, ...whole }: Pair): string[] {
  const { cosine, chance, deviations, matchedCosine } = whole;
  const expected = `${chance.mean.toFixed(4)} ± ${chance.deviation.toFixed(4)}`;
  return [
    `${a} and ${b}: ${verdict}`,
    advice,
    `cosine of the weights ${cosine.toFixed(4)}, of units numbered at random ${expected}: ${deviations.toFixed(1)} deviations apart`,
    `after matching ${matchedCosine.toFixed(4)}, which moves ${formatPercent(moved)} of the units`,
    "",
    ...table(
      ["weights", "cosine", "at random", "±", "after matching"],
      layers
        .slice(0, mostLayers)
        .map((each) => [
          each.tensor,
          each.cosine.toFixed(3),
          each.chance.mean.toFixed(3),
          each.chance.deviation.toFixed(3),
          each.matchedCosine.toFixed(3),
        ]),
    ),
    ...(layers.length > mostLayers ? [`${layers.length - mostLayers} more; --json has all`] : []),
  ];
}

const mostLayers = 60;
