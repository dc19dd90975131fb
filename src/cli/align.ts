import { type Match, type MatchProgress, matchGreedily, matchWeights } from "../align/index.ts";
import type { Parameters } from "../nets/index.ts";
import { progressBar, weightsDigest } from "../node/index.ts";
import type { SymmetryGroup } from "../symmetry/index.ts";
import { fold } from "../tensor/index.ts";
import { certificateOptions, seedKey } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf } from "./engine-options.ts";
import { table } from "./format.ts";
import { checkSameNetwork, checkSameTypes } from "./same-network.ts";
import { elementToJson, writeSidecar } from "./sidecar.ts";
import { choiceOf, numberOf } from "./values.ts";
import { version } from "./version.ts";
import { weightsOf, weightsOptions } from "./weights-options.ts";
import { outputOf, outputOptions, writeCertified } from "./written-weights.ts";

const methods = ["weights", "greedy"] as const;
type Method = (typeof methods)[number];

export const command: Command = {
  summary: "renumber the units of one checkpoint to be like another's",
  usage: "<a> <b> -o <file> [options]",
  options: {
    method: { value: "NAME", help: `${methods.join(" or ")} (weights)` },
    restarts: { value: "N", help: "starts of the descent: fingerprints, as they stand, then random ones (2)" },
    ...outputOptions,
    ...weightsOptions,
    ...certificateOptions,
  },
  positionals: [2, 2],
  examples: ["align a.safetensors b.safetensors -o b-like-a.safetensors"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [first, second] = call.positionals as readonly [string, string];
  const output = outputOf(call);
  const method = choiceOf(call, "method", methods, "weights");
  const restarts = numberOf(call, "restarts", { least: 1, most: 1000, whole: true }, 2);
  await using a = await weightsOf(first, call);
  await using b = await weightsOf(second, call);
  checkSameNetwork(a, b);
  const [x, y] = [await a.read(), await b.read()];
  checkSameTypes(x, y, second);
  const start = performance.now();
  const match = await matched(call, { x, y, group: a.discovery.group, method, restarts });
  const seconds = (performance.now() - start) / 1000;
  const sidecar = `${output}.json`;
  const outcome = await writeCertified(
    call,
    { weights: b, before: y, after: match.parameters, element: match.element },
    async () => ({
      json: { sidecar, objective: match.objective, classes: match.classes, starts: match.starts, seconds },
      text: describe(match, seconds),
    }),
  );
  if (outcome.status === 1) return outcome;
  const seed = numberOf(call, "seed", {}, 0);
  const options = optionsOf(call);
  await writeSidecar(
    sidecar,
    {
      orbifold: version(),
      command: "align",
      method,
      seed,
      restarts,
      inputs: {
        a: { path: first, digest: weightsDigest(x), options },
        b: { path: second, digest: weightsDigest(y), options },
      },
      output,
      objective: match.objective,
      element: elementToJson(match.element),
    },
    call.options.force === true,
  );
  return outcome;
}

async function matched(
  call: Call,
  {
    x,
    y,
    group,
    method,
    restarts,
  }: { x: Parameters; y: Parameters; group: SymmetryGroup; method: Method; restarts: number },
): Promise<Match> {
  await using engine = await engineOf(call);
  using bar = progressBar({ quiet: call.quiet });
  const key = fold(seedKey(call), "align");
  if (method === "greedy") return await matchGreedily(x, y, group, { engine });
  const onProgress = ({ restart, sweep, open }: MatchProgress) =>
    bar.update({
      label: `start ${restart + 1} of ${restarts}, sweep ${sweep + 1}, open`,
      done: 0,
      total: open,
      unit: "class",
    });
  return await matchWeights(x, y, group, { engine, key, restarts, onProgress });
}

function describe({ objective, classes, starts }: Match, seconds: number): string[] {
  const spread = starts.map((each) => `${each.start} ${each.objective.toPrecision(6)}`).join(", ");
  return [
    ...table(
      ["units of", "count", "moved", "cosine before", "after"],
      classes.map(({ name, size, copies, moved, cosineBefore, cosineAfter }) => [
        name,
        copies > 1 ? `${copies} x ${size}` : `${size}`,
        `${moved}`,
        cosineBefore.toFixed(3),
        cosineAfter.toFixed(3),
      ]),
    ),
    "",
    `inner product ${objective.before.toPrecision(6)} -> ${objective.after.toPrecision(6)}, at most ${objective.bound.toPrecision(6)}, in ${seconds.toFixed(1)} s`,
    `starts: ${spread}`,
  ];
}

/** The options that say which network the checkpoints are for. */
function optionsOf(call: Call): Record<string, string | true> {
  const given = Object.entries(call.options).filter(([name, value]) => name in weightsOptions && value !== undefined);
  return Object.fromEntries(given) as Record<string, string | true>;
}
