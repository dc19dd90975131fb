import { InputError } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openOne } from "./open-one.ts";
import { quote } from "./quote.ts";
import { type OpenSibling, openSharded } from "./sharded.ts";

export interface OpenOptions {
  /** Opens the files beside an index; without it a checkpoint in several files cannot be opened. */
  readonly openSibling?: OpenSibling;
}

/**
 * Opens a checkpoint of any format that can be read. What it is, its contents tell, not its name: safetensors, PyTorch,
 * npz, npy, flax, or the index of a checkpoint in several files.
 */
export function openCheckpoint(source: ByteSource, options: OpenOptions = {}): Promise<Checkpoint> {
  const { openSibling = (fileName) => refuseSibling(source, fileName) } = options;
  return openOne(source, (index) => openSharded(index, openSibling));
}

async function refuseSibling({ name: where }: ByteSource, fileName: string): Promise<never> {
  const message = `its tensors lie in other files, such as ${quote(fileName)}`;
  throw new InputError({ code: "needs-siblings", where, message, remedy: "open it where they can be read too" });
}
