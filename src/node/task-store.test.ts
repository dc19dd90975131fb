import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { taskStore } from "./task-store.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orbifold-tasks-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const task = { kind: "count", parameters: { r: 2, m: 3 } };

describe("taskStore", () => {
  it("finds a result by its task, in whatever order its names are", async () => {
    await taskStore(folder, "1.0.0").write(task, [12, null]);
    const store = taskStore(folder, "1.0.0");
    expect((await store.read({ parameters: { m: 3, r: 2 }, kind: "count" }))?.result).toEqual([12, null]);
    expect(await store.read({ ...task, kind: "list" })).toBeUndefined();
  });

  it("tells a result that is null from none", async () => {
    const store = taskStore(folder, "1.0.0");
    await store.write(task, null);
    expect(await store.read(task)).toMatchObject({ result: null });
  });

  it("does not take the result of another version", async () => {
    await taskStore(folder, "1.0.0").write(task, 12);
    expect(await taskStore(folder, "1.0.1").read(task)).toBeUndefined();
  });

  it("names the file by the SHA-256 of the task and the version, and writes both into it", async () => {
    await taskStore(folder, "1").write({ b: 1, a: [2] }, 3);
    // echo -n '{"task":{"a":[2],"b":1},"version":"1"}' | sha256sum
    expect(readdirSync(folder)).toEqual(["9955e671e351f18c6a15be5cf2d6dcf572b9d9eccd143c97b19b33c6fba47769.json"]);
    expect(JSON.parse(readFileSync(join(folder, readdirSync(folder)[0] as string), "utf8"))).toEqual({
      task: { b: 1, a: [2] },
      version: "1",
      result: 3,
    });
  });

  it.each(["", '{"task":', "[]", "null", '{"task":{}}'])("takes a damaged file (%j) for none", async (text) => {
    const store = taskStore(folder, "1");
    await store.write(task, 12);
    writeFileSync(join(folder, readdirSync(folder)[0] as string), text);
    expect(await store.read(task)).toBeUndefined();
    await store.write(task, 13);
    expect((await store.read(task))?.result).toBe(13);
  });
});
