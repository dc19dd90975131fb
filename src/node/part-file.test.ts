import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimPart, releasePart } from "./part-file.ts";

let folder: string;
let destination: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orbifold-"));
  destination = join(folder, "data.gz");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("claimPart", () => {
  test("gives every download its own name", async () => {
    expect(await claimPart(destination)).not.toBe(await claimPart(destination));
  });

  test("takes over a released part, once", async () => {
    const first = await claimPart(destination);
    writeFileSync(first, "begun");
    await releasePart(first, destination);
    expect(readdirSync(folder)).toEqual(["data.gz.part"]);
    const claimed = await Promise.all([claimPart(destination), claimPart(destination)]);
    expect(readdirSync(folder).map((name) => join(folder, name))).toEqual([expect.toBeOneOf(claimed)]);
  });

  test("takes over the part of a process that was killed", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    writeFileSync(`${destination}.${hostname()}-${pid}-0123abcd.part`, "begun");
    expect(readFileSync(await claimPart(destination), "utf8")).toBe("begun");
  });

  test.each([
    ["of a running process", `data.gz.${hostname()}-${process.pid}-0123abcd.part`],
    ["of another machine", "data.gz.elsewhere-1-0123abcd.part"],
    ["of another file", "other.gz.part"],
  ])("leaves the part %s alone", async (_, name) => {
    writeFileSync(join(folder, name), "begun");
    await claimPart(destination);
    expect(readdirSync(folder)).toEqual([name]);
  });
});
