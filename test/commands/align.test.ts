import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Sidecar, writeSidecar } from "../../src/cli/sidecar.ts";
import { encodeModelFile, gpt2, initializeParameters, mlp, type Network } from "../../src/nets/index.ts";
import { writeFileAtomically } from "../../src/node/index.ts";
import { convert, fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../src/tensor/index.ts";
import { roundTripFile } from "../golden/round-trip/written.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import { readSafetensors, torchFile, writeSafetensors } from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const [a, b] = [0, 1].map((seed) => `out/mlp-seed${seed}.safetensors`) as [string, string];
const out = "b-like-a.safetensors";
const sidecarOf = (output: string) => JSON.parse(bytes(`${output}.json`).toString());
const bytes = (name: string) => readFileSync(join(folder.path, name));
const tensorsIn = (name: string) => readSafetensors(join(folder.path, name));

const shape = { input: [64], outputs: 10 };
const language = { context: 4, width: 8, depth: 1, heads: 2 };
const networks: Readonly<Record<string, readonly [network: Network, seed: number]>> = {
  "small-a.safetensors": [mlp({ input: [7], widths: [5], outputs: 3 }), 0],
  "small-b.safetensors": [mlp({ input: [7], widths: [5], outputs: 3 }), 1],
  "wider.safetensors": [mlp({ ...shape, widths: [24, 25] }), 0],
  "tanh.safetensors": [mlp({ input: [1, 8, 8], outputs: 10, widths: [24, 24], activation: "tanh" }), 0],
  "words-7.safetensors": [gpt2({ ...language, vocabulary: 7 }), 0],
  "words-8.safetensors": [gpt2({ ...language, vocabulary: 8 }), 1],
};

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** The words after `orbifold: ` of a command that refuses its input, and leaves the folder as it was. */
async function refusal(...words: readonly string[]): Promise<string> {
  const before = contentsOf(folder.path);
  const { status, stdout, stderr } = await orbifold(folder.path, ...words);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^orbifold: .*\n$/);
  expect(contentsOf(folder.path)).toEqual(before);
  return stderr.trim().slice("orbifold: ".length);
}

let aligned: Record<string, unknown> & { objective: { before: number; after: number; bound: number } };

beforeAll(async () => {
  await json("train", "mlp", "--data", "digits", "--widths", "24,24", "--epochs", "8", "--count", "2", "-o", "out");
  for (const [name, [network, seed]] of Object.entries(networks)) {
    const file = encodeModelFile(network, initializeParameters(network, rngKey(seed)));
    await writeFileAtomically(join(folder.path, name), file);
  }
  const { tensors, metadata } = await tensorsIn(a);
  const rewritten = (name: string, change: (tensor: Tensor, name: string) => Tensor) => {
    const changed = Object.entries(tensors).map(([each, tensor]) => [each, change(tensor, each)] as const);
    writeSafetensors(join(folder.path, name), Object.fromEntries(changed), metadata);
  };
  rewritten("half.safetensors", (tensor) => convert(tensor, "float16"));
  rewritten("noisy.safetensors", (tensor, name) => noisy(tensor, name, 0.02));
  rewritten("nan.safetensors", (tensor) => mapped(tensor, (x, i) => (i === 3 ? Number.NaN : x)));
  rewritten("infinite.safetensors", (tensor) => mapped(tensor, (x, i) => (i === 3 ? Number.POSITIVE_INFINITY : x)));
  const { "layers.1.weight": _, ...fewer } = tensors;
  writeSafetensors(join(folder.path, "fewer.safetensors"), fewer, metadata);
  aligned = await json("align", a, b, "-o", out);
});

function mapped({ shape, data }: Tensor, change: (x: number, i: number) => number): Tensor {
  return fromNumbers("float32", Array.from(data as Float32Array, change), shape);
}

function noisy(tensor: Tensor, name: string, deviation: number): Tensor {
  const { data } = normal(fold(rngKey(5), name), tensor.shape);
  return mapped(tensor, (x, i) => x + deviation * (data[i] as number));
}

/** The sum of products over the tensors of two files. */
async function product(one: string, other: string): Promise<number> {
  const [{ tensors: x }, { tensors: y }] = [await tensorsIn(one), await tensorsIn(other)];
  return Object.keys(x).reduce((sum, name) => sum + dot(x[name] as Tensor, y[name] as Tensor), 0);
}

