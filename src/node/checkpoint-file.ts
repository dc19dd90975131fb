import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ByteSource, type Checkpoint, openCheckpoint } from "../checkpoint/index.ts";
import { InputError } from "../errors.ts";
import { fileSource } from "./file-source.ts";
import { explained } from "./system-error.ts";

const INDEX_NAME = "model.safetensors.index.json";

/** An open checkpoint and its files, until disposed. */
export interface CheckpointFile extends AsyncDisposable {
  readonly checkpoint: Checkpoint;
  /** Bytes of all its files. */
  readonly bytes: number;
}

/** Opens a checkpoint by its path: a file of any format, an index with its files beside it, or the folder of either. */
export async function openCheckpointFile(path: string): Promise<CheckpointFile> {
  const file = await fileIn(path);
  const sources: (ByteSource & AsyncDisposable)[] = [];
  const open = async (name: string) => {
    const source = await fileSource(name);
    sources.push(source);
    return source;
  };
  const close = async () => {
    await Promise.all(sources.map((source) => source[Symbol.asyncDispose]()));
  };
  try {
    const openSibling = (name: string) => open(join(dirname(file), name));
    const checkpoint = await openCheckpoint(await open(file), { openSibling });
    const bytes = sources.reduce((sum, { size }) => sum + size, 0);
    return { checkpoint, bytes, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The path itself, or of a folder the checkpoint in it. */
async function fileIn(path: string): Promise<string> {
  if (!(await explained("read", path, stat(path))).isDirectory()) return path;
  const names = await explained("read", path, readdir(path));
  if (names.includes(INDEX_NAME)) return join(path, INDEX_NAME);
  const found = names.filter((name) => name.endsWith(".safetensors"));
  if (found.length === 1) return join(path, found[0] as string);
  throw new InputError({
    code: "is-a-folder",
    where: path,
    message: `expected a file, or a folder of one checkpoint, got a folder of ${found.length} *.safetensors`,
    remedy: "name a file in it",
  });
}
