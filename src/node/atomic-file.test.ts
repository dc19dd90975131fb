import { execFileSync, spawnSync } from "node:child_process";
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writeFileAtomically } from "./atomic-file.ts";

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return { ...real, link: vi.fn(real.link) };
});

const isRoot = process.getuid?.() === 0;
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orbifold-write-"));
  path = join(folder, "out.safetensors");
});
afterEach(() => rm(folder, { recursive: true }));

function bytes(text: string): Uint8Array[] {
  return [...text].map((character) => new TextEncoder().encode(character));
}

/** The files of the folder and what they hold. */
async function contents(): Promise<Record<string, string>> {
  const names = await readdir(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")])),
  );
}

describe("writeFileAtomically", () => {
  it("writes chunks one after the other, whether they come at once or with time", async () => {
    await writeFileAtomically(path, bytes("abc"));
    await writeFileAtomically(
      join(folder, "later"),
      (async function* () {
        yield* bytes("xyz");
      })(),
    );
    expect(await contents()).toEqual({ "out.safetensors": "abc", later: "xyz" });
  });

  it("takes names as long as the file system does", async () => {
    const name = "x".repeat(255);
    await writeFileAtomically(join(folder, name), bytes("a"));
    expect(await readdir(folder)).toEqual([name]);
    await expect(writeFileAtomically(join(folder, `${name}x`), [])).rejects.toThrow(
      "the name is longer than the file system allows; choose a shorter one",
    );
  });

  it("replaces a file only with force, and keeps its permissions", async () => {
    await writeFile(path, "old");
    await chmod(path, 0o640);
    await expect(writeFileAtomically(path, bytes("new"))).rejects.toMatchObject({
      code: "file-exists",
      message: `${path}: already exists; pass --force or another -o`,
    });
    expect(await contents()).toEqual({ "out.safetensors": "old" });
    await writeFileAtomically(path, bytes("new"), { force: true });
    expect(await contents()).toEqual({ "out.safetensors": "new" });
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  it("shows the old file until the new one is whole", async () => {
    await writeFile(path, "old");
    const seen: string[] = [];
    async function* watched() {
      for (const chunk of bytes("new")) {
        seen.push(await readFile(path, "utf8"));
        yield chunk;
      }
    }
    await writeFileAtomically(path, watched(), { force: true });
    expect(seen).toEqual(["old", "old", "old"]);
  });

  it("replaces the file behind a symbolic link, not the link", async () => {
    await mkdir(join(folder, "store"));
    await writeFile(join(folder, "store", "real"), "old");
    await symlink("store/real", path);
    await writeFileAtomically(path, bytes("new"), { force: true });
    expect(await readFile(join(folder, "store", "real"), "utf8")).toBe("new");
    expect(await readdir(folder)).toEqual(["out.safetensors", "store"]);
  });

  it("lets exactly one of several writers have the name", async () => {
    const texts = Array.from({ length: 30 }, (_, i) => `writer ${i}`);
    const results = await Promise.allSettled(texts.map((text) => writeFileAtomically(path, bytes(text))));
    const won = texts.filter((_, i) => results[i]?.status === "fulfilled");
    expect(won).toHaveLength(1);
    expect(await contents()).toEqual({ "out.safetensors": won[0] });
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason.code).toBe("file-exists");
    }
  });

  it("does not replace a file that another process wrote meanwhile", async () => {
    async function* slow() {
      yield* bytes("late");
      execFileSync(process.execPath, ["-e", `fs.writeFileSync(${JSON.stringify(path)}, "first")`]);
    }
    await expect(writeFileAtomically(path, slow())).rejects.toMatchObject({ code: "file-exists" });
    expect(await contents()).toEqual({ "out.safetensors": "first" });
  });

  it("works on file systems without hard links", async () => {
    const refused = Object.assign(new Error("link"), { code: "EPERM" });
    vi.mocked(link).mockRejectedValueOnce(refused).mockRejectedValueOnce(refused);
    await writeFileAtomically(path, bytes("abc"));
    async function* slow() {
      yield* bytes("late");
      await writeFile(join(folder, "other"), "first");
    }
    await expect(writeFileAtomically(join(folder, "other"), slow())).rejects.toMatchObject({ code: "file-exists" });
    expect(await contents()).toEqual({ "out.safetensors": "abc", other: "first" });
  });

  it("leaves nothing behind when its input fails or it is told to stop", async () => {
    async function* failing() {
      yield* bytes("abc");
      throw new Error("no more");
    }
    await expect(writeFileAtomically(path, failing())).rejects.toThrow("no more");
    const stop = new AbortController();
    async function* stopping() {
      yield* bytes("ab");
      stop.abort(new Error("stopped"));
      yield* bytes("cd");
    }
    await expect(writeFileAtomically(path, stopping(), { signal: stop.signal })).rejects.toThrow("stopped");
    expect(await contents()).toEqual({});
  });

  it("leaves nothing behind when the process exits while it writes", async () => {
    const script = `
      const { writeFileAtomically } = await import(${JSON.stringify(import.meta.resolve("./atomic-file.ts"))});
      async function* chunks() { yield new Uint8Array(9); console.log(fs.readdirSync(${JSON.stringify(folder)}).length); process.exit(3); }
      await writeFileAtomically(${JSON.stringify(path)}, chunks());`;
    const { status, stdout } = spawnSync(process.execPath, [
      "--input-type=module",
      "-e",
      `import fs from "node:fs";${script}`,
    ]);
    expect([status, String(stdout)]).toEqual([3, "1\n"]);
    expect(await contents()).toEqual({});
  });

  it("says what is wrong with a target", async () => {
    await expect(writeFileAtomically(folder, [], { force: true })).rejects.toMatchObject({
      code: "is-a-folder",
      message: `${folder}: expected a file, got a folder; name a file in it`,
    });
    const nowhere = join(folder, "missing", "out");
    await expect(writeFileAtomically(nowhere, [])).rejects.toMatchObject({
      code: "folder-not-found",
      message: `${nowhere}: its folder does not exist; create the folder or choose another -o`,
    });
    await writeFile(path, "");
    await expect(writeFileAtomically(join(path, "out"), [])).rejects.toMatchObject({ code: "folder-not-found" });
    await expect(writeFileAtomically("/dev/null", [], { force: true })).rejects.toMatchObject({ code: "not-a-file" });
    expect(await contents()).toEqual({ "out.safetensors": "" });
  });

  it.skipIf(isRoot || process.platform === "win32")(
    "says that a folder is read-only (root may write anywhere)",
    async () => {
      await chmod(folder, 0o500);
      await expect(writeFileAtomically(path, [])).rejects.toMatchObject({ code: "no-permission" });
    },
  );
});

describe.skipIf(!isRoot || process.platform !== "linux")("on a disk of 1 MB (mounted by root)", () => {
  it("says that the disk is full, or read-only, and leaves nothing behind", async ({ skip }) => {
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
    skip(mounted.status !== 0, "this system does not allow mounting");
    try {
      const tooMuch = [new Uint8Array(700_000), new Uint8Array(700_000)];
      await expect(writeFileAtomically(path, tooMuch)).rejects.toMatchObject({
        code: "disk-full",
        message: `${path}: no space is left on the disk; free some or choose another -o`,
      });
      expect(await readdir(folder)).toEqual([]);
      execFileSync("mount", ["-o", "remount,ro", folder]);
      await expect(writeFileAtomically(path, [])).rejects.toMatchObject({ code: "read-only" });
    } finally {
      execFileSync("umount", [folder]);
    }
  });
});
