import { type Diagnosis, diagnose } from "../align/index.ts";
import { fold } from "../tensor/index.ts";
import { seedKey } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { formatPercent, table } from "./format.ts";
import { checkSameNetwork } from "./same-network.ts";
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
  const pairs: Pair[] = [];
  for (const other of others) {
    await using b = await weightsOf(other, call);
    checkSameNetwork(a, b);
    await using engine = await engineOf(call);
    const found = await diagnose(x, await b.read(), a.discovery.group, { engine, key: fold(seedKey(call), "align") });
    pairs.push({ a: first, b: other, ...found });
  }
  const [pair] = pairs as [Pair, ...Pair[]];
  return {
    json: { verdict: pair.verdict, evidence: pair, pairs },
    text: [...notesOn(a), ...pairs.flatMap(lines)],
  };
}

function lines({ a, b, verdict, advice, cosine, matchedCosine, deviations, moved, classes }: Pair): string[] {
  return [
    `${a} and ${b}: ${verdict}`,
    advice,
    `cosine of the weights ${cosine.toFixed(4)} (${deviations.toFixed(1)} deviations of chance), ${matchedCosine.toFixed(4)} after matching, which moves ${formatPercent(moved)} of the units`,
    "",
    ...table(
      ["units of", "cosine", "after matching"],
      classes.map((each) => [each.name, each.cosineBefore.toFixed(3), each.cosineAfter.toFixed(3)]),
    ),
    "",
  ];
}