function dot(x: Tensor, y: Tensor): number {
  const numbers = toNumbers(y);
  return toNumbers(x).reduce((sum, each, i) => sum + each * (numbers[i] as number), 0);
}

async function chord(one: string, other: string): Promise<number> {
  return Math.sqrt((await product(one, one)) + (await product(other, other)) - 2 * (await product(one, other)));
}

describe("align", () => {
  it("says what it did, as the files tell", async () => {
    const count = { size: 24, copies: 1, gap: expect.any(Number) };
    expect(aligned).toMatchObject({
      output: out,
      sidecar: `${out}.json`,
      certificate: { ok: true, maxRelative: expect.any(Number), tolerance: expect.any(Number) },
      seconds: expect.any(Number),
      classes: [
        { name: "layers.0", ...count },
        { name: "layers.1", ...count },
      ],
    });
    const { before, after, bound } = aligned.objective;
    expect((await product(a, out)) - (await product(a, b))).toBeCloseTo(after - before, 5);
    expect(after).toBeGreaterThan(before);
    expect(bound).toBeGreaterThan(after);
    const [{ tensors: x }, { tensors: y }, { tensors: z }] = [
      await tensorsIn(a),
      await tensorsIn(b),
      await tensorsIn(out),
    ];
    const [first] = aligned.classes as [{ moved: number; cosineBefore: number; cosineAfter: number }];
    const own = ["layers.0.weight", "layers.0.bias", "layers.1.weight"];
    const sum = (p: typeof x, q: typeof x) =>
      own.reduce((total, name) => total + dot(p[name] as Tensor, q[name] as Tensor), 0);
    expect(first.cosineBefore).toBeCloseTo(sum(x, y) / Math.sqrt(sum(x, x) * sum(y, y)), 6);
    expect(first.cosineAfter).toBeCloseTo(sum(x, z) / Math.sqrt(sum(x, x) * sum(z, z)), 6);
    const [old, bias] = [y, z].map((each) => toNumbers(each["layers.0.bias"] as Tensor)) as [
      Float64Array,
      Float64Array,
    ];
    expect(first.moved).toBe(bias.filter((value, i) => value !== old[i]).length);
    expect(bias.toSorted()).toEqual(old.toSorted());
    expect(await json("certify", b, out)).toMatchObject({ sameFunction: true, sameOrbit: true });
  });

  it("finds the best of all orders of a layer", async () => {
    const { objective } = await json("align", "small-a.safetensors", "small-b.safetensors", "-o", "small.safetensors");
    const [{ tensors: x }, { tensors: y }] = [
      await tensorsIn("small-a.safetensors"),
      await tensorsIn("small-b.safetensors"),
    ];
    const gain = (i: number, j: number) => {
      const [p, q] = [x, y].map((each) => Object.values(each).map((tensor) => toNumbers(tensor)));
      const [bias, weight] = [Object.keys(x).indexOf("layers.0.bias"), Object.keys(x).indexOf("layers.0.weight")];
      const read = Object.keys(x).indexOf("layers.1.weight");
      const at = (of: Float64Array[] | undefined, tensor: number, entry: number) => of?.[tensor]?.[entry] as number;
      let sum = at(p, bias, i) * at(q, bias, j);
      for (let k = 0; k < 7; k++) sum += at(p, weight, 7 * i + k) * at(q, weight, 7 * j + k);
      for (let k = 0; k < 3; k++) sum += at(p, read, 5 * k + i) * at(q, read, 5 * k + j);
      return sum;
    };
    const totals = orders([0, 1, 2, 3, 4]).map((units) => units.reduce((sum, j, i) => sum + gain(i, j), 0));
    const asStored = totals[0] as number;
    expect(objective.after - objective.before).toBeCloseTo(Math.max(...totals) - asStored, 5);
  });

  it.each([
    ["a checkpoint", a, "safetensors", []],
    ["a checkpoint, greedily", a, "safetensors", ["--method", "greedy"]],
    ["a checkpoint, by activations", a, "safetensors", ["--method", "activations", "--data", "digits"]],
    ["an ONNX file", torchFile("residual-tracing-17"), "onnx", []],
  ] as const)("brings a renumbered copy of %s back to the bytes of the original", async (name, path, ending, words) => {
    const [copy, back] = ["copy", "back"].map((each) => `${each} of ${name}.${ending}`) as [string, string];
    await json("orbit", path, "-o", copy, "--spread", "1", "--seed", "4");
    const original = path === a ? bytes(a) : readFileSync(path);
    expect(bytes(copy)).not.toEqual(original);
    const { classes, starts } = await json("align", path, copy, "-o", back, ...words);
    expect(bytes(back)).toEqual(original);
    expect(starts.length).toBe(words.length > 0 ? 0 : 2);
    for (const { cosineAfter } of classes) expect(cosineAfter).toBeCloseTo(1, 6);
  });

  it("writes the same bytes for the same inputs and seed, and tries as many starts as it is told", async () => {
    cpSync(join(folder.path, "out"), join(folder.path, "elsewhere", "out"), { recursive: true });
    for (const words of [[], ["--force", "--threads", "1"]]) {
      const { status } = await orbifold(join(folder.path, "elsewhere"), "align", a, b, "-o", out, ...words);
      expect(status).toBe(0);
      for (const file of [out, `${out}.json`]) expect(bytes(join("elsewhere", file))).toEqual(bytes(file));
    }
    const { starts } = await json("align", a, b, "-o", "five.safetensors", "--restarts", "5", "--seed", "3");
    expect(starts.map(({ start }: { start: string }) => start)).toEqual([
      "fingerprint",
      "identity",
      "random",
      "random",
      "random",
    ]);
    expect(sidecarOf("five.safetensors")).toMatchObject({ seed: 3, restarts: 5, method: "weights" });
  });

  it("writes neither output nor sidecar where the certificate fails", async () => {
    const words = ["align", a, b, "-o", "never.safetensors", "--tolerance", "1e-300", "--json"];
    const { status, stdout } = await orbifold(folder.path, ...words);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ output: null, sidecar: null, certificate: { ok: false } });
    expect(contentsOf(folder.path).filter((name) => /never|tmp/.test(name))).toEqual([]);
  });

  it("keeps the old sidecar where the output cannot be written", async () => {
    using own = temporaryFolder();
    const path = join(own.path, "x.json");
    const failing = () =>
      writeSidecar(path, sidecarOf(out) as Sidecar, {
        force: true,
        writeOutput: () => Promise.reject(new Error("the disk is full")),
      });
    await expect(failing()).rejects.toThrow("the disk is full");
    expect(contentsOf(own.path)).toEqual([]);
    writeFileSync(path, "old");
    await expect(failing()).rejects.toThrow("the disk is full");
    expect(contentsOf(own.path)).toEqual(["x.json"]);
    expect(readFileSync(path, "utf8")).toBe("old");
  });

  it("draws cosines before and after, with their numbers beside", async () => {
    const words = ["align", a, b, "-o", "drawn.safetensors", "--figures", "figures"];
    const { figures, classes } = await json(...words);
    const names = ["cosines", "units-layers.0", "units-layers.1"];
    expect(figures).toEqual(names.map((name) => join("figures", `${name}.svg`)));
    for (const name of names) expect(bytes(join("figures", `${name}.svg`)).toString()).toMatch(/^<svg .*<\/svg>\s*$/s);
    const read = (name: string) => JSON.parse(bytes(join("figures", `${name}.json`)).toString());
    const [{ tensors: x }, { tensors: y }, { tensors: z }] = [
      await tensorsIn(a),
      await tensorsIn(b),
      await tensorsIn("drawn.safetensors"),
    ];
    const cosine = (p: Tensor, q: Tensor) => dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q));
    for (const { tensor, cosine: before, matchedCosine } of read("cosines").layers) {
      const [p, q, r] = [x, y, z].map((each) => each[tensor]) as [Tensor, Tensor, Tensor];
      expect(before).toBeCloseTo(cosine(p, q), 6);
      expect(matchedCosine).toBeCloseTo(cosine(p, r), 6);
    }
    const { size, before, after } = read("units-layers.0");
    expect([size, before.length, after.length]).toEqual([24, 24 ** 2, 24 ** 2]);
    const trace = (cells: readonly number[]) => cells.reduce((sum, cell, i) => sum + (i % 25 === 0 ? cell : 0), 0) / 24;
    expect(trace(after)).toBeGreaterThan(trace(before));
    expect(classes[0].cosineAfter).toBeGreaterThan(classes[0].cosineBefore);
    expect(await refusal(...words.with(4, "drawn-too.safetensors"))).toMatch(/^figures\/cosines\.svg: already exists/);
  });

  it("is a table for a person", async () => {
    const { status, stdout, stderr } = await orbifold(folder.path, "align", a, b, "-o", "shown.safetensors");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^layers\.1 +24 +\d+ +-?\d\.\d{3} +\d\.\d{3}$/m);
    expect(stdout).toMatch(/^inner product \S+ -> \S+, at most \S+, in \d+\.\d s$/m);
    expect(stdout).toMatch(/^certificate: same function, .*\nwritten to shown\.safetensors\n$/m);
  });
});

