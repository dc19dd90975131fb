import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  encodeModelFile,
  initializeParameters,
  lenet,
  mlp,
  type Network,
  type Parameters,
} from "../../src/nets/index.ts";
import { rngKey, stack, type Tensor, tensor } from "../../src/tensor/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import { readSafetensors } from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const network = mlp({ input: [1, 8, 8], widths: [6, 5], outputs: 10, activation: "tanh" });
const parameters = initializeParameters(network, rngKey(2), "float64");

function write(name: string, of: Network, values: Parameters): void {
  writeFileSync(join(folder.path, name), Buffer.concat(encodeModelFile(of, Object.entries(values))));
}

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** Widens both layers of a network somewhere on its expansion manifold. */
function expand(narrow: string, wide: string, composition: string, seed = "0") {
  const words = ["--layer", "0,1", "--composition", composition, "--outgoing", "random", "--seed", seed];
  return json("expand", narrow, ...words, "-o", wide);
}

/** Of two units of the first layer, each in the place of the other. */
function withFirstTwoExchanged(values: Parameters): Parameters {
  const rows = ({ dtype, shape, data }: Tensor): Tensor => {
    const [units = 0, ...rest] = shape;
    const inner = data.length / units;
    const row = (i: number) => tensor(dtype, rest, data.slice(i * inner, (i + 1) * inner) as Float64Array<ArrayBuffer>);
    return stack([row(1), row(0), ...Array.from({ length: units - 2 }, (_, i) => row(i + 2))]);
  };
  const { shape, data } = values["layers.1.weight"] as Tensor;
  const columns = shape[1] as number;
  const exchanged = (data as Float64Array).map((_, i) => {
    const column = i % columns;
    return data[column < 2 ? i + 1 - 2 * column : i] as number;
  });
  return {
    ...values,
    "layers.0.weight": rows(values["layers.0.weight"] as Tensor),
    "layers.0.bias": rows(values["layers.0.bias"] as Tensor),
    "layers.1.weight": tensor("float64", shape, exchanged as Float64Array<ArrayBuffer>),
  };
}

beforeAll(async () => {
  write("narrow.safetensors", network, parameters);
  write("exchanged.safetensors", network, withFirstTwoExchanged(parameters));
  write("foreign.safetensors", network, initializeParameters(network, rngKey(3), "float64"));
  mkdirSync(join(folder.path, "there"));
  writeFileSync(join(folder.path, "there", "corner-001.safetensors"), "");
  const convolutional = lenet({ input: [1, 16, 16] });
  write("lenet.safetensors", convolutional, initializeParameters(convolutional, rngKey(2)));
  await Promise.all([
    expand("narrow.safetensors", "a.safetensors", "2,1,1,1,1,1+2;1,1,1,1,3", "1"),
    expand("narrow.safetensors", "b.safetensors", "1,1,1,3,1,1+1;2,1,2,1,1", "2"),
    expand("foreign.safetensors", "other.safetensors", "2,1,1,1,1,1+2;1,1,1,1,3", "1"),
  ]);
});

