import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toyTeacher } from "../../src/data/index.ts";
import { encodeModelFile, initializeParameters, mlp, type Network, resnet18 } from "../../src/nets/index.ts";
import { fromNumbers, rngKey, type Tensor, toNumbers } from "../../src/tensor/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import { readSafetensors } from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

function write(name: string, network: Network, parameters: Readonly<Record<string, Tensor>>): void {
  writeFileSync(join(folder.path, name), Buffer.concat(encodeModelFile(network, Object.entries(parameters))));
}

beforeAll(() => {
  write("teacher.safetensors", mlp({ input: [2], widths: [4], outputs: 1, activation: "sigmoid", bias: false }), {
    "layers.0.weight": fromNumbers("float64", toyTeacher.incoming.flat(), [4, 2]),
    "layers.1.weight": fromNumbers("float64", toyTeacher.outgoing, [1, 4]),
  });
  const nets = {
    relu: mlp({ input: [1, 8, 8], widths: [6, 5], outputs: 10, activation: "relu" }),
    sign: mlp({ input: [2], widths: [3], outputs: 1, activation: "sign" }),
    resnet: resnet18({ input: [3, 16, 16], width: 2, outputs: 3 }),
  };
  for (const [name, network] of Object.entries(nets))
    write(`${name}.safetensors`, network, initializeParameters(network, rngKey(2)));
});

const swap = (name: string, ...words: readonly string[]) => [
  ...["path", "swap", `${name}.safetensors`, "--layer", "0", "--threads", "1"],
  ...words,
];
const toy = ["--data", "toy"];

async function run(words: readonly string[], status = 0) {
  const ended = await orbifold(folder.path, ...words, "--json");
  expect(ended).toMatchObject({ status, stderr: "" });
  return JSON.parse(ended.stdout);
}

describe("path swap", () => {
  it("goes through the published permutation point, and writes the whole path", async () => {
    const path = await run(
      swap("teacher", "--units", "0,1", "--method", "greedy", "--steps", "10", ...toy, "-o", "swap"),
    );
    expect(path).toMatchObject({
      output: "swap",
      figure: "swap/profile.svg",
      layer: "layers.0",
      units: [0, 1],
      method: "greedy",
      permutationPoint: { negative: 1, zero: 2, positive: 9 },
      converged: true,
      kinks: [],
    });
    expect(path.permutationPoint.loss / 1.0973406702e-2).toBeCloseTo(1, 9);
    expect(path.barrier).toBe(path.permutationPoint.loss - path.points[0].loss);
    expect(path.exchange.deviation).toBeLessThan(1e-15);
    expect(path.branchChanges.at(-1)).toMatchObject({ kind: "jump", distance: 0 });
    const stages = Array.from({ length: 10 }, (_, i) => String(i).padStart(4, "0"));
    const files = [
      ...stages.map((i) => `swap/there-${i}.safetensors`),
      "swap/permutation-point.safetensors",
      ...stages.toReversed().map((i) => `swap/back-${i}.safetensors`),
    ];
    expect(path.points.map(({ file }: { file: string }) => file)).toEqual(files);
    for (const [i, { t, distance }] of path.points.entries()) {
      expect(t).toBeCloseTo(i / 20, 12);
      expect(distance).toBeCloseTo(1.1 * Math.abs(1 - i / 10), 12);
    }
    expect(contentsOf(join(folder.path, "swap"))).toHaveLength(files.length + 3);
    const weights = async (name: string) => {
      const { tensors } = await readSafetensors(join(folder.path, name));
      return ["layers.0.weight", "layers.1.weight"].map((each) => [...toNumbers(tensors[each] as Tensor)]);
    };
    const [[w], [v, outgoing]] = [
      await weights("swap/there-0003.safetensors"),
      await weights("swap/back-0003.safetensors"),
    ];
    expect([v?.slice(2, 4), v?.slice(0, 2), v?.slice(4)]).toEqual([w?.slice(0, 2), w?.slice(2, 4), w?.slice(4)]);
    const [, from] = await weights("swap/exchange-from.safetensors");
    const [, to] = await weights("swap/exchange-to.safetensors");
    expect(to).toEqual([from?.[1], from?.[0], from?.[2], from?.[3]]);
    expect(outgoing).toHaveLength(4);
    expect(readFileSync(join(folder.path, "swap/profile.svg"), "utf8")).toContain(
      "Units 0 and 1 of layers.0 change places",
    );
    const { stdout } = await orbifold(
      folder.path,
      ...["plateau", "swap/permutation-point.safetensors", "--layer", "0", "--units", "0,1", "--to", "all", "--json"],
    );
    expect(JSON.parse(stdout).maxDeviation).toBeLessThan(1e-14);
  });

  it("ranks all pairs in a table and a figure", async () => {
    const words = swap("teacher", "--all-pairs", "--method", "greedy", "--steps", "10", ...toy, "-o", "pairs.svg");
    const { status, stdout } = await orbifold(folder.path, ...words);
    expect(status).toBe(0);
    const rows = stdout.trimEnd().split("\n").slice(-6);
    expect(rows.map((row) => row.trim().split(/\s+/)[0]).toSorted()).toEqual([
      "0,1",
      "0,2",
      "0,3",
      "1,2",
      "1,3",
      "2,3",
    ]);
    expect(rows.at(-1)).toMatch(/^ +0,1 +1\.1000 +1\.097341e-2 +1\.097341e-2 +1 +2/);
    expect(rows.slice(0, 5).every((row) => row.includes("1.012946e-5"))).toBe(true);
    expect(readFileSync(join(folder.path, "pairs.svg"), "utf8")).toContain("Pairs of units of layers.0 change places");
  });

  it("shows a chart and the strict path's folds in the terminal", async () => {
    const { status, stdout } = await orbifold(
      folder.path,
      ...swap("teacher", "--units", "1,2", "--steps", "20", ...toy),
    );
    expect(status).toBe(0);
    expect(stdout).toContain("units 1 and 2 of layers.0, 1.1402 apart; mean squared error on 1,681 samples of toy");
    expect(stdout).toContain("t: the units are equal at 0.5");
    expect(stdout).toMatch(/permutation point: loss 0\.00001012946289.*1 negative, 1 zero/);
    expect(stdout).toMatch(/0\.8\d+ +fold/);
    expect(stdout).toContain("within the tolerance of 1e-10");
  });

  it("names no figure where no pair has a path to draw", async () => {
    const words = swap("teacher", "--all-pairs", "--method", "greedy", "--steps", "2", "--tolerance", "1e-300", ...toy);
    const { figure, pairs, failed } = await run([...words, "-o", "none.svg"], 1);
    expect({ figure, pairs }).toEqual({ figure: null, pairs: [] });
    expect(failed).toHaveLength(6);
    expect(contentsOf(folder.path)).not.toContain("none.svg");
  });

  it("leaves a folder alone that has any file of another path", async () => {
    mkdirSync(join(folder.path, "old"));
    writeFileSync(join(folder.path, "old", "back-0007.safetensors"), "");
    const words = swap("teacher", "--units", "2,3", "--method", "greedy", "--steps", "2", ...toy, "-o", "old");
    expect(await orbifold(folder.path, ...words)).toEqual({
      status: 2,
      stdout: "",
      stderr: "orbifold: old/back-0007.safetensors: already exists; pass --force or another -o\n",
    });
    expect(contentsOf(join(folder.path, "old"))).toEqual(["back-0007.safetensors"]);
    expect((await orbifold(folder.path, ...words, "--force")).status).toBe(0);
    expect(contentsOf(join(folder.path, "old"))).toContain("permutation-point.safetensors");
  });

  it("trains at held distances, and says with status 1 where it does not converge", async () => {
    const words = swap(
      "relu",
      "--units",
      "4,1",
      "--method",
      "first-order",
      "--steps",
      "3",
      "--epochs",
      "2",
      "--batch",
      "100",
    );
    const path = await run([...words, "--data", "digits", "--tolerance", "1e-9"], 1);
    expect(path).toMatchObject({ converged: false, tolerance: 1e-9, kinks: ["Relu"], method: "first-order" });
    expect(path.points).toHaveLength(7);
    expect(path.points[3].distance).toBe(0);
    expect(path.gradientNorm).toBeGreaterThan(1e-9);
    const { stdout, status } = await orbifold(folder.path, ...words, "--data", "digits", "--tolerance", "100");
    expect(status).toBe(0);
    expect(stdout).toContain("Relu: points need not be minima, gradients jump there");
  });
});

