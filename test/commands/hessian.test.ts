import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digitsDataset } from "../../src/data/index.ts";
import { encodeModelFile, initializeParameters, mlp } from "../../src/nets/index.ts";
import { nativeEngine, writeFileAtomically } from "../../src/node/index.ts";
import { fromNumbers, rngKey } from "../../src/tensor/index.ts";
import { curvatureOf, symmetricEigenvalues } from "../../src/train/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const shape = { input: [1, 8, 8], widths: [8], outputs: 10 };
const tanh = mlp({ ...shape, activation: "tanh" });
const parameters = initializeParameters(tanh, rngKey(0));
const broken = { ...parameters, "layers.1.bias": fromNumbers("float32", [3e38, -3e38, ...new Array(8).fill(0)], [10]) };
const files = {
  "tanh.safetensors": [tanh, parameters],
  "relu.safetensors": [mlp(shape), parameters],
  "sign.safetensors": [mlp({ ...shape, activation: "sign" }), parameters],
  "wide.safetensors": [
    mlp({ ...shape, widths: [64] }),
    initializeParameters(mlp({ ...shape, widths: [64] }), rngKey(0)),
  ],
  "large.safetensors": [
    mlp({ ...shape, widths: [4096] }),
    initializeParameters(mlp({ ...shape, widths: [4096] }), rngKey(0)),
  ],
  "broken.safetensors": [tanh, broken],
} as const;

beforeAll(async () => {
  for (const [name, [network, weights]] of Object.entries(files)) {
    await writeFileAtomically(join(folder.path, name), encodeModelFile(network, weights));
  }
});

const samples = ["--data", "digits", "--samples", "150", "--threads", "1"];

