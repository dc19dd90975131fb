import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { networkFromOnnx } from "../../src/nets/index.ts";
import { openWeights } from "../../src/node/index.ts";
import { fromNumbers, type Tensor, tensor, toNumbers } from "../../src/tensor/index.ts";
import { roundTripFile } from "../golden/round-trip/written.ts";
import { outputOf } from "./evaluation.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import {
  blockWeights,
  models,
  other,
  readSafetensors,
  torchFile,
  trained,
  writeModels,
  writeSafetensors,
} from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

beforeAll(() => writeModels(folder.path));

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** A check that failed. */
async function failure(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  return JSON.parse(stdout);
}

function bytes(name: string): Buffer {
  return readFileSync(join(folder.path, name));
}

const tensorsIn = (name: string) => readSafetensors(join(folder.path, name));

function rewrite(name: string, tensors: Readonly<Record<string, Tensor>>, metadata?: Record<string, string>): void {
  writeSafetensors(join(folder.path, name), tensors, metadata);
}

const certificate = { maxRelative: expect.any(Number), tolerance: expect.any(Number), ok: true };
const hexadecimal = expect.stringMatching(/^[0-9a-f]{64}$/);

describe("canonicalize, orbit, hash and certify", () => {
  it.concurrent.each(Object.entries(models))("%s", async (name, { words: [model = "", ...options], ending }) => {
    const [canonical, again, member] = ["canonical", "again", "member"].map((each) => `${name} ${each}${ending}`);
    const [written, drawn] = [canonical as string, member as string];
    const first = await json("canonicalize", model, ...options, "-o", written);
    expect(first).toMatchObject({ output: written, hash: hexadecimal, certificate: { ...certificate, probes: 8 } });

    const second = await json("canonicalize", written, ...own(written, options), "-o", again as string);
    expect(second).toMatchObject({ hash: first.hash, certificate: { ok: true, isExact: true, maxRelative: 0 } });
    if (ending !== ".onnx") expect(bytes(again as string)).toEqual(bytes(written));

    const { output, ...proof } = await json("orbit", model, ...options, "-o", drawn, "--seed", "3");
    expect({ output, ...proof }).toMatchObject({ output: drawn, certificate: { ...certificate, isExact: false } });
    const { hash, margin } = await json("hash", drawn, ...own(drawn, options));
    if (margin > 1) expect(hash).toBe(first.hash);
    expect(await json("certify", written, drawn, ...own(drawn, options))).toMatchObject({
      sameFunction: true,
      sameOrbit: true,
      maxRelative: expect.any(Number),
    });
  });
});

/** An ONNX file has its graph, and what we wrote describes itself unless it is npz. */
function own(path: string, options: readonly string[]): readonly string[] {
  return path.endsWith(".onnx") ? [] : options;
}

describe("hash", () => {
  it("is the same for all that orbit draws, and another for another training run", async () => {
    const { hash, margin } = await json("hash", trained);
    expect({ hash, isClear: margin > 1 }).toEqual({ hash: hexadecimal, isClear: true });
    const seeds = ["0", "1", "2", "3", "4"];
    const hashes = seeds.map(async (seed) => {
      await json("orbit", trained, "-o", `seed-${seed}.safetensors`, "--seed", seed);
      return (await json("hash", `seed-${seed}.safetensors`)).hash;
    });
    expect(await Promise.all(hashes)).toEqual(seeds.map(() => hash));
    const files = new Set(seeds.map((seed) => bytes(`seed-${seed}.safetensors`).toString("hex")));
    expect(files.size).toBe(seeds.length);
    expect((await json("hash", other)).hash).not.toBe(hash);
    await json("orbit", trained, "-o", "seed-again.safetensors", "--seed", "4");
    expect(bytes("seed-again.safetensors")).toEqual(bytes("seed-4.safetensors"));
  });

  it("is alone on its line", async () => {
    const { stdout } = await orbifold(folder.path, "hash", trained);
    expect(stdout).toMatch(/^[0-9a-f]{64}\n$/);
  });
});

