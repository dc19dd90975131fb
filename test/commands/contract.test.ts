import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contentsOf, orbifold, start, temporaryFolder } from "./orbifold.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const recipe = ["--data", "digits", "--widths", "12", "--epochs", "3"];
const seed7 = join("out", "mlp-seed7.safetensors");
const seed8 = join("out", "mlp-seed8.safetensors");

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

let trained: { models: Record<string, unknown>[]; seconds: number; stepsPerSecond: number };

beforeAll(async () => {
  trained = await json("train", "mlp", ...recipe, "--count", "2", "--seed", "7", "-o", "out");
});

describe("the documents of --json", () => {
  it("train", () => {
    expect(trained).toMatchObject({ seconds: expect.any(Number), stepsPerSecond: expect.any(Number) });
    const measures = ["trainLoss", "trainError", "testLoss", "testError"];
    const model = Object.fromEntries(measures.map((name) => [name, expect.any(Number)]));
    expect(trained.models).toMatchObject([
      { path: seed7, seed: 7, epochs: 3, ...model },
      { path: seed8, seed: 8, epochs: 3, ...model },
    ]);
    expect(contentsOf(join(folder.path, "out"))).toEqual(["mlp-seed7.safetensors", "mlp-seed8.safetensors"]);
  });

  it("evaluate says of a trained network what train said of it", async () => {
    for (const [path, model] of [
      [seed7, trained.models[0]],
      [seed8, trained.models[1]],
    ] as const) {
      for (const split of ["train", "test"] as const) {
        const result = await json("evaluate", path, "--data", "digits", "--split", split);
        expect(result).toMatchObject({ split, samples: split === "train" ? 1437 : 360 });
        expect(result.error).toBe(model?.[`${split}Error`]);
        expect(result.loss).toBeCloseTo(model?.[`${split}Loss`] as number, 5);
      }
    }
  });

  it("evaluate takes the first samples only, and the test split unless told otherwise", async () => {
    const result = await json("evaluate", seed7, "--data", "digits", "--samples", "17");
    expect(result).toMatchObject({ split: "test", samples: 17, loss: expect.any(Number) });
    expect((result.error * 17) % 1).toBeCloseTo(0, 10);
  });

  it("info", async () => {
    const { tensors, parameters, bytes, net, format } = await json("info", seed7);
    expect(tensors).toEqual([
      { name: "layers.0.bias", dtype: "float32", shape: [12] },
      { name: "layers.0.weight", dtype: "float32", shape: [12, 64] },
      { name: "layers.1.bias", dtype: "float32", shape: [10] },
      { name: "layers.1.weight", dtype: "float32", shape: [10, 12] },
    ]);
    expect({ parameters, format }).toEqual({ parameters: 12 + 12 * 64 + 10 + 120, format: "safetensors" });
    expect(bytes).toBeGreaterThan(4 * parameters);
    expect(net).toMatchObject({ net: "mlp", widths: [12], outputs: 10 });
  });

  it("info of a PyTorch file says which tensors are tied, and counts them once", async () => {
    const path = fileURLToPath(new URL("../golden/pytorch/state-dict.pt", import.meta.url));
    const { tensors, parameters, format } = await json("info", path);
    expect(tensors.filter(({ sharedWith }: { sharedWith?: string }) => sharedWith)).toEqual([
      { name: "3.weight", dtype: "float32", shape: [3, 2], sharedWith: "0.weight" },
      { name: "3.bias", dtype: "float32", shape: [3], sharedWith: "0.bias" },
    ]);
    expect({ parameters, format }).toEqual({ parameters: 33, format: "pytorch" });
  });

  it.each([
    ["digits", { name: "digits", train: 1437, test: 360, shape: [1, 8, 8], classes: 10, path: "embedded" }],
    ["toy", { name: "toy", train: 1681, test: 1681, shape: [2], classes: 0, path: "embedded" }],
  ])("data %s", async (name, expected) => {
    expect(await json("data", name)).toMatchObject(expected);
  });

  it("tour", async () => {
    const { report, steps } = await json("tour");
    expect(report).toBeNull();
    expect(steps.map(({ name }: { name: string }) => name)).toEqual(["train", "line", "orbit"]);
    const [{ models }, { points }] = steps;
    for (const { testError } of models) expect(testError).toBeLessThan(0.15);
    expect(points.map(({ t }: { t: number }) => t)).toEqual(Array.from({ length: 41 }, (_, i) => i / 40));
    expect(points[0].error).toBe(models[0].testError);
    expect(points[40].error).toBe(models[1].testError);
    expect(points[20].error).toBeGreaterThan(0.2);
  });

  it("a regression has no error", async () => {
    const words = ["--data", "toy", "--widths", "4", "--activation", "sigmoid", "--epochs", "1", "-o", "toy"];
    const { models } = await json("train", "mlp", ...words);
    expect(models).toMatchObject([{ trainError: null, testError: null, testLoss: models[0].trainLoss }]);
    expect(await json("evaluate", models[0].path, "--data", "toy")).toMatchObject({ error: null });
  });
});

describe("the words for a person", () => {
  const symmetries = ["census", "canonicalize", "hash", "orbit", "certify", "count"];
  const pairs = ["merge", "align", "replay", "distance", "diagnose", "barrier"];
  const commands = ["tour", "train", "evaluate", "info", "data", ...symmetries, ...pairs];

  it("fit 80 columns and name every option", async () => {
    for (const words of [[], ["--help"], ["help"], ...commands.map((name) => [name, "--help"])]) {
      const { status, stdout, stderr } = await orbifold(folder.path, ...words);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(stdout).toMatch(/usage: orbifold /);
    }
  });

  it("are the same for help <command> and <command> --help, also among other words", async () => {
    const { stdout } = await orbifold(folder.path, "train", "--help");
    for (const words of [
      ["help", "train"],
      ["train", "-h"],
      ["train", "mlp", "--nonsense", "--help"],
    ]) {
      expect((await orbifold(folder.path, ...words)).stdout).toBe(stdout);
    }
    const { options } = (await import("../../src/cli/train.ts")).command;
    for (const option of Object.keys(options)) expect(stdout).toContain(`--${option}`);
  });

  it("are short, and alone on stdout", async () => {
    const { status, stdout, stderr } = await orbifold(folder.path, "evaluate", seed7, "--data", "digits");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^loss \d\.\d+, error \d+\.\d\d % on 360 test samples of digits\n$/);
  });

  it("hold nothing that a terminal would obey, whatever a file is called inside", async () => {
    const header = JSON.stringify({ "\u001b[31mred": { dtype: "F32", shape: [1], data_offsets: [0, 4] } });
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
    const hostile = join(folder.path, "hostile.safetensors");
    writeFileSync(hostile, Buffer.concat([size, Buffer.from(header), Buffer.alloc(4)]));
    const { status, stdout } = await orbifold(folder.path, "info", hostile);
    expect(status).toBe(0);
    expect(stdout).not.toContain("\u001b");
  });

  it("may stay unread", async () => {
    for (const words of [["--help"], ["info", seed7, "--json"], ["nonsense", "--json"]]) {
      const child = start(folder.path, ...words);
      child.stdout?.destroy();
      const { status, stderr } = await child.ended;
      expect(status).toBe(words[0] === "nonsense" ? 2 : 0);
      expect(stderr).not.toContain("EPIPE");
    }
  });

  it("name the version", async () => {
    expect((await orbifold(folder.path, "--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
