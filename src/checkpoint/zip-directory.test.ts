import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { deflatedArchive, rawArchive } from "../../test/golden/npz/archives.ts";
import { InputError } from "../errors.ts";
import { rngKey, uniform } from "../tensor/index.ts";
import { type ByteSource, bytesSource } from "./byte-source.ts";
import { readZipDirectory, type ZipEntry } from "./zip-directory.ts";
import { locateZipEntry, readZipEntry, readZipHead } from "./zip-entry.ts";
import { encodeZip } from "./zip-writer.ts";

const url = new URL("../../test/golden/npz/directory.json", import.meta.url);

/** A file of zeros but for some pieces, larger than memory. */
function sparseSource(size: number, pieces: ReadonlyMap<number, Uint8Array>): ByteSource {
  const read = async (offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    for (const [at, piece] of pieces) {
      const from = Math.max(at, offset);
      const to = Math.min(at + piece.length, offset + length);
      if (from < to) bytes.set(piece.subarray(from - at, to - at), from - offset);
    }
    return bytes;
  };
  return { name: "sparse.zip", size, read };
}

const text = (value: string) => new TextEncoder().encode(value);
const twoFiles = [
  { name: "a", pieces: [text("first")] },
  { name: "b", pieces: [text("second")] },
];

function archive(files = twoFiles): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(encodeZip(files)));
}

/** An archive with a number changed, at a place counted from its start, its directory or its end record. */
function changed(from: "start" | "directory" | "end", at: number, size: 2 | 4, value: number): Uint8Array<ArrayBuffer> {
  const bytes = archive();
  const view = new DataView(bytes.buffer);
  const end = bytes.length - 22;
  const place = { start: 0, directory: view.getUint32(end + 16, true), end }[from] + at;
  if (size === 2) view.setUint16(place, value, true);
  else view.setUint32(place, value, true);
  return bytes;
}