describe("certify", () => {
  it("tells another training run, with exit status 1", async () => {
    const found = await failure("certify", trained, other);
    expect(found).toMatchObject({ sameFunction: false, sameOrbit: false });
    expect(found.maxRelative).toBeGreaterThan(found.tolerance);
  });

  it("says where a tampered file differs first", async () => {
    const { tensors, metadata } = await tensorsIn(trained);
    const { shape, data } = tensors["layers.1.weight"] as Tensor<"float32">;
    const tampered = tensor("float32", shape, data.with(17, (data[17] as number) + 0.1));
    rewrite("tampered.safetensors", { ...tensors, "layers.1.weight": tampered }, metadata);
    const found = await failure("certify", trained, "tampered.safetensors");
    expect(found).toMatchObject({ sameFunction: false, sameOrbit: false });
    expect(JSON.stringify(found.firstDifference)).toContain("layers.1");
    const { stdout } = await orbifold(folder.path, "certify", trained, "tampered.safetensors");
    expect(stdout).toMatch(/NOT the same function.*\n.*layers\.1/);
  });

  it("takes weights that differ by a rounding for one function", async () => {
    const { tensors, metadata } = await tensorsIn(trained);
    const entries = Object.entries(tensors).map(([name, { shape, data }]) => {
      const rounded = Float32Array.from(data as Float32Array, (x) => Math.fround(Math.fround(x * 0.7) / 0.7));
      return [name, tensor("float32", shape, rounded)] as const;
    });
    rewrite("rounded.safetensors", Object.fromEntries(entries), metadata);
    const found = await json("certify", trained, "rounded.safetensors");
    expect(found).toMatchObject({ sameFunction: true, sameOrbit: true });
    expect(found.maxRelative).toBeGreaterThan(1e-12);
  });

  it("says through which element one file becomes the other", async () => {
    await json("orbit", trained, "-o", "moved.safetensors", "--spread", "1", "--seed", "9");
    const { element } = await json("certify", trained, "moved.safetensors", "--group");
    const [before, after] = [await tensorsIn(trained), await tensorsIn("moved.safetensors")];
    const [x, y] = [before, after].map(({ tensors }) => toNumbers(tensors["layers.0.bias"] as Tensor));
    const [{ units }] = element.permutations;
    expect([...(y as Float64Array)]).toEqual(units.map((unit: number) => x?.[unit]));
    expect(units.toSorted((a: number, b: number) => a - b)).toEqual(units.map((_: number, i: number) => i));
  });

  it("compares an ONNX file with a checkpoint of its weights", async () => {
    const graph = roundTripFile("block-dynamo.onnx");
    const found = await failure("certify", graph, roundTripFile("block.pt"), "--graph", graph);
    expect(found).toMatchObject({ sameFunction: false, sameOrbit: false });
  });

  it("tries data, too, where it is given", async () => {
    await json("orbit", trained, "-o", "twin.safetensors");
    const words = ["--data", "digits", "--samples", "20", "--probes", "3"];
    expect(await json("certify", trained, "twin.safetensors", ...words)).toMatchObject({ probes: 23 });
  });
});

