import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { bytesSource, openSafetensors, readAll } from "../../src/checkpoint/index.ts";
import { openWeights } from "../../src/node/index.ts";
import { type Tensor, toNumbers } from "../../src/tensor/index.ts";
import { roundTripFile, written } from "../golden/round-trip/written.ts";
import { outputOf } from "./evaluation.ts";
import { orbifold, temporaryFolder } from "./orbifold.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

interface Result {
  readonly name: string;
  readonly sha256: string;
  readonly maxRelative: number;
}

const results: readonly Result[] = JSON.parse(readFileSync(roundTripFile("results.json"), "utf8"));

/** A few roundings of float32 in every layer, as in check.py. */
const tolerance = 2e-6;

async function tensorsOf(path: string): Promise<Record<string, Tensor>> {
  return readAll(await openSafetensors(bytesSource(path, new Uint8Array(readFileSync(path)))));
}

function networkOptions(words: readonly string[]) {
  const graph = words.indexOf("--graph");
  return { layout: { input: [3, 64, 64], heads: 2 }, graph: graph < 0 ? undefined : words[graph + 1] };
}

describe("weights that PyTorch wrote, rewritten and read back", () => {
  it.concurrent.each(Object.entries(written))("%s", async (file, words) => {
    const path = join(folder.path, file);
    const { status, stderr } = await orbifold(folder.path, ...words, "-o", path);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const verified = results.find(({ name }) => `${name}.safetensors` === file) as Result;
    // PyTorch read these very bytes back, and computed what it had computed before.
    expect(createHash("sha256").update(readFileSync(path)).digest("hex")).toBe(verified.sha256);
    expect(verified.maxRelative).toBeLessThan(tolerance);

    await using weights = await openWeights(path, networkOptions(words));
    const original = words[1] as string;
    const { x, y } = await tensorsOf(original.replace(/\.pt$/, ".safetensors"));
    const expected = toNumbers(y as Tensor);
    const found = await outputOf(weights.network(), await weights.read(), x as Tensor);
    const scale = Math.max(...expected.map(Math.abs));
    expect(found.length).toBe(expected.length);
    expect(Math.max(...found.map((value, i) => Math.abs(value - (expected[i] as number)))) / scale).toBeLessThan(
      tolerance,
    );
  });
});
