import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { bytesSource, type Checkpoint, openSafetensors, readAll } from "../checkpoint/index.ts";
import { input } from "../graph/index.ts";
import { fromNumbers, type Tensor } from "../tensor/index.ts";
import { copiesIn, readStored, writeStored } from "./stored-weights.ts";

const folder = mkdtempSync(join(tmpdir(), "orbifold-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const square = fromNumbers("float32", [1, 2, 3, 4], [2, 2]);
const other = fromNumbers("float32", [5, 6, 7, 8], [2, 2]);

/** Tensors in memory; `ties` says which is an earlier one. */
function checkpointOf(
  tensors: Readonly<Record<string, Tensor>>,
  ties: Readonly<Record<string, string>> = {},
): Checkpoint {
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const sharedWith = ties[name];
    const entry = { dtype, storedType: dtype, shape, length: data.byteLength };
    return [name, sharedWith === undefined ? entry : { ...entry, sharedWith }] as const;
  });
  return {
    format: "pytorch",
    metadata: {},
    entries: new Map(entries),
    read: async (name) => tensors[name] as Tensor,
  };
}

async function written(name: string): Promise<Record<string, Tensor>> {
  const path = join(folder, name);
  return readAll(await openSafetensors(bytesSource(path, new Uint8Array(readFileSync(path)))));
}

const options = { metadata: {}, force: false };

it("transposes on reading and back on writing, in any type", async () => {
  const stored = fromNumbers("bfloat16", [1, 2, 3, 4, 5, 6], [2, 3]);
  const checkpoint = checkpointOf({ "up.weight": stored });
  const weights = { checkpoint, names: new Map([["w", "up.weight"]]), transposed: new Set(["w"]), copies: new Map() };
  const parameters = await readStored(weights);
  expect(parameters).toEqual({ w: fromNumbers("bfloat16", [1, 4, 2, 5, 3, 6], [3, 2]) });
  await writeStored(weights, join(folder, "back.safetensors"), { parameters, ...options });
  expect(await written("back.safetensors")).toEqual({ "up.weight": stored });
});

describe("tensors beside the parameters", () => {
  const w = input("w", "float32", [2, 2]);
  const names = new Map([["w", "wte"]]);
  const once = [input("x", "float32", [1, 2]).matmul(w)];
  const twice = [input("x", "float32", [1, 2]).matmul(w).matmul(w.transpose())];

  it("are copies where the file says so", async () => {
    const checkpoint = checkpointOf({ wte: square, head: square }, { head: "wte" });
    const found = await copiesIn(checkpoint, { names, extra: ["head"], outputs: once, where: "file" });
    expect(found).toEqual(new Map([["head", "wte"]]));
  });

  it("are copies where they equal a parameter that is used twice, which they have to", async () => {
    const beside = { names, extra: ["head"], outputs: twice, where: "file" };
    expect(await copiesIn(checkpointOf({ wte: square, head: square }), beside)).toEqual(new Map([["head", "wte"]]));
    await expect(copiesIn(checkpointOf({ wte: square, head: other }), beside)).rejects.toThrow(
      'file, tensor "head": expected the numbers of "wte", which the network uses in several places, got others',
    );
  });

  it("are something else where the parameter is used once, or has another shape", async () => {
    const equal = checkpointOf({ wte: square, head: square });
    expect((await copiesIn(equal, { names, extra: ["head"], outputs: once, where: "file" })).size).toBe(0);
    const small = checkpointOf({ wte: square, head: fromNumbers("float32", [1, 2]) });
    expect((await copiesIn(small, { names, extra: ["head"], outputs: twice, where: "file" })).size).toBe(0);
  });

  it("are written as they were, and copies as what they are copies of", async () => {
    const checkpoint = checkpointOf({ wte: square, head: square, step: fromNumbers("int64", [7], []) });
    const weights = { checkpoint, names, transposed: new Set<string>(), copies: new Map([["head", "wte"]]) };
    await writeStored(weights, join(folder, "copies.safetensors"), { parameters: { w: other }, ...options });
    expect(await written("copies.safetensors")).toEqual({
      wte: other,
      head: other,
      step: fromNumbers("int64", [7], []),
    });
  });
});

it("does not untie what is one tensor in the file and two in the graph", async () => {
  const checkpoint = checkpointOf({ wte: square, head: square }, { head: "wte" });
  const names = new Map(["wte", "head"].map((name) => [name, name]));
  const weights = { checkpoint, names, transposed: new Set<string>(), copies: new Map() };
  const path = join(folder, "untied.safetensors");
  await expect(writeStored(weights, path, { parameters: { wte: square, head: other }, ...options })).rejects.toThrow(
    /expected "head" and "wte" to stay the one tensor that they are, got two; give a graph in which they are tied/,
  );
  await writeStored(weights, path, { parameters: { wte: other, head: other }, ...options });
  expect(await written("untied.safetensors")).toEqual({ wte: other, head: other });
});