describe("what is written", () => {
  it("computes what PyTorch computed with the original, external data included", async () => {
    await json("canonicalize", "external.onnx", "-o", "patched.onnx");
    await json("orbit", torchFile("residual-dynamo-18"), "-o", "residual.onnx", "--seed", "5");
    const cases = JSON.parse(readFileSync(torchFile("../torch/cases").replace(/onnx$/, "json"), "utf8"));
    for (const [file, name] of [
      ["patched.onnx", "mlp"],
      ["residual.onnx", "residual"],
    ] as const) {
      const loadExternal = (location: string, offset: number, length: number) =>
        new Uint8Array(bytes(location).subarray(offset, offset + length));
      const { network, parameters } = networkFromOnnx(new Uint8Array(bytes(file)), file, { loadExternal });
      const { x, y } = cases[name];
      const found = await outputOf(network, parameters, fromNumbers("float32", x.data, x.shape));
      // As for the exports themselves: the exporters fold some products of weights in float32.
      expect(Math.max(...found.map((value, i) => Math.abs(value - y.data[i])))).toBeLessThan(1e-5);
    }
    expect(contentsOf(folder.path)).toContain("patched.onnx.data");
    expect(bytes("patched.onnx.data").length).toBe(bytes("weights.bin").length);
  });

  it("leaves the original as it is", async () => {
    const originals = ["external.onnx", "weights.bin", "wrapped.safetensors"].map(
      (name) => [name, bytes(name)] as const,
    );
    await json("orbit", "external.onnx", "-o", "copy.onnx");
    await json("orbit", "wrapped.safetensors", "-o", "copy.npz", "--graph", roundTripFile("block-tracing.onnx"));
    for (const [name, before] of originals) expect(bytes(name)).toEqual(before);
  });

  it("keeps names, types, metadata, and what is no part of the network", async () => {
    const { tensors, metadata } = await tensorsIn(trained);
    const more = { step: fromNumbers("int64", [2 ** 40], []), "ema.rate": fromNumbers("bfloat16", [0.5, 3]) };
    rewrite("more.safetensors", { ...tensors, ...more }, { ...metadata, note: "kept" });
    await json("canonicalize", "more.safetensors", "-o", "more-canonical.safetensors");
    const after = await tensorsIn("more-canonical.safetensors");
    expect(after.metadata).toEqual({ ...metadata, note: "kept" });
    expect(after.tensors).toMatchObject(more);
    expect(Object.keys(after.tensors).sort()).toEqual([...Object.keys(tensors), ...Object.keys(more)].sort());
    const { stdout } = await orbifold(folder.path, "hash", "more.safetensors");
    expect(stdout).toContain("not part of the network: ");

    const [graph, file] = [roundTripFile("block-tracing.onnx"), "half-canonical.safetensors"];
    await json("canonicalize", "half.safetensors", "--graph", graph, "-o", file);
    const half = Object.values((await tensorsIn(file)).tensors);
    expect(new Set(half.map(({ dtype }) => dtype))).toEqual(new Set(["float16"]));
    await json("canonicalize", "wrapped.safetensors", "--graph", graph, "-o", "wrapped-canonical.safetensors");
    const [wrapped, was] = [await tensorsIn("wrapped-canonical.safetensors"), await tensorsIn("wrapped.safetensors")];
    expect(Object.keys(wrapped.tensors)).toEqual(Object.keys(was.tensors));
  });

  it("has a tied tensor under each of its names", async () => {
    await json("orbit", roundTripFile("gpt2.pt"), "--heads", "2", "-o", "tied.safetensors");
    const { tensors } = await tensorsIn("tied.safetensors");
    expect(tensors["lm_head.weight"]).toEqual(tensors["transformer.wte.weight"]);
    await using original = await openWeights(roundTripFile("gpt2.pt"), { layout: { heads: 2 } });
    expect(tensors["lm_head.weight"]).not.toEqual((await original.read())["wte.weight"]);

    // The ties of a file that does not tell them.
    rewrite("untold.safetensors", tensors);
    await json("orbit", "untold.safetensors", "--heads", "2", "-o", "untold-orbit.safetensors", "--seed", "2");
    const { tensors: untold } = await tensorsIn("untold-orbit.safetensors");
    expect(untold["lm_head.weight"]).toEqual(untold["transformer.wte.weight"]);
  });

  it("is nothing where the certificate fails", async () => {
    const before = contentsOf(folder.path);
    const words = [trained, "-o", "fails.safetensors", "--tolerance", "1e-30"];
    expect(await failure("canonicalize", ...words)).toMatchObject({ output: null, certificate: { ok: false } });
    const { status, stdout } = await orbifold(folder.path, "orbit", ...words);
    expect(status).toBe(1);
    expect(stdout).toMatch(/NOT the same function(.|\n)*nothing written\n$/);
    expect(contentsOf(folder.path)).toEqual(before);
  });

  it("replaces no file without --force, and its own input never", async () => {
    const link = join(folder.path, "link.safetensors");
    symlinkSync(join(folder.path, trained), link);
    writeFileSync(join(folder.path, "there.safetensors"), "precious");
    writeFileSync(join(folder.path, "beside.onnx.data"), "precious");
    const before = bytes(trained);
    expect(await line("orbit", trained, "-o", "there.safetensors")).toMatch(/^there.safetensors: already exists; /);
    expect(bytes("there.safetensors").toString()).toBe("precious");
    await json("orbit", trained, "-o", "there.safetensors", "--force");
    expect(bytes("there.safetensors").length).toBe(before.length);
    for (const output of [trained, `./${trained}`, "link.safetensors"]) {
      const told = await line("canonicalize", trained, "-o", output, "--force");
      expect(told).toContain(`${output}: expected another file than the input; choose another -o`);
    }
    expect(bytes(trained)).toEqual(before);
    expect(await line("orbit", "external.onnx", "-o", "beside.onnx")).toMatch(/^beside.onnx.data: already exists; /);
    expect(contentsOf(folder.path)).not.toContain("beside.onnx");
  });

  it("never takes the place of the external data it is made from", async () => {
    const { model, data } = { model: bytes("external.onnx"), data: bytes("weights.bin") };
    const renamed = Buffer.from(model.toString("latin1").replaceAll("weights.bin", "new.on.data"), "latin1");
    mkdirSync(join(folder.path, "own"));
    writeFileSync(join(folder.path, "own", "old.onnx"), renamed);
    writeFileSync(join(folder.path, "own", "new.on.data"), data);
    symlinkSync("new.on.data", join(folder.path, "own", "new.onnx.data"));
    const told = await line("orbit", "own/old.onnx", "-o", "own/new.onnx", "--force");
    expect(told).toBe("own/new.onnx.data: expected another file than the input; choose another -o\n");
    expect(bytes("own/new.on.data")).toEqual(data);
  });
});

