import { check } from "../errors.ts";
import { activationNames, type LayoutOptions } from "../nets/index.ts";
import { openWeights, type WeightsFile } from "../node/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { networkOptions, shapedNetwork } from "./network-options.ts";
import { choiceOf, numberOf, numbersOf, textOf } from "./values.ts";

/** Options that say which network the weights in a file are for. */
export const weightsOptions: Readonly<Record<string, OptionSpec>> = {
  graph: { value: "FILE.onnx", help: "the graph that the weights are for, where their file has none" },
  net: { value: "NAME", help: "the built-in network that the weights are for" },
  ...networkOptions,
  input: { value: "N,N,N", help: "shape of one input: channels, height and width, or features" },
  outputs: { value: "N", help: "size of the output" },
  heads: { value: "N", help: "heads of attention, which weights do not tell" },
  "kv-heads": { value: "N", help: "heads of keys and values" },
};

/** Option of the commands that read large checkpoints tensor by tensor. */
export const memoryOptions: Readonly<Record<string, OptionSpec>> = {
  memory: { value: "MB", help: "larger checkpoints are read tensor by tensor (64)" },
};

/** The size in bytes above which a checkpoint is read tensor by tensor. */
export function mostBytesOf(call: Call): number {
  return 2 ** 20 * numberOf(call, "memory", { least: 0 }, 64);
}

/** The weights in a file with their network; a checkpoint that does not say is recognised by its tensors. */
export async function weightsOf(path: string, call: Call): Promise<WeightsFile> {
  const [graph, net] = [textOf(call, "graph"), textOf(call, "net")];
  check(graph === undefined || net === undefined, () => ({
    code: "usage",
    where: "--graph",
    message: "expected --graph or --net, got both",
  }));
  const shape = { input: numbersOf(call, "input", size), outputs: numberOf(call, "outputs", size) };
  const network = net === undefined ? undefined : shapedNetwork(net, call, shape);
  return openWeights(path, { network, graph, layout: layoutOptions(call) });
}

const size = { least: 1, whole: true };

function layoutOptions(call: Call): LayoutOptions {
  const input = numbersOf(call, "input", size);
  const activation = choiceOf(call, "activation", activationNames);
  const heads = numberOf(call, "heads", size);
  const kvHeads = numberOf(call, "kv-heads", size);
  return {
    ...(input && { input }),
    ...(activation && { activation }),
    ...(heads && { heads }),
    ...(kvHeads && { kvHeads }),
  };
}

/** What was assumed about the network, as lines for a person. */
export function notesOn({ assumptions, extra }: WeightsFile): string[] {
  const shown = assumptions.slice(0, mostAssumptions).map((text) => `assumed: ${text}`);
  const rest = assumptions.length - shown.length;
  const more = rest > 0 ? [`assumed: ${rest} more; --json has all`] : [];
  const unused = extra.length === 0 ? [] : [`not part of the network: ${shortList(extra)}`];
  return [...shown, ...more, ...unused];
}

const mostAssumptions = 5;

/** The first few of a list of names. */
export function shortList(names: readonly string[], most = 4): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
