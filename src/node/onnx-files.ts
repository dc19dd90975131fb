import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ExternalLoader } from "../onnx/index.ts";
import { fileSource } from "./file-source.ts";
import { explain, explained } from "./system-error.ts";

/** All bytes of a file. */
export async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  await using source = await fileSource(path);
  return await source.read(0, source.size);
}

/** Reads the external data of a model from files in its folder. */
export function loadBesides(path: string): ExternalLoader {
  return (location, offset, length) => {
    const file = join(dirname(path), location);
    try {
      return readRange(file, offset, length);
    } catch (error) {
      throw explain("read", file, error);
    }
  };
}

/** A whole file of external data, which the caller may write into. */
export async function externalFile(path: string, location: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = join(dirname(path), location);
  return new Uint8Array(await explained("read", file, readFile(file)));
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
