import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { type FileHandle, link, lstat, open, realpath, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { check } from "../errors.ts";
import { onExit } from "./on-exit.ts";
import { errorCode, explain, explained } from "./system-error.ts";

export interface WriteOptions {
  /** Replace the file if there is one. */
  readonly force?: boolean | undefined;
  /** Stops between two chunks. */
  readonly signal?: AbortSignal | undefined;
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file that appears under its name only when whole: to a temporary file in the same folder, flushed to disk
 * and renamed. Nothing is left behind on failure. Without `force`, a file that another process puts there meanwhile is
 * an error too.
 */
export async function writeFileAtomically(path: string, chunks: Chunks, options: WriteOptions = {}): Promise<void> {
  const { force = false, signal } = options;
  const { target, mode } = await findTarget(path, force);
  const temporary = join(dirname(target), `.orbifold-${randomUUID()}.tmp`);
  using _ = onExit(() => rmSync(temporary, { force: true }));
  try {
    const file = await explained("write", path, open(temporary, "wx", mode));
    await writeChunks(file, { path, chunks, signal });
    await explained("write", path, publish(temporary, target, force));
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}

/** Where `path` leads through symbolic links, and the permissions to keep of the file there. */
async function findTarget(path: string, force: boolean): Promise<{ target: string; mode: number | undefined }> {
  const target = await realpath(path).catch(() => path);
  const found = await explained("write", path, lstat(target).catch(nullIfAbsent));
  if (found === null) return { target, mode: undefined };
  check(found.isFile(), () => ({
    code: found.isDirectory() ? "is-a-folder" : "not-a-file",
    where: path,
    message: `expected a file, got ${found.isDirectory() ? "a folder" : "a pipe, a device or a broken link"}`,
    remedy: found.isDirectory() ? "name a file in it" : "choose another -o",
  }));
  if (!force) throw explain("write", path, { code: "EEXIST" });
  return { target, mode: found.mode & 0o777 };
}

function nullIfAbsent(error: unknown): null {
  if (errorCode(error) === "ENOENT") return null;
  throw error;
}

interface Writing {
  readonly path: string;
  readonly chunks: Chunks;
  readonly signal: AbortSignal | undefined;
}

async function writeChunks(file: FileHandle, { path, chunks, signal }: Writing): Promise<void> {
  try {
    signal?.throwIfAborted();
    for await (const chunk of chunks) {
      await explained("write", path, writeFully(file, chunk));
      signal?.throwIfAborted();
    }
    await explained("write", path, file.sync());
  } finally {
    await explained("write", path, file.close());
  }
}

/** A single write of Node is limited to 2^31 - 1 bytes, and the system may take fewer than it was given. */
async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(bytes.length - at, 2 ** 30));
    at += bytesWritten;
  }
}

/** Gives the finished file its name: with `force` whatever is there, else only if nothing is. */
async function publish(temporary: string, target: string, force: boolean): Promise<void> {
  if (force) return rename(temporary, target);
  try {
    await link(temporary, target);
  } catch (error) {
    if (errorCode(error) === "EEXIST") throw error;
    // FAT and some network file systems have no hard links: an empty file claims the name there.
    await (await open(target, "wx")).close();
    await rename(temporary, target);
  }
}
