import { readFileSync } from "node:fs";
import { crc32 as zlibCrc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { rngKey, uniform } from "../tensor/index.ts";
import { bytesSource } from "./byte-source.ts";
import { crc32 } from "./zip-crc.ts";
import { readZipDirectory } from "./zip-directory.ts";
import { readZipEntry } from "./zip-entry.ts";
import { encodeZip, encodeZipDirectory, type StoredEntry } from "./zip-writer.ts";

const url = new URL("../../test/golden/npz/directory.json", import.meta.url);
const golden: { entries: StoredEntry[]; offset: number; headers: Record<string, string>; directory: string } =
  JSON.parse(readFileSync(url, "utf8"));

describe("crc32", () => {
  it("is that of zlib, however the bytes are cut", () => {
    const bytes = Uint8Array.from(uniform(rngKey(1), [100]).data, (value) => value * 256);
    for (let length = 0; length <= bytes.length; length++) {
      const pieces = [bytes.subarray(0, length >> 1), bytes.subarray(length >> 1, length)];
      expect(crc32(pieces)).toBe(zlibCrc32(bytes.subarray(0, length)));
    }
    expect(crc32([new TextEncoder().encode("123456789")])).toBe(0xcbf43926);
  });
});

describe("encodeZipDirectory", () => {
  it("writes the bytes of Python's zipfile beyond 2 and 4 GiB", () => {
    expect(Buffer.from(encodeZipDirectory(golden.entries, golden.offset)).toString("hex")).toBe(golden.directory);
  });
});

describe("encodeZip", () => {
  it("is undone by the reader, for more entries than 16 bits count", async () => {
    const count = 0x10000;
    const files = Array.from({ length: count }, (_, i) => ({ name: `${i}`, pieces: [Uint8Array.of(i & 255)] }));
    const source = bytesSource("many.zip", new Uint8Array(Buffer.concat(encodeZip(files))));
    const entries = await readZipDirectory(source);
    expect(entries.size).toBe(count);
    const last = entries.get(`${count - 1}`);
    expect(last && (await readZipEntry(source, last))).toEqual(Uint8Array.of(255));
  });

  it("refuses names that Python would cut short or no reader could give back", () => {
    for (const name of ["a\0b", "\ud800", "x".repeat(0x10000)]) {
      expect(() => encodeZip([{ name, pieces: [] }])).toThrow("cannot name an entry");
    }
  });
});
