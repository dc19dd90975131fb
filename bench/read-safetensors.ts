import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSafetensors, openSafetensors, readAll } from "../src/checkpoint/index.ts";
import { fileSource, writeFileAtomically } from "../src/node/index.ts";
import { zeros } from "../src/tensor/index.ts";
import { type Timing, timeCalls } from "./harness.ts";

const TENSORS = 100;
const SHAPE = [1024, 1024];

/** A single read of Node is limited to 2^31 - 1 bytes. */
const LARGEST_READ = 2 ** 30;

/** Times of reading all tensors of a file of 420 MB, and of copying its bytes out of the page cache into memory at hand. */
export async function timeReading(seconds = 4): Promise<{ readonly ours: Timing; readonly plain: Timing }> {
  const folder = mkdtempSync(join(tmpdir(), "orbifold-bench-"));
  const path = join(folder, "net.safetensors");
  try {
    const names = Array.from({ length: TENSORS }, (_, i) => `layers.${i}.weight`);
    await writeFileAtomically(path, encodeSafetensors(names.map((name) => [name, zeros("float32", SHAPE)])));
    const ours = await timeCalls(() => readTensors(path), seconds);
    const plain = await timeCopying(path, seconds);
    return { ours, plain };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function readTensors(path: string) {
  await using source = await fileSource(path);
  return await readAll(await openSafetensors(source));
}

async function timeCopying(path: string, seconds: number): Promise<Timing> {
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(fstatSync(file).size);
    return await timeCalls(async () => {
      for (let at = 0; at < bytes.length; )
        at += readSync(file, bytes, at, Math.min(bytes.length - at, LARGEST_READ), at);
    }, seconds);
  } finally {
    closeSync(file);
  }
}
