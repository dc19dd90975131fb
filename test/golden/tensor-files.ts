import { readFileSync } from "node:fs";
import { bytesSource, openSafetensors, readAll } from "../../src/checkpoint/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";

/** The bytes of a golden file, such as "npz/shapes.npz". */
export function goldenFile(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(path, import.meta.url)));
}

/** What is to be read from a golden file, out of the safetensors file beside it. */
export async function goldenTensors(path: string): Promise<Record<string, Tensor>> {
  const beside = path.replace(/\.\w+$/, ".safetensors");
  return readAll(await openSafetensors(bytesSource(beside, goldenFile(beside))));
}