describe("wrong input", () => {
  const refused = (...words: readonly string[]) => [...words, ...toy];
  it.concurrent.each([
    [refused(...swap("teacher", "--units", "0,4")), 2, "expected two units from 0 to 3, got 0 and 4"],
    [refused(...swap("teacher", "--units", "2,2")), 2, "expected two different units, got 2 twice"],
    [
      refused(...swap("teacher", "--units", "0,layers.1:0")),
      2,
      '--units: expected a whole number from 0, got "layers.1:0"',
    ],
    [refused(...swap("teacher")), 2, "--units: expected two units of the layer, such as 0,1, got none"],
    [refused(...swap("teacher", "--units", "0,1", "--layer", "5")), 2, 'layer "5": expected one of 0 (layers.0)'],
    [
      refused(...swap("teacher", "--units", "0,1", "--lr", "1")),
      2,
      "expected --method first-order beside it, got strict",
    ],
    [
      refused(...swap("teacher", "--all-pairs", "-o", "all")),
      2,
      "expected a figure such as pairs.svg with -o, got all",
    ],
    [swap("teacher", "--units", "0,1", "--data", "digits"), 2, "expected samples of 2, got digits with 1 x 8 x 8"],
    [refused(...swap("resnet", "--units", "0,1")), 2, "expected units of one layer, got a residual stream"],
    [refused(...swap("sign", "--units", "0,1")), 2, "expected a network that can be differentiated"],
    [
      swap("relu", "--units", "0,1", "--data", "digits"),
      2,
      "expected a network with second derivatives, got one with Relu; use the first-order method",
    ],
    [
      refused(...swap("teacher", "--units", "0,1", "--method", "first-order", "--spectrum")),
      2,
      "--spectrum: expected --method strict or greedy beside it, got first-order",
    ],
    [
      refused(...swap("teacher", "--units", "0,1", "--steps", "1e9")),
      2,
      '--steps: expected a whole number from 2 to 10000, got "1e9"',
    ],
    [refused("path", "walk", "teacher.safetensors"), 2, 'path: expected swap, got "walk"'],
    [
      refused(...swap("teacher", "--units", "0,1", "--tolerance", "1e-300")),
      1,
      "expected a gradient of at most 1e-300, reached",
    ],
  ] as const)("%j", async (words, expected, message) => {
    const { status, stdout, stderr } = await orbifold(folder.path, ...words);
    expect({ status, stdout }).toEqual({ status: expected, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(contentsOf(folder.path)).not.toContain("all");
  });
});

it("helps in 80 columns", async () => {
  const { stdout } = await orbifold(folder.path, "path", "--help");
  expect(stdout).toContain("usage: orbifold path swap <model>");
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});
