import { InputError } from "../errors.ts";
import { describedNetwork, type Model, type Network, networkFromOnnx, readParameters } from "../nets/index.ts";
import { openCheckpointFile } from "./checkpoint-file.ts";
import { loadBesides, readWhole } from "./onnx-files.ts";

/** The network and weights in a file; `network` says what the weights are for where the file does not. */
export async function openModel(path: string, network: Network | null = null): Promise<Model> {
  if (path.toLowerCase().endsWith(".onnx")) return openOnnx(path);
  await using file = await openCheckpointFile(path);
  const { checkpoint } = file;
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

async function openOnnx(path: string): Promise<Model> {
  return networkFromOnnx(await readWhole(path), path, { loadExternal: loadBesides(path) });
}
