import { execFileSync } from "node:child_process";
import { mkdtemp, open, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { goldenBytes } from "../../test/golden/safetensors/goldens.ts";
import { bytesSource, openSafetensors, readAll } from "../checkpoint/index.ts";
import { fileSource } from "./file-source.ts";

const GIB = 2 ** 30;
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orbifold-read-"));
  path = join(folder, "net.safetensors");
});
afterEach(() => rm(folder, { recursive: true }));

describe("fileSource", () => {
  it("reads what lies at a position", async () => {
    await writeFile(path, "0123456789");
    await using source = await fileSource(path);
    expect([source.name, source.size]).toEqual([path, 10]);
    expect(new TextDecoder().decode(await source.read(3, 4))).toBe("3456");
    expect(await source.read(10, 0)).toEqual(new Uint8Array(0));
  });

  it("reads several pieces at a time", async () => {
    await writeFile(
      path,
      Uint8Array.from({ length: 1000 }, (_, i) => i % 251),
    );
    await using source = await fileSource(path);
    const pieces = await Promise.all(Array.from({ length: 100 }, (_, i) => source.read(i * 10, 10)));
    expect(pieces.map((piece) => piece[0])).toEqual(Array.from({ length: 100 }, (_, i) => (i * 10) % 251));
  });

  it("gives a checkpoint its tensors", async () => {
    await writeFile(path, goldenBytes("dtypes"));
    await using source = await fileSource(path);
    const expected = await readAll(await openSafetensors(bytesSource("dtypes", goldenBytes("dtypes"))));
    expect(await readAll(await openSafetensors(source))).toEqual(expected);
  });

  it("reads beyond 4 GiB", async () => {
    const file = await open(path, "w");
    await file.write("end", 5 * GIB);
    await file.close();
    await using source = await fileSource(path);
    expect(source.size).toBe(5 * GIB + 3);
    expect(new TextDecoder().decode(await source.read(5 * GIB, 3))).toBe("end");
  });

  it("notices that the file has shrunk or grown since it was opened", async () => {
    await writeFile(path, "0123456789");
    await using source = await fileSource(path);
    await truncate(path, 4);
    await expect(source.read(2, 8)).rejects.toMatchObject({
      code: "file-changed",
      message: `${path}: had 10 bytes when opened and now has 4; wait until it is written, then try again`,
    });
    await writeFile(path, "0123456789ab");
    await expect(source.read(0, 1)).rejects.toMatchObject({ code: "file-changed" });
  });

  it("notices that the file has been written to since it was opened, though it has its size", async () => {
    await writeFile(path, "0123456789");
    await using source = await fileSource(path);
    await writeFile(path, "9876543210");
    const later = Date.now() / 1000 + 10;
    await utimes(path, later, later);
    await expect(source.read(2, 8)).rejects.toMatchObject({
      code: "file-changed",
      message: `${path}: was written to after it was opened; wait until it is written, then try again`,
    });
  });

  it("says that a piece does not fit into memory", async () => {
    await (await open(path, "w")).close();
    await truncate(path, 2 ** 43);
    await using source = await fileSource(path);
    await expect(source.read(0, 2 ** 43)).rejects.toMatchObject({ code: "out-of-memory" });
  });

  it("says what is wrong with a path", async () => {
    await expect(fileSource(path)).rejects.toThrow(`${path}: no such file; check the path`);
    await expect(fileSource(folder)).rejects.toThrow(`${folder}: expected a file, got a folder; name a file in it`);
    await expect(fileSource(join(folder, "x".repeat(300)))).rejects.toMatchObject({ code: "name-too-long" });
  });

  it.skipIf(process.platform === "win32")("does not wait for the writer of a pipe", async () => {
    execFileSync("mkfifo", [path]);
    await expect(fileSource(path)).rejects.toThrow("expected a file, got a pipe or a device; save it to a file first");
  });
});
