import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { platform } from "node:process";
import { afterAll, expect, it } from "vitest";
import { makeFolder } from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "orbifold-folder-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it("makes folders, and removes those of them that stay empty", async () => {
  mkdirSync(join(root, "old"));
  const made = await makeFolder(join(root, "old", "a", "b"));
  const below = await makeFolder(join(root, "old", "a", "b", "c"));
  expect(existsSync(join(root, "old", "a", "b", "c"))).toBe(true);
  await below[Symbol.asyncDispose]();
  expect(existsSync(join(root, "old", "a", "b", "c"))).toBe(false);
  await made[Symbol.asyncDispose]();
  expect([existsSync(join(root, "old", "a")), existsSync(join(root, "old"))]).toEqual([false, true]);
});

it("keeps folders that are there already, and those that have something in them", async () => {
  mkdirSync(join(root, "empty"));
  await (await makeFolder(join(root, "empty")))[Symbol.asyncDispose]();
  expect(existsSync(join(root, "empty"))).toBe(true);
  const made = await makeFolder(join(root, "full", "inner"));
  writeFileSync(join(root, "full", "file"), "");
  await made[Symbol.asyncDispose]();
  expect([existsSync(join(root, "full")), existsSync(join(root, "full", "inner"))]).toEqual([true, false]);
});

it("can be asked twice at a time", async () => {
  const path = join(root, "both", "inner");
  await Promise.all([makeFolder(path), makeFolder(path), makeFolder(path)]);
  expect(existsSync(path)).toBe(true);
});

it("refuses what is a file, or a link that leads nowhere", async () => {
  writeFileSync(join(root, "file"), "");
  symlinkSync(join(root, "nowhere"), join(root, "link"));
  for (const name of ["file", "link"]) {
    const path = join(root, name);
    await expect(makeFolder(path)).rejects.toThrow(`${path}: expected a folder, got a file; choose another -o`);
  }
  await expect(makeFolder(join(root, "file", "inner"))).rejects.toThrow("part of its path is a file, not a folder");
});

it("leaves nothing behind where a name is too long", async () => {
  await expect(makeFolder(join(root, "first", "x".repeat(300)))).rejects.toThrow("the name is longer than");
  expect(existsSync(join(root, "first"))).toBe(false);
});

it.skipIf(platform !== "linux")("refuses a file system that has no room for folders, and comes back", async () => {
  const message = "/proc/orbifold/inner: no folder can be made there; choose another -o";
  await expect(makeFolder("/proc/orbifold/inner")).rejects.toThrow(message);
});
