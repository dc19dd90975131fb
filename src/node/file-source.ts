import { fstatSync, readSync, type Stats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { ByteSource } from "../checkpoint/index.ts";
import { check, InputError } from "../errors.ts";
import { explain, explained } from "./system-error.ts";

/** A single read of Node is limited to 2^31 - 1 bytes. */
const LARGEST_READ = 2 ** 30;

/** A file, open until disposed and read in pieces. That it is written to meanwhile is an error. */
export async function fileSource(path: string): Promise<ByteSource & AsyncDisposable> {
  // Before opening, which would wait for the writer of a pipe.
  checkRegular(path, await explained("read", path, stat(path)));
  const file = await explained("read", path, open(path));
  const opened = await file.stat();
  const { size } = opened;
  return {
    name: path,
    size,
    read: async (offset, length) => {
      const bytes = allocateBytes(path, length);
      await explained("read", path, fill(file, bytes, offset));
      checkUnchanged(path, await file.stat(), opened);
      return bytes;
    },
    readNow: (offset, length) => {
      const bytes = allocateBytes(path, length);
      try {
        fillNow(file.fd, bytes, offset);
      } catch (error) {
        throw explain("read", path, error);
      }
      checkUnchanged(path, fstatSync(file.fd), opened);
      return bytes;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Reads until `bytes` is full; zeros stand for what lies beyond the end of the file. */
async function fill(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, LARGEST_READ);
    const { bytesRead } = await file.read(bytes, at, length, offset + at);
    if (bytesRead === 0) bytes.fill(0, at);
    at = bytesRead === 0 ? bytes.length : at + bytesRead;
  }
}

function fillNow(descriptor: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, LARGEST_READ);
    const bytesRead = readSync(descriptor, bytes, at, length, offset + at);
    if (bytesRead === 0) bytes.fill(0, at);
    at = bytesRead === 0 ? bytes.length : at + bytesRead;
  }
}

function checkUnchanged(path: string, now: Stats, opened: Stats): void {
  const isSameSize = now.size === opened.size;
  check(isSameSize && now.mtimeMs === opened.mtimeMs, () => ({
    code: "file-changed",
    where: path,
    message: isSameSize
      ? "was written to after it was opened"
      : `had ${opened.size} bytes when opened and now has ${now.size}`,
    remedy: "wait until it is written, then try again",
  }));
}

function checkRegular(path: string, found: Stats): void {
  check(found.isFile(), () => ({
    code: found.isDirectory() ? "is-a-folder" : "not-a-file",
    where: path,
    message: `expected a file, got ${found.isDirectory() ? "a folder" : "a pipe or a device"}`,
    remedy: found.isDirectory() ? "name a file in it" : "save it to a file first",
  }));
}

function allocateBytes(path: string, length: number): Uint8Array<ArrayBuffer> {
  try {
    // Not zeroed, which would take as long as reading from the page cache does; `fill` leaves nothing of what was there.
    return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  } catch (cause) {
    const message = `${length} bytes of it do not fit into memory`;
    throw new InputError({ code: "out-of-memory", where: path, message, remedy: "use a larger machine", cause });
  }
}