async function json(model: string, ...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, "hessian", model, ...samples, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** The spectrum from the second-order module, ascending. */
async function truth() {
  const { train, ...rest } = await digitsDataset();
  const first = (value: typeof train.inputs) => ({
    ...value,
    shape: [150, ...value.shape.slice(1)],
    data: value.data.subarray(0, (150 * value.data.length) / (value.shape[0] as number)) as never,
  });
  const split = { inputs: first(train.inputs), targets: first(train.targets) };
  await using engine = await nativeEngine({ threads: 1 });
  await using curvature = await curvatureOf(tanh, { ...rest, train: split }, { engine });
  const [at] = await curvature.curvatures([curvature.flatten(parameters)]);
  const { hessian, loss, gradient } = at as NonNullable<typeof at>;
  const eigenvalues = symmetricEigenvalues(hessian, curvature.size);
  return { eigenvalues, loss, gradientNorm: Math.hypot(...gradient), trace: eigenvalues.reduce((sum, x) => sum + x) };
}

type Pair = { value: number; residual: number };
const valuesIn = ({ eigenvalues }: { eigenvalues: Pair[] }) => eigenvalues.map(({ value }) => value);

describe("orbifold hessian", () => {
  it("finds the eigenvalues, trace and gradient norm of the dense matrix", async () => {
    const dense = await truth();
    const n = dense.eigenvalues.length;
    const full = await json("tanh.safetensors", "--full");
    expect(full).toMatchObject({ parameters: n, samples: 150, split: "train", seed: 0, dtype: "float64", kinks: [] });
    for (const [i, value] of valuesIn(full).entries())
      expect(value).toBeCloseTo(dense.eigenvalues[n - 1 - i] as number, 9);
    expect(full.trace.value).toBeCloseTo(dense.trace, 9);
    expect(full.trace.standardError).toBe(0);
    expect(full.gradientNorm).toBeCloseTo(dense.gradientNorm, 9);
    expect(full.index.negative + full.index.zero + full.index.positive).toBe(n);

    const top = await json("tanh.safetensors", "--top", "6", "--which", "both");
    expect(top).toMatchObject({ which: "both", converged: true, dtype: "float32" });
    const ends = [n - 1, n - 2, n - 3, 2, 1, 0].map((i) => dense.eigenvalues[i] as number);
    for (const [i, { value, residual }] of (top.eigenvalues as Pair[]).entries()) {
      expect(Math.abs(value - (ends[i] as number))).toBeLessThan(1e-5);
      expect(residual).toBeLessThanOrEqual(top.bound);
    }
    expect(top.loss).toBeCloseTo(dense.loss, 5);
    expect(top.gradientNorm).toBeCloseTo(dense.gradientNorm, 5);

    const { density, trace, shares } = await json("tanh.safetensors", "--density", "--probes", "8", "--seed", "3");
    for (const one of [top.trace, trace, (await json("tanh.safetensors", "--trace", "hutch++")).trace]) {
      expect(Math.abs(one.value - dense.trace)).toBeLessThan(5 * one.standardError);
    }
    const step = density.grid[1] - density.grid[0];
    expect(step * density.density.reduce((sum: number, x: number) => sum + x, 0)).toBeCloseTo(1, 6);
    expect(density).toMatchObject({ steps: 64, probes: expect.any(Array) });
    expect(density.probes.length).toBe(8);
    const above = dense.eigenvalues.filter((x) => x > shares.beyond).length / n;
    expect(Math.abs(shares.positive.value - above)).toBeLessThan(0.05);
  });

  it("is the same for the same seed", async () => {
    const words = ["--top", "2", "--probes", "3"];
    const found = await json("tanh.safetensors", ...words);
    expect(await json("tanh.safetensors", ...words)).toEqual(found);
    expect((await json("tanh.safetensors", ...words, "--seed", "1")).trace).not.toEqual(found.trace);
  });

  it("holds the other tensors fixed", async () => {
    const { parameters: count, eigenvalues } = await json("tanh.safetensors", "--full", "--only", "layers.1.bias");
    expect(count).toBe(10);
    // Logits may all be shifted alike.
    expect(Math.abs(eigenvalues.at(-1).value)).toBeLessThan(1e-12);
  });

  it("draws what it found, and replaces no file", async () => {
    for (const [name, words] of [
      ["top.svg", ["--top", "3"]],
      ["full.svg", ["--full", "--only", "layers.1.bias"]],
      ["density.svg", ["--density", "--probes", "2", "--steps", "8"]],
    ] as const) {
      expect(await json("tanh.safetensors", ...words, "-o", name)).toMatchObject({ figure: name });
      expect(readFileSync(join(folder.path, name), "utf8")).toMatch(/^<svg .*eigenvalue.*<\/svg>\n$/is);
    }
    const again = await orbifold(folder.path, "hessian", "tanh.safetensors", ...samples, "-o", "top.svg");
    expect(again).toMatchObject({ status: 2, stdout: "" });
  });

  it("says in words what it found, and that a piecewise linear network has kinks", async () => {
    const { status, stdout } = await orbifold(folder.path, "hessian", "relu.safetensors", ...samples, "--top", "2");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^train cross-entropy in nats on digits, 150 samples; 610 parameters, float32\nloss /);
    expect(stdout).toMatch(/^1 +\d+\.\d+ +\d\.\d\de-\d$/m);
    expect(stdout).toMatch(/all residuals within \d\.\d\de-\d, after \d+ products/);
    expect(stdout).toMatch(/piecewise smooth \(Relu\)/);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("exits with 1 where residuals are not within the bound", async () => {
    const words = ["--top", "3", "--products", "4", "--json"];
    const { status, stdout } = await orbifold(folder.path, "hessian", "tanh.safetensors", ...samples, ...words);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ converged: false, eigenvalues: expect.any(Array) });
  });

  it.each([
    ["tanh.safetensors", ["--top", "611"], /expected 1 to 610 eigenvalues of a matrix with 610 rows, got 611$/],
    [
      "tanh.safetensors",
      ["--density", "--probes", "1e9"],
      /--probes: expected a whole number from 2 to 10000, got "1e9"$/,
    ],
    [
      "tanh.safetensors",
      ["--density", "--steps", "1e9"],
      /--steps: expected a whole number from 1 to 1000, got "1e9"$/,
    ],
    ["tanh.safetensors", ["-o", "top.png"], /--out: expected a name that ends in .svg, got "top.png"$/],
    [
      "large.safetensors",
      ["--top", "2000"],
      /--top: expected at most 1,\d+ eigenvalues of \d+,\d+ parameters, got 2,000; /,
    ],
    ["wide.safetensors", ["--full"], /expected at most 4096 parameters for all eigenvalues, got 4810; .*--top/],
    ["sign.safetensors", [], /expected a network that can be differentiated twice, got one with a derivative/],
    ["broken.safetensors", [], /hessian: expected a finite loss, got (NaN|Infinity); /],
    ["tanh.safetensors", ["--full", "--density"], /--density: expected one of --top, --full and --density/],
    ["tanh.safetensors", ["--density", "--which", "both"], /--which: expected no such option with --density/],
    ["tanh.safetensors", ["--full", "--probes", "5"], /--probes: expected no such option with --full; leave it out/],
    ["tanh.safetensors", ["--full", "--dtype", "float32"], /--dtype: expected float64 for the full spectrum/],
    ["tanh.safetensors", ["--only", "layers.2.weight"], /expected trained parameters, got "layers.2.weight"; did you/],
    ["tanh.safetensors", ["--samples", "0"], /--samples: expected a whole number from 1/],
  ])("refuses %s %j in one line", async (model, words, message) => {
    const before = contentsOf(folder.path);
    const { status, stdout, stderr } = await orbifold(folder.path, "hessian", model, ...samples, ...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd()).not.toContain("\n");
    expect(contentsOf(folder.path)).toEqual(before);
  });
});
