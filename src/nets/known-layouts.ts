import type { Checkpoint } from "../checkpoint/index.ts";
import { lenetLayout, resnetLayout, vggLayout } from "./layouts/convolutional.ts";
import type { Layout, LayoutOptions } from "./layouts/layout.ts";
import { mlpLayout } from "./layouts/mlp.ts";
import { gpt2Layout, llamaLayout, vitLayout } from "./layouts/transformers.ts";
import type { Network } from "./network.ts";
import { bareName, compare, mismatch, type Pairing, type StoredTensors, wrapperOf } from "./pairing.ts";
import { describedNetwork, rebuilt } from "./saved-network.ts";

const layouts: readonly Layout[] = [
  resnetLayout,
  vggLayout,
  lenetLayout,
  mlpLayout,
  gpt2Layout,
  vitLayout,
  llamaLayout,
];

/** A network together with what had to be assumed about it. */
export interface KnownNetwork {
  readonly network: Network;
  /** What the file does not tell, in words; empty where it describes its network. */
  readonly assumptions: readonly string[];
}

/** A network recognised by the tensors of a checkpoint. */
export interface RecognisedNetwork extends KnownNetwork, Pairing {}

/** The network that a checkpoint says it is for, or that its tensors tell; null where they do not. */
export function networkOf(checkpoint: Checkpoint, where: string, options: LayoutOptions = {}): KnownNetwork | null {
  const network = describedNetwork(checkpoint, where);
  return network ? { network, assumptions: [] } : recognisedNetwork(checkpoint.entries, where, options);
}

/**
 * The network whose tensors have these names and shapes, in the layouts of torchvision, Hugging Face and this library;
 * null where the names are of no such layout. Throws where a layout is met only in part.
 *
 * @param where the file's name, for error messages
 * @param options what the weights do not say
 */
export function recognisedNetwork(
  entries: StoredTensors,
  where: string,
  options: LayoutOptions = {},
): RecognisedNetwork | null {
  const tensors = new Map([...entries].map(([name, entry]) => [bareName(name), entry]));
  for (const layout of layouts) {
    const reading = layout.read(tensors, options, where);
    if (!reading) continue;
    const network = rebuilt(reading.description, where);
    return { network, assumptions: reading.assumptions, ...pairWhole(network, entries, { ...layout, where }) };
  }
  return null;
}

/** Also throws on a tensor beside the parameters that is not known to be unused: it would be another network. */
function pairWhole(
  network: Network,
  entries: StoredTensors,
  { unused, where }: Pick<Layout, "unused"> & { readonly where: string },
): Pairing {
  const found = compare(network, entries);
  const roots = [...new Set([...found.names.values()].map(wrapperOf))];
  const isStrange = (name: string) => roots.some((root) => name.startsWith(root)) && !unused?.test(bareName(name));
  const strangers = found.extra.filter(isStrange);
  const isWhole = found.missing.length + found.misshapen.length + strangers.length === 0;
  if (!isWhole) throw mismatch(network, { ...found, extra: strangers }, where);
  return { names: found.names, extra: found.extra };
}
