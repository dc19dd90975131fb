import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import { torchFile } from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const [a, b] = [0, 1].map((seed) => `out/mlp-seed${seed}.safetensors`) as [string, string];
const bytes = (name: string) => readFileSync(join(folder.path, name));

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  await json("train", "mlp", "--data", "digits", "--widths", "16,16", "--epochs", "8", "--count", "2", "-o", "out");
});

const ste = ["--method", "ste", "--data", "digits", "--steps", "30", "--learning-rate", "0.01"];
const sinkhorn = ["--method", "sinkhorn", "--steps", "30"];

async function halfWay(other: string): Promise<number> {
  const words = ["barrier", a, other, "--data", "digits", "--split", "train", "--points", "3", "--tolerance", "1e9"];
  const { points } = await json(...words);
  return points.find(({ t }: { t: number }) => t === 0.5).loss;
}

describe("align by a learned element", () => {
  it.each([
    ["ste", ste, "midpoint-loss"],
    ["sinkhorn", sinkhorn, "distance"],
    ["sinkhorn-data", [...sinkhorn, "--data", "digits"], "midpoint-loss"],
    ["sinkhorn-random", [...sinkhorn, "--data", "digits", "--objective", "random-point"], "midpoint-loss"],
  ] as const)("%s says what it did, and writes the same bytes again", async (name, words, measure) => {
    const outputs = [`${name}.safetensors`, `${name}-again.safetensors`] as const;
    const [told] = [
      await json("align", a, b, "-o", outputs[0], ...words),
      await json("align", a, b, "-o", outputs[1], ...words),
    ];
    expect(told).toMatchObject({
      output: outputs[0],
      sidecar: `${outputs[0]}.json`,
      certificate: { ok: true },
      seconds: expect.any(Number),
      objective: { before: expect.any(Number), after: expect.any(Number), bound: expect.any(Number) },
      starts: [{ start: "fingerprint" }, { start: "identity" }],
      learned: { measure, before: expect.any(Number), after: expect.any(Number) },
    });
    expect(bytes(outputs[1])).toEqual(bytes(outputs[0]));
    expect(told.learned.after).toBeLessThanOrEqual(told.learned.before);
    const { method, restarts } = JSON.parse(bytes(`${outputs[0]}.json`).toString());
    expect({ method, restarts }).toEqual({ method: words[1], restarts: 2 });
    await json("replay", `${outputs[0]}.json`, "-o", `${name}-replayed.safetensors`);
    expect(bytes(`${name}-replayed.safetensors`)).toEqual(bytes(outputs[0]));
  });

  it("lowers the train loss half-way that barrier finds", async () => {
    await json("align", a, b, "-o", "by-weights.safetensors");
    const before = await halfWay("by-weights.safetensors");
    for (const [name, words] of [
      ["low-ste", ste],
      ["low-sinkhorn", [...sinkhorn, "--data", "digits"]],
    ] as const) {
      const output = `${name}.safetensors`;
      const { learned } = await json("align", a, b, "-o", output, ...words);
      expect(learned.before).toBeCloseTo(before, 4);
      expect(learned.after).toBeCloseTo(await halfWay(output), 4);
      expect(learned.after).toBeLessThan(before - 0.01);
    }
  });

  it("brings a renumbered copy of an ONNX file back without data", async () => {
    const path = torchFile("residual-tracing-17");
    await json("orbit", path, "-o", "copy.onnx", "--spread", "1", "--seed", "4");
    await json("align", path, "copy.onnx", "-o", "back.onnx", ...sinkhorn);
    expect(bytes("back.onnx")).toEqual(readFileSync(path));
  });

  it("tells a person what was learned", async () => {
    const { status, stdout } = await orbifold(folder.path, "align", a, b, "-o", "shown.safetensors", ...ste);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^train loss half-way \S+ as matched by weights -> \S+$/m);
  });
});

describe("wrong input is told in one line", () => {
  it.concurrent.each([
    [["--method", "ste"], /^--data: is needed by the method ste; name a data set$/],
    [["--method", "sinkhorn", "--objective", "midpoint"], /^--data: is needed by the objective midpoint; name a/],
    [["--method", "sinkhorn", "--objective", "middle"], /^--objective: expected one of distance, midpoint, random-po/],
    [
      [...ste, "--objective", "midpoint"],
      /^--objective: expected the method sinkhorn, got ste; leave --objective out$/,
    ],
    [["--steps", "3"], /^--steps: expected the method ste or sinkhorn, got weights; leave --steps out$/],
    [
      ["--method", "greedy", "--learning-rate", "1"],
      /^--learning-rate: expected the method ste or sinkhorn, got greedy/,
    ],
    [["--method", "sinkhorn", "--steps", "0"], /^--steps: expected a whole number from 1, got "0"$/],
    [["--method", "sinkhorn", "--learning-rate", "0"], /^--learning-rate: expected a number above 0, got "0"$/],
    [[...ste, "--batch-size", "x"], /^--batch-size: expected a whole number from 1, got "x"$/],
    [["--method", "ste", "--data", "toy"], /^mlp: expected samples of 1 x 8 x 8, got toy with 2; /],
  ] as const)("%j", async (words, message) => {
    const before = contentsOf(folder.path);
    const { status, stdout, stderr } = await orbifold(folder.path, "align", a, b, "-o", "new.safetensors", ...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^orbifold: .*\n$/);
    expect(stderr.trim().slice("orbifold: ".length)).toMatch(message);
    expect(contentsOf(folder.path)).toEqual(before);
  });

  it("a network for other samples than those of the data", async () => {
    const path = torchFile("mlp-tracing-17");
    const words = ["align", path, path, "-o", "new.onnx", "--method", "ste", "--data", "digits"];
    const { status, stderr } = await orbifold(folder.path, ...words);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^orbifold: .*expected samples of .*, got digits with 1 x 8 x 8; .*\n$/);
  });
});
