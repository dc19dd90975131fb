import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Activation, encodeModelFile, initializeParameters, mlp } from "../../src/nets/index.ts";
import { fromNumbers, rngKey } from "../../src/tensor/index.ts";
import { orbifold, temporaryFolder } from "./orbifold.ts";

const fixture = JSON.parse(readFileSync(new URL("../fixtures/toy-teacher.json", import.meta.url), "utf8"));
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

function writeToy(name: string, { w, a }: { readonly w: readonly number[][]; readonly a: readonly number[] }): void {
  const network = mlp({ input: 2, widths: [a.length], outputs: 1, activation: "sigmoid", bias: false });
  const parameters = {
    "layers.0.weight": fromNumbers("float64", w.flat(), [a.length, 2]),
    "layers.1.weight": fromNumbers("float64", a, [1, a.length]),
  };
  writeFileSync(join(folder.path, name), Buffer.concat(encodeModelFile(network, Object.entries(parameters))));
}

function writeRandom(name: string, widths: readonly number[], activation: Activation): void {
  const network = mlp({ input: 2, widths, outputs: 1, activation });
  const parameters = initializeParameters(network, rngKey(1), "float64");
  writeFileSync(join(folder.path, name), Buffer.concat(encodeModelFile(network, Object.entries(parameters))));
}

beforeAll(() => {
  writeToy("width3.safetensors", fixture.width3);
  writeToy("width1.safetensors", { w: [fixture.width1.w], a: [fixture.width1.a] });
  writeToy("random.safetensors", { w: [[0.4, -0.2]], a: [1] });
  writeRandom("relu.safetensors", [3], "relu");
  writeRandom("deep.safetensors", [3, 2], "tanh");
  writeRandom("wide.safetensors", [900], "tanh");
});

const toy = ["--data", "toy", "--threads", "1"];

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, ...toy, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("critical", () => {
  it("replicates in every way, and finds the index that B and C predict", async () => {
    const found = await json("critical", "width3.safetensors", "--to", "4", "--polish", "--splits", "2");
    expect(found).toMatchObject({
      layer: "layers.0",
      from: 3,
      to: 4,
      search: "polish",
      split: "train",
      units: [
        { unit: 0, rank: 0, inputs: 2, outputs: 1, minima: "nowhere" },
        { unit: 1, rank: 0, minima: "nowhere" },
        { unit: 2, rank: 0, minima: "outside", bend: { negative: 2, zero: 0, positive: 0 } },
      ],
      subspaces: { found: "36", all: "36" },
      agreeing: 6,
    });
    expect(found.core.loss).toBeCloseTo(fixture.width3.loss, 15);
    expect(found.core.eigenvalues[0]).toBeCloseTo(fixture.width3.smallestEigenvalue, 8);
    for (const { numberings, gradientNorm, agrees } of found.replicas) {
      expect({ numberings, agrees }).toEqual({ numberings: "12", agrees: true });
      expect(gradientNorm).toBeLessThan(1e-14);
    }
    const even = found.replicas.find(({ shares }: { shares: number[][] }) => shares[0]?.join() === "0.5,0.5");
    expect(even).toMatchObject({ composition: "2,1,1", kind: "saddle", index: { negative: 1, zero: 1, positive: 10 } });
    const { saddle, minimum, degenerate } = found.fractions;
    expect(saddle + minimum + degenerate).toBeCloseTo(1, 12);
  });

  it("takes one composition and its shares, and shows a table", async () => {
    const words = ["critical", "width3.safetensors", "--composition", "1,1,2", "--shares", "1,1,1.5,-0.5", "--polish"];
    const found = await json(...words);
    expect(found.replicas).toMatchObject([{ composition: "1,1,2", kind: "minimum", shares: [[1], [1], [1.5, -0.5]] }]);
    const { status, stdout, stderr } = await orbifold(folder.path, ...words, ...toy);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^ *2 +0 +-1\.825e-3 +-1\.037e-4 +below 0 or above 1$/m);
    expect(stdout).toMatch(/^ *1,1,2 +1\.50 -0\.50 +\d\.\de-\d+ +0 1 11 +0 1 11 +\S+ +minimum$/m);
    expect(stdout).toContain("1 of 1 have the predicted signs; 12 of the G(3, 4) = 36 subspaces");
  });

  it("goes down to a minimum first where it is told to", async () => {
    const found = await json("critical", "random.safetensors", "--to", "2", "--minimize");
    expect(found).toMatchObject({ search: "minimize", from: 1, core: { index: { negative: 0 } }, agreeing: 4 });
    expect(found.core.loss).toBeCloseTo(fixture.width1.loss, 12);
  });

  it("has exit status 1 where Newton's method does not arrive, and says what would", async () => {
    const words = ["critical", "random.safetensors", ...toy, "--to", "2", "--polish"];
    const { status, stdout, stderr } = await orbifold(folder.path, ...words);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(
      /^orbifold: --polish: expected a gradient of at most 1e-10, got to one of .*--minimize.*\n$/,
    );
  });

  it("counts the parameters of the wide network exactly, those of other layers once", async () => {
    // 40 inputs of the second layer read each unit of the first: 3 + 40 weights for each unit more.
    writeRandom("second.safetensors", [2, 40, 40], "tanh");
    const words = ["critical", "second.safetensors", ...toy, "--layer", "0", "--to"];
    const { stderr } = await orbifold(folder.path, ...words, "55", "--composition", "54,1", "--shares", "1");
    expect(stderr).toContain("--shares: expected a share for each copy, 55 in all, got 1");
    const refused = await orbifold(folder.path, ...words, "56", "--composition", "55,1", "--shares", "1");
    expect(refused.stderr).toContain("--to: expected at most 4,096 parameters");
    expect(refused.stderr).toContain("got 4,129; lower it");
  });

  it("has exit status 1 where a threshold makes the prediction fail", async () => {
    // Between the eigenvalues of B and those of the replica, half as large.
    const words = [
      "critical",
      "width1.safetensors",
      "--composition",
      "2",
      "--zero",
      "0.05",
      "--polish",
      "--splits",
      "1",
    ];
    const { status, stdout } = await orbifold(folder.path, ...words, ...toy);
    expect(status).toBe(1);
    expect(stdout).toContain("0 of 1 have the predicted signs");
  });

  it("is in the help, in 80 columns", async () => {
    const { stdout } = await orbifold(folder.path, "critical", "--help");
    expect(stdout).toContain("usage: orbifold critical ");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });
});