/** What is said of wrong input. */
async function line(...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^orbifold: [^\n]*\n$/);
  return stderr.slice("orbifold: ".length);
}

describe("a graph that is not that of the weights", () => {
  const block = roundTripFile("block.pt");

  it("is told in one line", async () => {
    const weights = Object.fromEntries(await blockWeights());
    const { "head.bias": _, "out.weight": out, "norm1.weight": norm, ...rest } = weights;
    const turned = tensor("float32", [24, 8].toReversed(), (rest["qkv.weight"] as Tensor<"float32">).data);
    rewrite("bad.safetensors", {
      ...rest,
      strange: out as Tensor,
      "norm1.weight": fromNumbers("float32", [1, 2]),
      "head.weight": tensor("float32", [8, 3], (rest["head.weight"] as Tensor<"float32">).data),
    });
    const graph = roundTripFile("block-tracing.onnx");
    const told = await line("hash", "bad.safetensors", "--graph", graph);
    for (const part of [
      'missing "head.bias"',
      '"head.weight" is stored [8, 3], the graph wants [3, 8]: transposed',
      '"norm1.weight" is stored [2], the graph wants [8]',
    ]) {
      expect(told).toContain(part);
    }
    rewrite("turned.safetensors", { ...weights, "qkv.weight": turned });
    expect(await line("hash", "turned.safetensors", "--graph", graph)).toContain('"qkv.weight" is stored [8, 24]');
    expect(toNumbers(norm as Tensor).length).toBe(8);
  });

  it("because the exporter folded batch norm into it", async () => {
    const told = await line("hash", roundTripFile("resnet18.pt"), "--graph", torchFile("residual-dynamo-20"));
    expect(told).toMatch(/missing .*; export the graph with training=TrainingMode.PRESERVE/);
  });

  it.each(["block-tracing-17", "block-dynamo-20"])(
    "because the exporter merged weights that were equal: %s",
    async (graph) => {
      const told = await line("canonicalize", block, "--graph", torchFile(graph), "-o", "merged.safetensors");
      expect(told).toMatch(/block.pt, tensor "norm2.weight": expected the numbers of "norm1.weight", .* got others/);
    },
  );
});

describe("weights that a graph holds transposed under other names", () => {
  it.each([
    ["block-tracing", "onnx::MatMul_116"],
    ["block-dynamo", "val_3"],
  ])("are matched by the layers they stand in: %s", async (graph, name) => {
    const words = [roundTripFile("block.pt"), "--graph", roundTripFile(`${graph}.onnx`)];
    const { assumptions } = await json("orbit", ...words, "-o", `${graph}.safetensors`);
    expect(assumptions[0]).toBe(`the graph's ${name} is qkv.weight transposed`);
    expect(assumptions.length).toBe(4);
    const { stdout } = await orbifold(folder.path, "hash", ...words);
    expect(stdout).toContain(`assumed: the graph's ${name} is qkv.weight transposed\n`);
  });
});
