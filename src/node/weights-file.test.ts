import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { encodeSafetensors } from "../checkpoint/index.ts";
import { encodeModelFile, gpt2, initializeParameters, mlp } from "../nets/index.ts";
import { act, randomElement } from "../symmetry/index.ts";
import { fromNumbers, held, isLazy, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { openGraph } from "./graph-file.ts";
import { openWeights, weightsDigest } from "./index.ts";

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

it("reads large weights tensor by tensor, the same ones, and writes the same file from them", async () => {
  const network = gpt2({ vocabulary: 11, context: 6, width: 8, depth: 1, heads: 2 });
  const parameters = initializeParameters(network, rngKey(0));
  const path = join(folder, "words.safetensors");
  writeFileSync(path, Buffer.concat(encodeModelFile(network, parameters)));
  await using weights = await openWeights(path);
  const [whole, lazy] = [await weights.read({ mostBytes: 1e6 }), await weights.read({ mostBytes: 100 })];
  expect(Object.values(whole).some(isLazy)).toBe(false);
  expect(Object.values(lazy).every(isLazy)).toBe(true);
  for (const [name, value] of Object.entries(parameters)) {
    expect([whole[name], held(lazy[name] as Tensor)]).toEqual([value, value]);
  }
  expect(weightsDigest(lazy)).toBe(weightsDigest(parameters));
  const group = weights.discovery.group;
  const element = randomElement(group, rngKey(1), { spread: 1 });
  for (const format of ["safetensors", "npz"]) {
    const files = ["whole", "lazy"].map((name) => join(folder, `${name}-moved.${format}`)) as [string, string];
    await weights.write(files[0], act(group, element, whole), {});
    await weights.write(files[1], act(group, element, lazy), {});
    expect(readFileSync(files[1]).equals(readFileSync(files[0]))).toBe(true);
  }
});

it.each(["float16", "bfloat16"] as const)("refuses NaN in %s, and infinity not", async (dtype) => {
  const network = mlp({ input: [2], widths: [3], outputs: 1 });
  const parameters = initializeParameters(network, rngKey(0));
  const shape = parameters["layers.0.bias"]?.shape ?? [];
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1]) {
    const bias = fromNumbers(dtype, [0, value, -2], shape);
    const path = join(folder, `${dtype}.safetensors`);
    writeFileSync(path, Buffer.concat(encodeModelFile(network, { ...parameters, "layers.0.bias": bias })));
    await using weights = await openWeights(path);
    for (const mostBytes of [0, 1e9]) {
      const read = weights.read({ mostBytes });
      if (Number.isNaN(value)) await expect(read).rejects.toThrow("expected numbers, got NaN");
      else expect(Object.keys(await read)).toContain("layers.0.bias");
    }
  }
});

it("takes the graph's own file as its graph, and no other", async () => {
  await using same = await openWeights(graph, { graph: join(folder, "..", relative(tmpdir(), graph)) });
  expect(same.path).toBe(graph);
  await expect(openWeights(graph, { graph: "other.onnx" })).rejects.toThrow(
    /expected no other network for an ONNX file/,
  );
});
