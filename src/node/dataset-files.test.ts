import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { locateFiles } from "./dataset-files.ts";
import type { DatasetSource } from "./dataset-sources.ts";

/** The two files in a folder, with a third one, packed by GNU tar 1.34 and gzip. */
const archive = Buffer.from(
  `H4sIAAAAAAACA+3V3QqCMACG4V2KN6A52+b1bDhKUAM3oe6+EZ30Q9DBDPJ9DtzOP14XfCxdP+1ERnXSan07k+fzzb1tlBGFFitYQrRzUYiNCv
   f9bdl3Z1ku7hJ9jv2NUh/2N4/7S7lv0/41+2fXj/bgg8DG+3dV+mb8/3/Xfy3Tc0H/Kxis8wP9b77/2dtu9NUxjsMP+m9e3n8j6X8N04kGAAAA
   AAAAAAAAgH9xBSFlbdgAKAAA`,
  "base64",
);

const remote = { "a-idx1-ubyte.gz": Buffer.from("images"), "b.bin.gz": Buffer.from("labels"), "set.tar.gz": archive };
const compressed = ["a-idx1-ubyte.gz", "b.bin.gz"] as const;

function sourceOf(mirror: string, names: readonly (keyof typeof remote)[]): DatasetSource {
  const downloads = names.map((name) => ({
    name,
    size: remote[name].length,
    sha256: createHash("sha256").update(remote[name]).digest("hex"),
  }));
  return { name: "set", folders: ["set", "."], files: ["a-idx1-ubyte", "b.bin"], mirror, downloads };
}

let folder: string;
let cacheDir: string;
let server: Server;
let source: DatasetSource;
let requests: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "orbifold-"));
  cacheDir = join(folder, "cache");
  requests = [];
  server = createServer((request, response) => {
    const name = (request.url ?? "").slice("/files/".length);
    requests.push(name);
    const content = remote[name as keyof typeof remote];
    response.writeHead(content ? 200 : 404).end(content);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  source = sourceOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}/files`, compressed);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

function put(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), "mine");
  }
}

describe("locateFiles", () => {
  test.each([
    ["directly in it", ["data/a-idx1-ubyte", "data/b.bin"]],
    ["compressed", ["data/a-idx1-ubyte.gz", "data/b.bin"]],
    ["under the other spelling", ["data/a.idx1-ubyte.gz", "data/b.bin.gz"]],
    ["in the set's own folder", ["data/set/a-idx1-ubyte", "data/set/b.bin"]],
  ])("finds files in the data folder, %s", async (_, paths) => {
    put(...paths);
    const located = await locateFiles(source, { dataDir: join(folder, "data"), cacheDir });
    expect(located.paths).toEqual(paths.map((path) => join(folder, path)));
    expect(located.folder).toBe(dirname(join(folder, paths[0] as string)));
    expect(requests).toEqual([]);
  });

  test("prefers the data folder to the cache, and the cache to the network", async () => {
    put("cache/set/a-idx1-ubyte", "cache/set/b.bin", "data/unrelated");
    expect((await locateFiles(source, { dataDir: join(folder, "data"), cacheDir })).folder).toBe(join(cacheDir, "set"));
    put("data/a-idx1-ubyte", "data/b.bin");
    expect((await locateFiles(source, { dataDir: join(folder, "data"), cacheDir })).folder).toBe(join(folder, "data"));
    expect(requests).toEqual([]);
  });

  test("downloads into the cache, once", async () => {
    const located = await locateFiles(source, { cacheDir });
    expect(located.paths.map((path) => readFileSync(path, "utf8"))).toEqual(["images", "labels"]);
    expect(await locateFiles(source, { cacheDir, offline: true })).toEqual(located);
    expect(requests).toEqual(compressed);
  });

  test("downloads only what the cache lacks", async () => {
    put("cache/set/a-idx1-ubyte.gz");
    await locateFiles(source, { cacheDir });
    expect(requests).toEqual(["b.bin.gz"]);
  });

  test("unpacks an archive into the cache and keeps only its files", async () => {
    const { folder: cached, paths } = await locateFiles(sourceOf(source.mirror, ["set.tar.gz"]), { cacheDir });
    expect(paths.map((path) => readFileSync(path, "utf8"))).toEqual(["images", "labels"]);
    expect(readdirSync(cached).sort()).toEqual(["a-idx1-ubyte", "b.bin"]);
  });

  test("takes another mirror, with or without a final slash", async () => {
    const elsewhere = { ...source, mirror: "http://127.0.0.1:1/" };
    await locateFiles(elsewhere, { cacheDir, mirror: `${source.mirror}/` });
    expect(requests).toEqual(compressed);
  });

  test("names what an incomplete data folder lacks instead of downloading", async () => {
    put("data/a-idx1-ubyte");
    await expect(locateFiles(source, { dataDir: join(folder, "data"), cacheDir })).rejects.toThrow(
      `${join(folder, "data")}: expected the 2 files of set, got none named b.bin; add what is missing, plain or as .gz`,
    );
    expect(requests).toEqual([]);
  });

  test("refuses a data folder that does not exist", async () => {
    const failed = locateFiles(source, { dataDir: join(folder, "typo"), cacheDir });
    await expect(failed).rejects.toThrow(/^data folder: expected a folder, got ".*typo"$/);
  });

  test("says what to do when the download fails", async () => {
    const failed = locateFiles(source, { cacheDir, mirror: source.mirror.replace("files", "none") });
    await expect(failed).rejects.toThrow(
      /^set: it is not in [^\n]+status 404 \(Not Found\); pass --data-dir with the folder that holds a-idx1-ubyte, b\.bin$/,
    );
    expect(readdirSync(join(cacheDir, "set"))).not.toContain("a-idx1-ubyte.gz");
  });

  test("says what to do when it may not use the network", async () => {
    const failed = locateFiles(source, { cacheDir, offline: true });
    await expect(failed).rejects.toThrow(/^set: expected its files in [^\n]+; pass --data-dir with the folder/);
    expect(requests).toEqual([]);
  });
});
