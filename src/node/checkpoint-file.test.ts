import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeCheckpoint, readAll } from "../checkpoint/index.ts";
import { fromNumbers, type Tensor } from "../tensor/index.ts";
import { openCheckpointFile } from "./checkpoint-file.ts";

let folder: string;
const tensors = { a: fromNumbers("float32", [1, 2]), b: fromNumbers("int32", [3]) };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orbifold-checkpoint-"));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, bytes: string | Uint8Array) => writeFile(join(folder, name), bytes);

async function writeTensors(name: string, format: "safetensors" | "npz", given: Record<string, Tensor>) {
  const bytes = Buffer.concat([...encodeCheckpoint(format, given)]);
  await write(name, bytes);
  return bytes.length;
}

async function writeSharded(weightMap = { a: "1.safetensors", b: "2.safetensors" }): Promise<number> {
  const index = JSON.stringify({ weight_map: weightMap });
  await write("model.safetensors.index.json", index);
  const sizes = [
    await writeTensors("1.safetensors", "safetensors", { a: tensors.a }),
    await writeTensors("2.safetensors", "safetensors", { b: tensors.b }),
  ];
  return index.length + sizes.reduce((sum, size) => sum + size, 0);
}

async function openFiles(): Promise<number> {
  return process.platform === "linux" ? (await readdir("/proc/self/fd")).length : 0;
}

describe("openCheckpointFile", () => {
  it("opens a file of any format", async () => {
    const bytes = await writeTensors("net.bin", "npz", tensors);
    await using file = await openCheckpointFile(join(folder, "net.bin"));
    expect(await readAll(file.checkpoint)).toEqual(tensors);
    expect([file.checkpoint.format, file.bytes]).toEqual(["npz", bytes]);
  });

  it("opens an index, or its folder, with the files beside it, and closes them all", async () => {
    const bytes = await writeSharded();
    const before = await openFiles();
    for (const path of [folder, join(folder, "model.safetensors.index.json")]) {
      await using file = await openCheckpointFile(path);
      expect(await readAll(file.checkpoint)).toEqual(tensors);
      expect(file.bytes).toBe(bytes);
    }
    expect(await openFiles()).toBe(before);
  });

  it("opens the only safetensors file of a folder", async () => {
    await writeTensors("net.safetensors", "safetensors", tensors);
    await write("config.json", "{}");
    await using file = await openCheckpointFile(folder);
    expect(await readAll(file.checkpoint)).toEqual(tensors);
  });

  it("says why a folder cannot be opened", async () => {
    await expect(openCheckpointFile(folder)).rejects.toThrow("got a folder of 0 *.safetensors; name a file in it");
    for (const name of ["1.safetensors", "2.safetensors"]) await write(name, "");
    await expect(openCheckpointFile(folder)).rejects.toThrow("got a folder of 2 *.safetensors; name a file in it");
    await expect(openCheckpointFile(join(folder, "nowhere"))).rejects.toThrow("nowhere: no such file; check the path");
  });

  it("says which file is missing, or a folder, and closes the others", async () => {
    await writeSharded();
    const before = await openFiles();
    await rm(join(folder, "2.safetensors"));
    await expect(openCheckpointFile(folder)).rejects.toThrow("2.safetensors: no such file; check the path");
    await mkdir(join(folder, "2.safetensors"));
    await expect(openCheckpointFile(folder)).rejects.toThrow("2.safetensors: expected a file, got a folder");
    expect(await openFiles()).toBe(before);
  });

  it("reads nothing outside the folder of the index", async () => {
    await mkdir(join(folder, "inner"));
    await writeTensors("1.safetensors", "safetensors", { a: tensors.a });
    for (const name of ["../1.safetensors", join(folder, "1.safetensors")]) {
      await write("inner/model.safetensors.index.json", JSON.stringify({ weight_map: { a: name } }));
      await expect(openCheckpointFile(join(folder, "inner"))).rejects.toThrow("files in its own folder, got");
    }
  });
});
