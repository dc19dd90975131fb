import { type Checkpoint, encodeSafetensors, type NamedTensors } from "../checkpoint/index.ts";
import { InputError } from "../errors.ts";
import { convert, type Tensor } from "../tensor/index.ts";
import type { Network, NetworkDescription, Parameters } from "./network.ts";
import { pair } from "./pairing.ts";
import { networkFrom } from "./registry.ts";

/** The key of a checkpoint's metadata under which the network's description stands, as JSON. */
export const descriptionKey = "orbifold.network";

/** A network together with its weights. */
export interface Model {
  readonly network: Network;
  readonly parameters: Parameters;
}

/** A checkpoint that explains itself: the tensors and, in its metadata, the network they are for. */
export function encodeModelFile(
  network: Network,
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer>[] {
  return encodeSafetensors(tensors, { ...metadata, [descriptionKey]: JSON.stringify(network.description) });
}

/** The network that a checkpoint says it is for; null where it says nothing. */
export function describedNetwork({ metadata }: Checkpoint, where: string): Network | null {
  const text = metadata[descriptionKey];
  return text === undefined ? null : rebuilt(parseDescription(text, where), where);
}

/** The network of a description; what is wrong with it is said of the file. */
export function rebuilt(description: NetworkDescription, file: string): Network {
  try {
    return networkFrom(description);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { code, detail, where } = error;
    throw new InputError({
      code,
      where: `${file}, network's ${where}`,
      message: detail,
      remedy: "name the network with --net",
      cause: error,
    });
  }
}

function parseDescription(text: string, where: string): NetworkDescription {
  try {
    const description: unknown = JSON.parse(text);
    if (typeof (description as NetworkDescription | null)?.net === "string") return description as NetworkDescription;
  } catch {
    // Reported below, together with JSON of another form.
  }
  throw new InputError({
    code: "bad-metadata",
    where,
    message: `expected a network's description under "${descriptionKey}", got ${JSON.stringify(text.slice(0, 60))}`,
    remedy: "name the network with --net",
  });
}

/** The weights of a network from a checkpoint; half precision becomes float32. */
export async function readParameters(network: Network, checkpoint: Checkpoint, where: string): Promise<Parameters> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, stored] of pair(network, checkpoint.entries, where).names) {
    tensors[name] = widened(await checkpoint.read(stored));
  }
  return inOneType(tensors);
}

function widened(tensor: Tensor): Tensor {
  return tensor.dtype === "float64" ? tensor : convert(tensor, "float32");
}

function inOneType(tensors: Readonly<Record<string, Tensor>>): Parameters {
  const hasDouble = Object.values(tensors).some(({ dtype }) => dtype === "float64");
  if (!hasDouble) return tensors;
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, convert(tensor, "float64")]));
}
