import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readTar, type TarMember, unpackFiles } from "./tar.ts";

interface Entry {
  readonly name: string;
  readonly content?: string;
  readonly type?: string;
  readonly prefix?: string;
}

function tarEntry({ name, content = "", type = "0", prefix = "" }: Entry): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${Buffer.byteLength(content).toString(8).padStart(11, "0")} `, 124);
  header.write("        ", 148);
  header.write(type, 156);
  header.write("ustar\x0000", 257);
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (Buffer.byteLength(content) % 512)) % 512)]);
}

function tarFile(...entries: Entry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(1024)]);
}

async function* inChunks(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function namesOf(members: AsyncIterable<TarMember>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of members) names.push(name);
  return names;
}

const long = "x".repeat(1000);
const archive = tarFile(
  { name: "set/", type: "5" },
  { name: "set/a.bin", content: "first" },
  { name: "set/empty.bin" },
  { name: "b.bin", content: long, prefix: "set" },
  { name: "full.bin", content: "y".repeat(512) },
);

describe("readTar", () => {
  test.each([1, 7, 512, 100_000])("reads every member from chunks of %i bytes", async (length) => {
    const read: [string, boolean, string][] = [];
    for await (const { name, isFile, content } of readTar(inChunks(archive, length), "a.tar")) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of content) chunks.push(chunk);
      read.push([name, isFile, Buffer.concat(chunks).toString()]);
    }
    expect(read).toEqual([
      ["set/", false, ""],
      ["set/a.bin", true, "first"],
      ["set/empty.bin", true, ""],
      ["set/b.bin", true, long],
      ["full.bin", true, "y".repeat(512)],
    ]);
  });

  test("skips what is not read", async () => {
    expect(await namesOf(readTar(inChunks(archive, 100), "a.tar"))).toHaveLength(5);
  });

  test("refuses an archive cut anywhere before its end mark", async () => {
    for (let length = 0; length < archive.length - 512; length += 64) {
      const members = readTar(inChunks(archive.subarray(0, length), 4096), "cut.tar");
      await expect(namesOf(members)).rejects.toThrow(/^cut\.tar: expected a whole \.tar\.gz archive, got/);
    }
  });

  test.each([0, 130, 150])("refuses a header damaged at byte %i", async (at) => {
    const bytes = Uint8Array.from(archive).with(at, 0x7f);
    await expect(namesOf(readTar(inChunks(bytes, 512), "a.tar"))).rejects.toThrow("a damaged header");
  });
});

describe("unpackFiles", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "orbifold-"));
    path = join(folder, "set.tar.gz");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("writes the files asked for and nothing else", async () => {
    writeFileSync(path, gzipSync(archive));
    await unpackFiles(path, ["a.bin", "b.bin"], folder);
    expect(readdirSync(folder).sort()).toEqual(["a.bin", "b.bin", "set.tar.gz"]);
    expect(readFileSync(join(folder, "b.bin"), "utf8")).toBe(long);
  });

  test("never leaves the folder, whatever the archive says", async () => {
    writeFileSync(path, gzipSync(tarFile({ name: "../../a.bin", content: "escaped" })));
    await unpackFiles(path, ["a.bin"], folder);
    expect(readFileSync(join(folder, "a.bin"), "utf8")).toBe("escaped");
  });

  test("does not follow links", async () => {
    writeFileSync(path, gzipSync(tarFile({ name: "a.bin", type: "2" })));
    await expect(unpackFiles(path, ["a.bin"], folder)).rejects.toThrow("got an archive without a.bin");
  });

  test("refuses a damaged archive, and leaves no part of a file", async () => {
    writeFileSync(path, gzipSync(archive.subarray(0, 2500)));
    await expect(unpackFiles(path, ["b.bin"], folder)).rejects.toMatchObject({ code: "tar-damaged" });
    writeFileSync(path, "not gzip");
    await expect(unpackFiles(path, ["b.bin"], folder)).rejects.toThrow(`${path}: expected a whole .tar.gz archive`);
    expect(readdirSync(folder)).toEqual(["set.tar.gz"]);
  });
});
