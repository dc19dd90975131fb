import { describe, expect, it } from "vitest";
import { fromNumbers } from "../tensor/index.ts";
import { bytesSource } from "./byte-source.ts";
import { readAll } from "./checkpoint.ts";
import { openCheckpoint } from "./open.ts";
import { encodeCheckpoint, type WritableFormat, writableFormat } from "./write.ts";

const tensors = { w: fromNumbers("float32", [1, 2, 3, 4], [2, 2]), b: fromNumbers("float64", [5], []) };

describe("writableFormat", () => {
  it.each([
    ["net.safetensors", "safetensors"],
    ["a.b/net.NPZ", "npz"],
  ])("of %s is %s", (path, format) => {
    expect(writableFormat(path)).toBe(format);
  });

  it.each(["net.pt", "net", "out.npz/net", "net.npz.", "net.constructor"])(
    "refuses %s and names those there are",
    (path) => {
      expect(() => writableFormat(path)).toThrow(`${path}: expected a name that ends in .safetensors or .npz; choose`);
    },
  );
});

describe("encodeCheckpoint", () => {
  it.each<WritableFormat>(["safetensors", "npz"])("writes %s that opens as such", async (format) => {
    const bytes = new Uint8Array(Buffer.concat([...encodeCheckpoint(format, tensors)]));
    const checkpoint = await openCheckpoint(bytesSource("net", bytes));
    expect([checkpoint.format, await readAll(checkpoint)]).toEqual([format, tensors]);
  });

  it("keeps metadata where the format can, and drops them nowhere in silence", async () => {
    const bytes = new Uint8Array(Buffer.concat([...encodeCheckpoint("safetensors", tensors, { who: "me" })]));
    expect((await openCheckpoint(bytesSource("net", bytes))).metadata).toEqual({ who: "me" });
    expect(() => encodeCheckpoint("npz", tensors, { who: "me" })).toThrow("npz: expected no metadata, which it");
  });
});