/** All orders of a list, the one that it has first. */
function orders(list: readonly number[]): number[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((first) => orders(list.filter((each) => each !== first)).map((rest) => [first, ...rest]));
}

it("gives units their scales back, so that replay does", async () => {
  await json("orbit", a, "-o", "rescaled.safetensors", "--seed", "6");
  const found = await json("align", a, "rescaled.safetensors", "-o", "unscaled.safetensors", "--scales");
  expect(found.certificate.ok).toBe(true);
  const [before, after] = await Promise.all([a, "unscaled.safetensors"].map(tensorsIn));
  for (const [name, tensor] of Object.entries(before?.tensors ?? {})) {
    const restored = toNumbers(after?.tensors[name] as Tensor);
    for (const [i, x] of toNumbers(tensor).entries()) expect(restored[i]).toBeCloseTo(x, 5);
  }
  await json("replay", "unscaled.safetensors.json", "-o", "unscaled-again.safetensors");
  expect(bytes("unscaled-again.safetensors")).toEqual(bytes("unscaled.safetensors"));
  expect(await refusal("align", a, b, "-o", "x.npz", "--scales", "--rotations")).toMatch(/^--scales: expected either/);
  expect(await refusal("align", a, b, "-o", "x.npz", "--scales", "--method", "greedy")).toMatch(
    /^--scales: expected the/,
  );
});

