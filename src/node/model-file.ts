import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import { openSafetensors } from "../checkpoint/index.ts";
import { InputError } from "../errors.ts";
import { describedNetwork, type Model, type Network, networkFromOnnx, readParameters } from "../nets/index.ts";
import type { ExternalLoader } from "../onnx/index.ts";
import { fileSource } from "./file-source.ts";
import { explain } from "./system-error.ts";

/** The network and weights in a file; `network` says what the weights are for where the file does not. */
export async function openModel(path: string, network: Network | null = null): Promise<Model> {
  await using source = await fileSource(path);
  if (path.toLowerCase().endsWith(".onnx")) {
    return networkFromOnnx(await source.read(0, source.size), path, { loadExternal: besides(path) });
  }
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

/** Reads the external data of a model from files in its folder. */
function besides(path: string): ExternalLoader {
  return (location, offset, length) => {
    const file = join(dirname(path), location);
    try {
      return readRange(file, offset, length);
    } catch (error) {
      throw explain("read", file, error);
    }
  };
}

function readRange(file: string, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const descriptor = openSync(file, "r");
  try {
    // What the model claims may be more than there is, or than memory holds; the reader then says which tensor it is.
    const { size } = fstatSync(descriptor);
    const bytes = new Uint8Array(Math.min(length, Math.max(0, size - offset)));
    const read = readSync(descriptor, bytes, 0, bytes.length, offset);
    return bytes.subarray(0, read);
  } finally {
    closeSync(descriptor);
  }
}
