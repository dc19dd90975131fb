import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { gunzip } from "./gzip.ts";

const plain = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251);
const packed = new Uint8Array(gzipSync(plain));

describe("gunzip", () => {
  test("undoes gzip, also when the limit is exact", async () => {
    expect(await gunzip(packed, plain.length, "a.gz")).toEqual(plain);
  });

  test("gives nothing for an empty member", async () => {
    expect(await gunzip(new Uint8Array(gzipSync("")), 0, "a.gz")).toEqual(new Uint8Array());
  });

  test("stops at the limit", async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(50_000_000)));
    await expect(gunzip(bomb, 1000, "bomb.gz")).rejects.toThrow(
      "bomb.gz: expected at most 1000 bytes once decompressed, got more",
    );
  });

  test("refuses a stream cut anywhere", async () => {
    const small = new Uint8Array(gzipSync("orbifold"));
    for (let length = 0; length < small.length; length++) {
      await expect(gunzip(small.slice(0, length), 100, "cut.gz")).rejects.toMatchObject({ code: "gzip-corrupt" });
    }
  });

  test.each([
    ["no gzip at all", Uint8Array.of(1, 2, 3)],
    ["a wrong checksum", packed.with(packed.length - 5, (packed.at(-5) as number) ^ 1)],
    ["something after the end", Uint8Array.from([...packed, 0])],
  ])("refuses %s in one line", async (_, bytes) => {
    await expect(gunzip(bytes, 10_000, "a.gz")).rejects.toThrow(/^a\.gz: expected one whole gzip stream, got [^\n]+$/);
  });
});
