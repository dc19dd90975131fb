import { InputError } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openFlax } from "./flax-reader.ts";
import { openNpy } from "./npy-reader.ts";
import { openNpz } from "./npz-reader.ts";
import { openPytorch } from "./pytorch-reader.ts";
import { type FileKind, recognise } from "./recognise.ts";
import { openSafetensors } from "./safetensors-reader.ts";

/** The reader of each format. */
const readers: Readonly<Record<Exclude<FileKind, "index">, (source: ByteSource) => Promise<Checkpoint>>> = {
  safetensors: openSafetensors,
  pytorch: openPytorch,
  npz: openNpz,
  npy: openNpy,
  flax: openFlax,
};

/** Opens a checkpoint that is a single file; `openIndex` is for the index of one in several. */
export async function openOne(
  source: ByteSource,
  openIndex: (index: ByteSource) => Promise<Checkpoint> = refuseIndex,
): Promise<Checkpoint> {
  const kind = await recognise(source);
  return kind === "index" ? openIndex(source) : readers[kind](source);
}

async function refuseIndex({ name }: ByteSource): Promise<never> {
  const message = "expected a checkpoint of tensors, got JSON";
  throw new InputError({ code: "unknown-format", where: name, message, remedy: "check that it is the right file" });
}