async function contentsOf(bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, string>> {
  const source = bytesSource("net.zip", bytes);
  const contents: Record<string, string> = {};
  for (const [name, entry] of await readZipDirectory(source)) {
    contents[name] = new TextDecoder().decode(await readZipEntry(source, entry));
  }
  return contents;
}

async function failure(bytes: Uint8Array<ArrayBuffer>): Promise<InputError> {
  const error = await contentsOf(bytes).then(JSON.stringify, (e) => e);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(/^net\.zip[^\n]*; [^\n]+$/);
  return error;
}

describe("a ZIP archive", () => {
  it("is read wherever its entries lie beyond 4 GiB", async () => {
    const { entries, offset, headers, directory } = JSON.parse(readFileSync(url, "utf8"));
    const hex = (value: unknown) => new Uint8Array(Buffer.from(String(value), "hex"));
    const pieces = new Map(Object.entries(headers).map(([at, header]) => [Number(at), hex(header)]));
    pieces.set(offset, hex(directory));
    const source = sparseSource(offset + hex(directory).length, pieces);
    const read = await readZipDirectory(source);
    expect([...read.values()]).toMatchObject(entries);
    const far = read.get("d.npy") as ZipEntry;
    expect(await locateZipEntry(source, far)).toBe(far.headerOffset + 30 + 5 + 20);
  });

  it("gives its files, stored or deflated, without its folders", async () => {
    expect(await contentsOf(archive([...twoFiles, { name: "folder/", pieces: [] }]))).toEqual({
      a: "first",
      b: "second",
    });
    const long = "0123456789".repeat(1e5);
    expect(await contentsOf(deflatedArchive("a", text(long)))).toEqual({ a: long });
    expect(await contentsOf(deflatedArchive("a", text("")))).toEqual({ a: "" });
    expect(await contentsOf(archive([]))).toEqual({});
  });

  it("is inflated from many chunks, and no further than asked", async () => {
    const noise = Uint8Array.from(uniform(rngKey(2), [300_000]).data, (value) => value * 256);
    const bytes = deflatedArchive("a", noise);
    let taken = 0;
    const source: ByteSource = {
      ...bytesSource("a.zip", bytes),
      read: async (offset, length) => {
        taken += length;
        return bytes.slice(offset, offset + length);
      },
    };
    const entry = (await readZipDirectory(source)).get("a") as ZipEntry;
    expect(await readZipEntry(source, entry)).toEqual(noise);
    taken = 0;
    expect(await readZipHead(source, entry, 100)).toEqual(noise.subarray(0, 100));
    expect(taken).toBeLessThan(200_000);
  });

  it("may have a comment, even one that looks like its end", async () => {
    const bytes = archive();
    const comment = text("PK\x05\x06 and more than 22 bytes of text");
    const whole = new Uint8Array([...bytes, ...comment]);
    new DataView(whole.buffer).setUint16(bytes.length - 2, comment.length, true);
    expect(await contentsOf(whole)).toEqual({ a: "first", b: "second" });
  });

  it("passes on what its source says", async () => {
    const bytes = deflatedArchive("a", text("contents"));
    const entry = (await readZipDirectory(bytesSource("a", bytes))).get("a") as ZipEntry;
    const unreadable = new InputError({ code: "unreadable", where: "disk", message: "gone" });
    const read = async (offset: number, length: number) => {
      if (offset > 0) throw unreadable;
      return bytes.slice(offset, offset + length);
    };
    await expect(readZipEntry({ name: "a", size: bytes.length, read }, entry)).rejects.toBe(unreadable);
  });
});

const bomb = new Uint8Array(1e6);
const hostile: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] = [
  ["nothing", new Uint8Array(), "expected a ZIP directory at its end"],
  ["other bytes", new Uint8Array(1000), "expected a ZIP directory at its end"],
  ["a directory beyond the file", changed("end", 16, 4, 1e9), "expected it to end at"],
  ["a directory longer than the file", changed("end", 12, 4, 0xfffffff0), "expected it to end at"],
  ["a directory elsewhere", changed("end", 16, 4, 0), "expected it to end at"],
  ["too many entries declared", changed("end", 10, 2, 0xffff), "cannot hold the 65535 entries"],
  ["too few entries declared", changed("end", 10, 2, 1), "declares 1 entries and lists 2"],
  ["a record that is none", changed("directory", 0, 4, 0), "breaks off within an entry"],
  ["a name beyond the directory", changed("directory", 28, 2, 0xffff), "breaks off within an entry"],
  ["an extra field beyond the directory", changed("directory", 30, 2, 0xffff), "breaks off within an entry"],
  ["a zip64 size that is not there", changed("directory", 24, 4, 0xffffffff), "zip64 size of its directory is missing"],
  ["an entry beyond the directory", changed("directory", 42, 4, 1e6), "what follows it starts at byte"],
  ["an entry longer than its place", changed("directory", 20, 4, 1e6), "cannot stand for 5"],
  ["overlapping entries", changed("directory", 42, 4, 40), "what follows it starts at byte"],
  ["entries at one place", changed("directory", 42, 4, 56), "what follows it starts at byte"],
  ["no local header", changed("start", 0, 4, 0), "contradicts the directory"],
  ["another name in the local header", changed("start", 30, 2, 0x6162), "contradicts the directory"],
  ["another method in the local header", changed("start", 8, 2, 8), "contradicts the directory"],
  ["a local extra field that overruns", changed("start", 28, 2, 0xffff), "contradicts the directory"],
  ["one name twice", archive([twoFiles[0], twoFiles[0]] as typeof twoFiles), 'names, got "a" twice'],
  ["an unknown compression", rawArchive("a", text("x"), { method: 12 }), "compression method 12 cannot be read"],
  ["an encrypted entry", rawArchive("a", text("x"), { flags: 1 }), "encrypted entries cannot be read"],
  ["a stored entry of another length", rawArchive("a", text("x"), { length: 2 }), "1 stored bytes cannot stand for 2"],
  ["damaged deflate", rawArchive("a", text("\u00ff\u00ff"), { method: 8, length: 9 }), "whole deflate stream"],
  [
    "a deflate stream cut short",
    rawArchive("a", new Uint8Array([0x4b]), { method: 8, length: 1 }),
    "whole deflate stream",
  ],
  ["an impossible ratio", deflatedArchive("a", text("x"), { length: 2 ** 31 }), "cannot stand for 2147483648"],
  ["more than declared", deflatedArchive("a", bomb, { length: 1000 }), "expected 1000 bytes once inflated, got more"],
  ["less than declared", deflatedArchive("a", bomb, { length: 1e6 + 1 }), "once inflated, got only 1000000"],
  [
    "one more than declared",
    deflatedArchive("a", text("ab"), { length: 1 }),
    "expected 1 bytes once inflated, got more",
  ],
];

describe("a hostile ZIP archive", () => {
  it.each(hostile)("with %s is one clear error", async (_, bytes, message) => {
    expect((await failure(bytes)).message).toContain(message);
  });

  it("with lies in its zip64 records is one clear error", async () => {
    const { offset, directory } = JSON.parse(readFileSync(url, "utf8"));
    const whole = new Uint8Array(Buffer.from(directory, "hex"));
    const end64 = whole.length - 22 - 20 - 56;
    const lies: [number, bigint][] = [
      [end64 + 4, 45n],
      [end64 + 4, 2n ** 64n - 1n],
      [end64 + 32, 2n ** 40n],
      [end64 + 40, 2n ** 64n - 1n],
      [end64 + 48, 2n ** 53n],
      [end64 + 48, 0n],
      [end64 + 56 + 8, 2n ** 63n],
      [end64 + 56 + 8, 0n],
      [whole.indexOf(0x2e) + 8, 2n ** 60n],
    ];
    for (const [at, value] of lies) {
      const bytes = whole.slice();
      new DataView(bytes.buffer).setBigUint64(at, value, true);
      const source = sparseSource(offset + bytes.length, new Map([[offset, bytes]]));
      await expect(readZipDirectory(source)).rejects.toBeInstanceOf(InputError);
    }
  });

  it("is never extracted, so that names out of the folder do no harm", async () => {
    const files = ["../../etc/passwd", "/etc/passwd"].map((name) => ({ name, pieces: [text("x")] }));
    expect(await contentsOf(archive(files))).toEqual({ "../../etc/passwd": "x", "/etc/passwd": "x" });
  });
});
