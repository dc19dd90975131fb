import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { encodeSafetensors } from "../checkpoint/index.ts";
import { fromNumbers, type Tensor, toNumbers } from "../tensor/index.ts";
import { openGraph } from "./graph-file.ts";
import { openWeights } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "orbifold-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const graph = fileURLToPath(
  new URL("../../test/golden/onnx/architectures/activations-tracing-20.onnx", import.meta.url),
);
/** The one slope of a PReLU, a single number and therefore no parameter that symmetries act on. */
const slope = "activations.11.weight";

function write(name: string, tensors: Readonly<Record<string, Tensor>>): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(encodeSafetensors(tensors)));
  return path;
}

it("reads numbers that no symmetry moves from the checkpoint, or from the graph where it lacks them", async () => {
  const { initializers, discovery, fixed } = await openGraph(graph);
  expect(fixed).toContain(slope);
  const names = [...Object.keys(discovery.group.layouts), ...fixed];
  const all = Object.fromEntries(names.map((name) => [name, initializers[name] as Tensor]));
  const other = { ...all, [slope]: fromNumbers("float32", [0.625]) };
  await using whole = await openWeights(write("whole.safetensors", other), { graph });
  expect([...toNumbers((await whole.read())[slope] as Tensor)]).toEqual([0.625]);
  expect(whole.extra).toEqual([]);
  const { [slope]: _, ...rest } = all;
  await using part = await openWeights(write("part.safetensors", rest), { graph });
  expect(toNumbers((await part.read())[slope] as Tensor)).toEqual(toNumbers(initializers[slope] as Tensor));
  const needed = whole.network().parameters.map(({ name }) => name);
  expect(Object.keys(await part.read())).toEqual(expect.arrayContaining(needed));
});

it("takes the graph's own file as its graph, and no other", async () => {
  await using same = await openWeights(graph, { graph: join(folder, "..", relative(tmpdir(), graph)) });
  expect(same.path).toBe(graph);
  await expect(openWeights(graph, { graph: "other.onnx" })).rejects.toThrow(
    /expected no other network for an ONNX file/,
  );
});