describe("connect", () => {
  it("walks between two expansions of a network, with the same loss at every corner", async () => {
    const found = await json("connect", "a.safetensors", "b.safetensors", "-o", "walk", "--data", "digits");
    expect(found).toMatchObject({ output: "walk", tolerance: 1e-9, assumptions: [] });
    expect(found.maxDeviation).toBe(
      Math.max(...found.segments.map(({ deviation }: { deviation: number }) => deviation)),
    );
    expect(found.maxDeviation).toBeLessThan(1e-14);
    expect(new Set(found.segments.map(({ layer }: { layer: string }) => layer))).toEqual(
      new Set(["layers.0", "layers.1"]),
    );
    expect(found.corners).toBe(found.segments.length + 1);
    expect(contentsOf(join(folder.path, "walk"))).toEqual(
      found.files.map((file: string) => file.replace(/^walk\//, "")),
    );
    const { tensors } = await readSafetensors(join(folder.path, found.files.at(-1)));
    expect(tensors).toEqual((await readSafetensors(join(folder.path, "b.safetensors"))).tensors);
    const lossOf = async (file: string): Promise<number> =>
      (await json("evaluate", file, "--data", "digits", "--engine", "reference", "--samples", "100")).loss;
    const narrow = await lossOf("narrow.safetensors");
    const some = found.files.filter((_: string, i: number) => i % 6 === 0);
    for (const loss of await Promise.all(some.map(lossOf))) expect(loss).toBeCloseTo(narrow, 12);
  });

  it("says how many segments each layer takes, and nothing is written without -o", async () => {
    const before = contentsOf(folder.path);
    const { status, stdout, stderr } = await orbifold(folder.path, "connect", "a.safetensors", "b.safetensors");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [, all, corners] = /^(\d+) straight segments through (\d+) corners: /.exec(stdout) ?? [];
    const [, first, second] = /^segments in layers\.0 (\d+), layers\.1 (\d+)$/m.exec(stdout) ?? [];
    expect(Number(first) + Number(second)).toBe(Number(all));
    expect(Number(corners)).toBe(Number(all) + 1);
    expect(stdout).toMatch(/^outputs on the way differ by \d\.\de-1\d of the largest$/m);
    expect(contentsOf(folder.path)).toEqual(before);
  });

  it("connects channels of an ONNX file, in one layer that is named", async () => {
    for (const [seed, composition] of ["2", "1,2"].entries()) {
      const all = `${composition},${new Array(20 - composition.split(",").length).fill(1).join(",")}`;
      const words = ["--layer", "conv1", "--composition", all, "--outgoing", "random", "--seed", String(seed)];
      await json("expand", "lenet.safetensors", ...words, "-o", `lenet${seed}.onnx`);
    }
    const found = await json("connect", "lenet0.onnx", "lenet1.onnx", "--layer", "conv1", "-o", "channels");
    expect(found).toMatchObject({ tolerance: 1e-5, segments: { length: found.corners - 1 } });
    expect(found.maxDeviation).toBeLessThan(1e-6);
    expect(found.segments.length).toBeGreaterThan(2);
    expect(await json("certify", "lenet1.onnx", found.files.at(-1))).toMatchObject({ sameFunction: true });
  });

  it("writes nothing where outputs differ by more than is allowed", async () => {
    const words = ["connect", "a.safetensors", "b.safetensors", "--tolerance", "1e-300", "-o", "steep"];
    const { status, stdout } = await orbifold(folder.path, ...words);
    expect(status).toBe(1);
    expect(stdout).toContain("NOT flat: nothing written");
    expect(contentsOf(folder.path)).not.toContain("steep");
  });

  it("is in the help, in 80 columns", async () => {
    const { stdout } = await orbifold(folder.path, "connect", "--help");
    expect(stdout).toContain("usage: orbifold connect <a> <b> ");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });
});

describe("wrong input", () => {
  const wide = ["a.safetensors", "b.safetensors"];
  it.each([
    [["a.safetensors"], 'connect: expected 2 arguments, got "a.safetensors"'],
    [["a.safetensors", "narrow.safetensors"], "narrow.safetensors: expected the network of a.safetensors, got another"],
    [
      ["narrow.safetensors", "exchanged.safetensors"],
      'layer "layers.0": expected more units than the minimal network has, got 6, of which each is needed; expand the layer by a unit',
    ],
    [
      ["a.safetensors", "other.safetensors"],
      'layer "layers.0": expected two expansions of one minimal network, got ones of 6 and 6 neurons, of which 0 are the same',
    ],
    [[...wide, "--layer", "0"], "connect without naming a layer, where others differ too"],
    [[...wide, "--layer", "7"], 'layer "7": expected one of 0 (layers.0), 1 (layers.1)'],
    [[...wide, "--data", "toy"], "mlp: expected samples of 1 x 8 x 8, got toy with 2; name the data set that"],
    [[...wide, "-o", "there"], "there/corner-001.safetensors: already exists; pass --force or another -o"],
    [[...wide, "-o", "a.safetensors"], "a.safetensors: expected a folder, got a file; choose another -o"],
  ])("%j", async (words, message) => {
    const before = contentsOf(folder.path);
    const { status, stdout, stderr } = await orbifold(folder.path, "connect", ...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(contentsOf(folder.path)).toEqual(before);
  });
});
