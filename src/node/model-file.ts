import { openSafetensors } from "../checkpoint/index.ts";
import { InputError } from "../errors.ts";
import { describedNetwork, type Model, type Network, readParameters } from "../nets/index.ts";
import { fileSource } from "./file-source.ts";

/** The network and weights in a file; `network` says what the weights are for where the file does not. */
export async function openModel(path: string, network: Network | null = null): Promise<Model> {
  await using source = await fileSource(path);
  const checkpoint = await openSafetensors(source);
  const found = network ?? describedNetwork(checkpoint, path);
  if (!found) {
    throw new InputError({
      code: "unknown-network",
      where: path,
      message: "expected a file that says which network its weights are for, got tensors alone",
      remedy: "name the network with --net",
    });
  }
  return { network: found, parameters: await readParameters(found, checkpoint, path) };
}
