import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockFolder } from "./lock-folder.ts";

let folder: string;
let lock: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orbifold-lock-"));
  lock = join(folder, ".orbifold-lock");
});
afterEach(() => rm(folder, { recursive: true }));

/** A process that tries to lock the folder, prints how that went, and keeps the lock until its input ends. */
function contender(): ChildProcess {
  const script = `
    const { lockFolder } = await import(${JSON.stringify(import.meta.resolve("./lock-folder.ts"))});
    console.log(await lockFolder(${JSON.stringify(folder)}).then(() => "locked", (error) => error.code));
    process.stdin.on("end", () => process.exit()).resume();`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] });
}

async function outcome(child: ChildProcess): Promise<string> {
  const [data] = await once(child.stdout as NodeJS.ReadableStream, "data");
  return String(data).trim();
}

async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  const exited = once(child, "exit");
  if (signal) child.kill(signal);
  else child.stdin?.end();
  await exited;
}

function left(holder: object): Promise<void> {
  return writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname(), started: Date.now(), ...holder }));
}

describe("lockFolder", () => {
  it("is released on disposal, and can be had again", async () => {
    for (let i = 0; i < 2; i++) {
      await using _ = await lockFolder(folder);
      expect(JSON.parse(await readFile(lock, "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("is had once, also within one process", async () => {
    await using _ = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({
      code: "folder-locked",
      message:
        `another orbifold process (pid ${process.pid}) is writing to ${folder}; ` +
        `wait or choose another -o, or delete ${lock} if that process has ended`,
    });
  });

  it("keeps another process out until that process exits", async () => {
    const other = contender();
    expect(await outcome(other)).toBe("locked");
    await expect(lockFolder(folder)).rejects.toThrow(
      `another orbifold process (pid ${other.pid}) is writing to ${folder}`,
    );
    await end(other);
    expect(await readdir(folder)).toEqual([]);
    await using _ = await lockFolder(folder);
  });

  it("is taken over from a process that was killed, by one of several that try", async () => {
    const killed = contender();
    expect(await outcome(killed)).toBe("locked");
    await end(killed, "SIGKILL");
    expect(await readdir(folder)).toEqual([".orbifold-lock"]);
    const rivals = Array.from({ length: 4 }, contender);
    const outcomes = await Promise.all(rivals.map(outcome));
    expect(outcomes.sort()).toEqual(["folder-locked", "folder-locked", "folder-locked", "locked"]);
    await Promise.all(rivals.map((rival) => end(rival)));
    expect(await readdir(folder)).toEqual([]);
  });

  it("is taken over when a killed process was itself taking it over", async () => {
    await left({ pid: 2 ** 30 });
    await writeFile(`${lock}-takeover`, await readFile(lock));
    await using _ = await lockFolder(folder);
    expect(await readdir(folder)).toEqual([".orbifold-lock"]);
  });

  it("is taken over from an earlier process that had the same number", async () => {
    await left({ started: Date.now() - 1e9 });
    await using _ = await lockFolder(folder);
  });

  it("is had by one of many that find it abandoned at once", async () => {
    await left({ pid: 2 ** 30 });
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)));
    const locks = results.filter((result) => result.status === "fulfilled");
    expect(locks).toHaveLength(1);
    await locks[0]?.value[Symbol.asyncDispose]();
  });

  it("stays held where nobody can tell whether its holder lives", async () => {
    await left({ host: "elsewhere", pid: 7 });
    await expect(lockFolder(folder)).rejects.toThrow("another orbifold process (pid 7 on elsewhere) is writing");
    for (const damaged of ["", "null", "[]", '{"pid":"1"}']) {
      await writeFile(lock, damaged);
      await expect(lockFolder(folder)).rejects.toThrow("another orbifold process is writing");
    }
  });

  it("does not release a lock that somebody else has taken meanwhile", async () => {
    const own = await lockFolder(folder);
    await left({ pid: 1 });
    await own[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([".orbifold-lock"]);
  });

  it("needs a folder, and nobody who has given up already", async () => {
    await expect(lockFolder(join(folder, "missing"))).rejects.toMatchObject({ code: "folder-not-found" });
    await expect(lockFolder(folder, { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
    expect(await readdir(folder)).toEqual([]);
  });
});