describe("replay", () => {
  it("writes the same bytes again, from any folder, and without the first checkpoint", async () => {
    await json("replay", `${out}.json`, "-o", "again.safetensors");
    expect(bytes("again.safetensors")).toEqual(bytes(out));
    mkdirSync(join(folder.path, "moved", "here"), { recursive: true });
    mkdirSync(join(folder.path, "moved", "out"));
    cpSync(join(folder.path, b), join(folder.path, "moved", b));
    cpSync(join(folder.path, `${out}.json`), join(folder.path, "moved", `${out}.json`));
    const there = await orbifold(join(folder.path, "moved", "here"), "replay", `../${out}.json`);
    expect({ status: there.status, stderr: there.stderr }).toEqual({ status: 0, stderr: "" });
    expect(bytes(join("moved", out))).toEqual(bytes(out));
  });

  it("finds the graph that the weights are for", async () => {
    mkdirSync(join(folder.path, "net"));
    cpSync(roundTripFile("block.pt"), join(folder.path, "net", "block.pt"));
    cpSync(roundTripFile("block-tracing.onnx"), join(folder.path, "net", "block.onnx"));
    const graph = ["--graph", "net/block.onnx"];
    await json("orbit", "net/block.pt", ...graph, "-o", "net/twin.safetensors", "--spread", "1");
    await json("align", "net/block.pt", "net/twin.safetensors", ...graph, "-o", "net/back.safetensors");
    const words = ["replay", "back.safetensors.json", "-o", "again.safetensors"];
    expect(await orbifold(join(folder.path, "net"), ...words)).toMatchObject({ status: 0, stderr: "" });
    expect(bytes("net/again.safetensors")).toEqual(bytes("net/back.safetensors"));
    expect(sidecarOf("net/back.safetensors")).toMatchObject({
      inputs: { a: { path: "block.pt" }, b: { path: "twin.safetensors" } },
      options: { graph: "block.onnx" },
      output: { path: "back.safetensors" },
    });
  });

  const tampered: readonly (readonly [name: string, change: (sidecar: Sidecar) => unknown, message: RegExp])[] = [
    ["one that is no document", () => "{", /expected the sidecar of an alignment, got something else/],
    ["an empty one", () => null, /expected the sidecar of an alignment, got something else/],
    ["one without an element", ({ element: _, ...rest }) => rest, /expected the sidecar of an alignment/],
    [
      "an element of another group",
      (s) => withUnits(s, (units) => units.slice(1)),
      /expected an element of the network/,
    ],
    [
      "one that is no permutation",
      (s) => withUnits(s, (units) => units.with(0, units[1] as number)),
      /expected an element/,
    ],
    ["units that are no list", (s) => withUnits(s, () => null), /expected an element of the network's group/],
    [
      "another permutation",
      (s) => withUnits(s, (units) => units.toReversed()),
      /expected the weights that the alignment/,
    ],
    [
      "scales that are no list",
      (s) => withElement(s, { scales: s.element.scales.map(() => null) }),
      /expected an element/,
    ],
    [
      "a scale of zero",
      (s) => withElement(s, { scales: s.element.scales.map((x) => x.map(() => 0)) }),
      /expected an el/,
    ],
    [
      "other weights",
      (s) => ({ ...s, inputs: { ...s.inputs, b: { ...s.inputs.b, path: a } } }),
      /expected the weights that were/,
    ],
    [
      "weights that are gone",
      (s) => ({ ...s, inputs: { ...s.inputs, b: { ...s.inputs.b, path: "no.npz" } } }),
      /no such file/,
    ],
  ];

  function withElement(sidecar: Sidecar, element: object) {
    return { ...sidecar, element: { ...sidecar.element, ...element } };
  }

  function withUnits(sidecar: Sidecar, change: (units: readonly number[]) => unknown) {
    const [units = [], ...rest] = sidecar.element.permutations;
    return withElement(sidecar, { permutations: [change(units), ...rest] });
  }

  it.each(tampered)("refuses %s", async (name, change, message) => {
    const path = `${name}.json`;
    const changed = change(sidecarOf(out));
    writeFileSync(join(folder.path, path), typeof changed === "string" ? changed : JSON.stringify(changed));
    expect(await refusal("replay", path, "-o", "replayed.safetensors")).toMatch(message);
  });

  it("refuses to replace what is there, and a file that is not", async () => {
    expect(await refusal("replay", `${out}.json`)).toMatch(/b-like-a\.safetensors: already exists; pass --force/);
    expect(await refusal("replay", `${out}.json`, "-o", b, "--force")).toMatch(/expected another file than the input/);
    expect(await refusal("replay", "nowhere.json")).toMatch(/^nowhere\.json: cannot be read: ENOENT/);
  });
});

describe("distance", () => {
  it("is that of the files as stored and as align moves them, and less once aligned", async () => {
    const { raw, aligned, canonical, canonicalAligned } = await json("distance", a, b);
    const parameters = 24 * 65 + 24 * 25 + 10 * 25;
    expect(raw.chord).toBeCloseTo(await chord(a, b), 5);
    expect(raw.perParameter).toBeCloseTo(raw.chord / Math.sqrt(parameters), 10);
    expect(aligned.chord).toBeCloseTo(await chord(a, out), 5);
    expect([raw.geodesic, aligned.geodesic]).toEqual([null, null]);
    for (const each of ["chord", "perParameter", "geodesic"]) {
      expect(canonicalAligned[each]).toBeLessThan(canonical[each]);
    }
    expect(canonical.geodesic).toBeGreaterThan(canonical.chord);
  });

  it("vanishes on the spheres between a network and its twin of other scales", async () => {
    await json("orbit", a, "-o", "twin.safetensors", "--seed", "2");
    const { raw, aligned, canonicalAligned } = await json("distance", a, "twin.safetensors");
    expect(Math.min(raw.chord, aligned.chord)).toBeGreaterThan(1);
    expect(canonicalAligned.chord).toBeLessThan(1e-4);
    const same = await json("distance", a, a);
    for (const each of ["raw", "aligned", "canonical", "canonicalAligned"]) expect(same[each].chord).toBe(0);
  });

  it("puts the last layer on its sphere too, if asked to", async () => {
    const { canonical, raw, scaleOutput } = await json("distance", a, b, "--scale-output");
    const plain = await json("distance", a, b);
    expect([scaleOutput, plain.scaleOutput, raw]).toEqual([true, false, plain.raw]);
    expect(canonical.geodesic).not.toBeCloseTo(plain.canonical.geodesic, 2);
    // Opposite points of all spheres, 24 + 24 of radius 1 and one of radius sqrt(10), are this far apart.
    expect(canonical.geodesic).toBeLessThan(Math.PI * Math.sqrt(24 + 24 + 10));
  });

  it("has no geodesic where no unit can be scaled", async () => {
    const { canonical, raw } = await json("distance", "tanh.safetensors", "tanh.safetensors");
    expect([canonical.chord, raw.chord, raw.geodesic]).toEqual([0, 0, null]);
  });

  it("is a table for a person", async () => {
    const { stdout } = await orbifold(folder.path, "distance", a, b);
    expect(stdout).toMatch(/^on the product of spheres +\d+\.\d+ +0\.\d+ +\d+\.\d+$/m);
    expect(stdout).toMatch(/^as stored +\d+\.\d+ +0\.\d+\s*$/m);
  });
});

describe("diagnose", () => {
  it.each([
    ["different-basins", [b]],
    ["aligned", [out]],
    ["same-ancestor", ["noisy.safetensors"]],
    ["different-basins", ["noisy.safetensors", b, out]],
    ["aligned", ["noisy.safetensors", out]],
  ] as const)("says %s of the first and %j", async (verdict, others) => {
    const found = await json("diagnose", a, ...others);
    expect(found).toMatchObject({ verdict, evidence: { verdict, advice: expect.any(String) } });
    expect(found.pairs.map(({ b }: { b: string }) => b)).toEqual(others);
    const { tensors: x } = await tensorsIn(a);
    const { tensors: y } = await tensorsIn(found.evidence.b);
    const weights = Object.keys(x).filter((name) => name.endsWith("weight"));
    const sum = (p: typeof x, q: typeof x) =>
      weights.reduce((total, name) => total + dot(p[name] as Tensor, q[name] as Tensor), 0);
    expect(found.evidence.cosine).toBeCloseTo(sum(x, y) / Math.sqrt(sum(x, x) * sum(y, y)), 5);
  });

  it("says same-orbit of copies, also of those with other scales", async () => {
    await json("orbit", a, "-o", "numbered.safetensors", "--spread", "1");
    await json("orbit", a, "-o", "scaled.safetensors");
    const { verdict, pairs } = await json("diagnose", a, "numbered.safetensors", "scaled.safetensors");
    expect([verdict, pairs.length]).toEqual(["same-orbit", 2]);
  });

  it("tells a renumbered relative from a stranger, and what chance would give for each layer", async () => {
    await json("orbit", "noisy.safetensors", "-o", "noisy-shuffled.safetensors", "--spread", "1");
    const { verdict, evidence } = await json("diagnose", a, "noisy-shuffled.safetensors");
    expect([verdict, evidence.alignFirst]).toEqual(["same-ancestor", true]);
    expect(evidence.advice).toMatch(/align, then average\.$/);
    expect(Math.abs(evidence.deviations)).toBeLessThan(6);
    expect(evidence.layers.map(({ tensor }: { tensor: string }) => tensor).sort()).toEqual(
      [0, 1, 2].map((layer) => `layers.${layer}.weight`),
    );
    for (const { cosine, matchedCosine, chance } of evidence.layers) {
      expect(Math.abs(cosine - chance.mean)).toBeLessThan(6 * chance.deviation);
      expect(matchedCosine).toBeGreaterThan(0.9);
    }
  });

  it("advises a person", async () => {
    const { stdout } = await orbifold(folder.path, "diagnose", a, b, out);
    expect(stdout).toMatch(/mlp-seed1\.safetensors: different-basins\n.*align them first, and measure the barrier\.\n/);
    expect(stdout).toMatch(/^cosine of the weights -?0\.\d{4}, of units numbered at random -?0\.\d{4} ± 0\.\d{4}: /m);
    expect(stdout).toMatch(/^layers\.1\.weight +-?\d\.\d{3} +-?\d\.\d{3} +\d\.\d{3} +\d\.\d{3}$/m);
    expect(stdout).toMatch(/b-like-a\.safetensors: aligned\n.*measure the barrier\.\n/);
    expect(stdout).not.toMatch(/\n\n$/);
  });
});

describe("wrong input is told in one line", () => {
  const output = ["-o", "new.safetensors"];
  beforeAll(() => writeFileSync(join(folder.path, "busy.npz.json"), "{}"));
  const pairs: readonly (readonly [other: string, message: RegExp])[] = [
    [
      "wider.safetensors",
      /^wider\.safetensors: expected the network of out\/mlp-seed0\.safetensors, got another: they differ/,
    ],
    [
      "tanh.safetensors",
      /^tanh\.safetensors: expected the network of .*, got another: its activation is "tanh", not "relu"; /,
    ],
    ["words-7.safetensors", /^words-7\.safetensors: expected the network of .*, got another: they differ/],
    [
      "half.safetensors",
      /^half\.safetensors, tensor ".*": expected float32 as in the first, got float16; convert both/,
    ],
    ["nan.safetensors", /^nan\.safetensors, tensor ".*": expected numbers, got NaN; /],
    ["infinite.safetensors", /expected finite numbers in the second of both, got NaN or infinity/],
    ["fewer.safetensors", /^fewer\.safetensors: .*layers\.1\.weight/],
    ["nowhere.safetensors", /^nowhere\.safetensors: no such file/],
    ["out", /^out: /],
  ];

  it.concurrent.each(
    pairs.flatMap(([other, message]) =>
      [["align", ...output], ["distance"], ["diagnose"]].map(
        ([command, ...words]) => [command as string, other, words, message] as const,
      ),
    ),
  )("%s with %s", async (command, other, words, message) => {
    expect(await refusal(command, a, other, ...words)).toMatch(message);
  });

  it("diagnose sees it in the last of several before the first is matched", async () => {
    expect(await refusal("diagnose", a, b, out, "wider.safetensors")).toMatch(/^wider\.safetensors: /);
  });

  it("an embedding of another vocabulary", async () => {
    const words = ["words-7.safetensors", "words-8.safetensors"];
    expect(await refusal("align", ...words, ...output)).toMatch(/^words-8\.safetensors: .* differ in "wte\.weight"/);
  });

  it.concurrent.each([
    [["align", a], /^align: expected 2 arguments, got /],
    [["align", a, b], /^--out: is needed; say with -o where to write$/],
    [["align", a, b, ...output, "--restarts", "0"], /^--restarts: expected a whole number from 1 to 1000, got "0"$/],
    [["align", a, b, ...output, "--method", "weight"], /^--method: expected one of .*; did you mean weights\?$/],
    [
      ["align", a, b, ...output, "--method", "greedy", "--restarts", "3"],
      /^--restarts: expected the method weights, ste or sinkhorn, got greedy/,
    ],
    [["align", a, b, ...output, "--seed", "-1"], /^--seed: expected a whole number from 0 .*, got "-1"$/],
    [["align", a, b, "-o", "new.onnx"], /^new\.onnx: expected a name that ends in \.safetensors or \.npz/],
    [["align", a, torchFile("mlp-tracing-17"), ...output], /mlp-tracing-17\.onnx: expected the network of /],
    [["distance", a], /^distance: expected 2 arguments, got /],
    [["diagnose", a], /^diagnose: expected at least 2 arguments, got /],
  ] as const)("%j", async (words, message) => {
    expect(await refusal(...words)).toMatch(message);
  });

  it.concurrent.each([
    ["an output that is there", [out], /^b-like-a\.safetensors: already exists; pass --force or another -o$/],
    ["a sidecar that is there", ["busy.npz"], /^busy\.npz\.json: already exists; pass --force or another -o$/],
    [
      "an output that is the first input",
      [a, "--force"],
      /^out\/mlp-seed0\.safetensors: expected another file than the input/,
    ],
    [
      "an output that is the second input",
      ["nan.safetensors", "--force"],
      /^nan\.safetensors: expected another file than/,
    ],
    ["a folder that is not there", ["no/where/new.npz"], /^no\/where\/new\.npz: its folder does not exist/],
  ] as const)("align sees %s before it reads the weights", async (_, words, message) => {
    expect(await refusal("align", a, "nan.safetensors", "-o", ...words)).toMatch(message);
  });
});