describe("wrong input", () => {
  const critical = (...words: readonly string[]) => ["critical", "width3.safetensors", ...toy, ...words];
  it.concurrent.each([
    [
      critical("--to", "4", "--gradient", "1e-14"),
      "width3.safetensors: expected a critical point with a gradient of at most 1e-14, got one of",
    ],
    [critical("--to", "4", "--layer", "fc9"), 'layer "fc9": expected one of 0 (layers.0)'],
    [critical(), "--to: is needed; say how many units the layer shall have, or give a --composition"],
    [critical("--to", "4", "--polish", "--minimize"), "--minimize: expected --polish or --minimize, got both"],
    [critical("--to", "2"), "--to: expected a whole number from 3"],
    [critical("--to", "40"), "--to: expected at most 2000 replicas, got 741 compositions with 4 splits each"],
    [
      critical("--composition", "2,1"),
      "--composition: expected copies of the 3 units of layers.0, 3 in all, got 2 and 3",
    ],
    [critical("--composition", "1,1,1+1"), "no zero-type groups, got 1,1,1+1; units that cancel each other"],
    [
      critical("--composition", "2,1,1", "--shares", "1,1"),
      "--shares: expected a share for each copy, 4 in all, got 2",
    ],
    [critical("--to", "4", "--shares", "1,1,1,0"), "--shares: expected one --composition beside it, got 0"],
    [
      critical("--composition", "2,1,1;1,2,1", "--shares", "1,0,1,1"),
      "--shares: expected one --composition beside it, got 2",
    ],
    [
      critical("--composition", "2,1,1", "--shares", "1,0,1,1", "--splits", "2"),
      "--shares: expected one --composition beside it, got --splits",
    ],
    [critical("--composition", "2,1,1", "--shares", "1,1,1,1", "--polish"), "split of units 0, 1: expected 4 shares"],
    [
      ["critical", "relu.safetensors", ...toy, "--to", "4"],
      "mlp: expected a network with second derivatives, got one with Relu; take a smooth activation",
    ],
    [
      ["critical", "deep.safetensors", ...toy, "--to", "4"],
      "--layer: is needed: expected one hidden layer, got layers.0, layers.1; name one of them",
    ],
    [
      ["critical", "wide.safetensors", ...toy, "--to", "1100"],
      "--to: expected at most 4,096 parameters, for all eigenvalues of their Hessian, got 4,401; lower it",
    ],
    [["critical", "width3.safetensors", "--to", "4"], "--data: is needed"],
    [["critical", "width3.safetensors", "--data", "digits", "--to", "4"], "expected samples of 2, got digits"],
  ])("%j", async (words, message) => {
    const { status, stdout, stderr } = await orbifold(folder.path, ...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});
