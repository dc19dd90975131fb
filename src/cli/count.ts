import { closestName } from "../closest-name.ts";
import { check, InputError } from "../errors.ts";
import { type Call, type Command, commonOptions, type Outcome } from "./command.ts";
import { expansion } from "./count/expansion.ts";
import { graph } from "./count/graph.ts";
import { minima } from "./count/minima.ts";
import { points } from "./count/points.ts";
import { ratio } from "./count/ratio.ts";
import type { Topic } from "./count/topic.ts";

const topics: Readonly<Record<string, Topic>> = { minima, expansion, points, ratio, graph };
const names = Object.keys(topics);

export const command: Command = {
  summary: "exact numbers of equivalent minima, saddles and their subspaces",
  usage: `<${names.join("|")}> [options]`,
  options: {
    widths: { value: "N,N,..", help: "minima: widths of an MLP from its inputs to its outputs" },
    channels: { value: "N,N,..", help: "minima: channels of each convolution, or stream of residual blocks" },
    dense: { value: "N,N,..", help: "minima: widths of the hidden dense layers behind them" },
    activation: { value: "NAME", help: "minima: adds the signs of odd ones (relu)" },
    r: { value: "R", help: "expansion, ratio, graph: width of the minimal network; expansion: one per layer" },
    m: { value: "M", help: "expansion, graph: width of the expanded network; expansion: one per layer" },
    inputs: { value: "D", help: "expansion: length of an incoming vector, for the dimensions (1)" },
    outputs: { value: "D", help: "expansion: length of an outgoing vector, for the dimensions (1)" },
    width: { value: "N,N,..", help: "points: width of each hidden layer" },
    order: { value: "K", help: "points: how many pairs of units are merged" },
    k: { value: "K", help: "ratio: how many units fewer the saddles have (1)" },
    h: { value: "A..B", help: "ratio: extra units (0..20)" },
    out: { short: "o", value: "FILE", help: "ratio, graph: write an SVG figure" },
    force: { help: "replace the file if it is there" },
  },
  positionals: [1, 1],
  examples: [
    "count minima --widths 784,512,512,10 --activation tanh",
    "count minima --channels 64,64,128,128 --dense 512",
    "count expansion --r 4 --m 6",
    "count points --width 10,10 --order 2",
    "count ratio --r 10 --k 1 --h 0..12",
    "count graph --r 2 --m 3 -o graph.svg",
  ],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [name] = call.positionals as readonly [string];
  const topic = Object.hasOwn(topics, name) ? topics[name] : undefined;
  if (!topic) throw unknownTopic(name);
  checkOptions(call, name, topic);
  return topic.run(call);
}

function unknownTopic(name: string): InputError {
  const meant = closestName(name, names);
  return new InputError({
    code: "bad-option",
    where: "count",
    message: `expected one of ${names.join(", ")}, got ${JSON.stringify(name)}`,
    ...(meant && { remedy: `did you mean ${meant}?` }),
  });
}

function checkOptions({ options }: Call, name: string, { takes }: Topic): void {
  const strange = Object.keys(options).find(
    (option) => !takes.includes(option) && !Object.hasOwn(commonOptions, option),
  );
  const known = takes.map((option) => `--${option}`).join(", ");
  check(strange === undefined, () => ({
    code: "usage",
    where: "count",
    message: `expected an option of count ${name}, got --${strange}`,
    remedy: `it takes ${known}`,
  }));
}
