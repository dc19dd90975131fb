import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeModelFile, initializeParameters, mlp, vgg11 } from "../../src/nets/index.ts";
import { writeFileAtomically } from "../../src/node/index.ts";
import { rngKey } from "../../src/tensor/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const [a, b] = [0, 1].map((seed) => join("out", `mlp-seed${seed}.safetensors`)) as [string, string];
const shape = { input: [1, 8, 8], outputs: 10 };
const others = {
  "wider.safetensors": mlp({ ...shape, widths: [24, 25] }),
  "tanh.safetensors": mlp({ ...shape, widths: [24, 24], activation: "tanh" }),
  "vgg.safetensors": vgg11({ input: [3, 32, 32], outputs: 10 }),
};

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  await json("train", "mlp", "--data", "digits", "--widths", "24,24", "--epochs", "15", "--count", "2", "-o", "out");
  for (const [name, network] of Object.entries(others)) {
    const bytes = encodeModelFile(network, initializeParameters(network, rngKey(0)));
    await writeFileAtomically(join(folder.path, name), bytes);
  }
});

const digits = ["--data", "digits"];

describe("the barrier between two trained networks", () => {
  it.each([
    ["linear", []],
    ["geodesic", ["--geodesic"]],
    ["linear", ["--split", "train", "--samples", "200"]],
  ] as const)("is high on the path (%s %j), which begins and ends as the networks are", async (path, words) => {
    const found = await json("barrier", a, b, ...digits, ...words);
    expect(found).toMatchObject({ path, tolerance: 1e-4, batchNorm: "keep", figure: null, assumptions: [] });
    expect(found.change).toBeLessThanOrEqual(1e-4);
    const { points } = found as { points: { t: number; loss: number; error: number }[] };
    expect(points.length).toBeGreaterThanOrEqual(25);
    expect(points.map(({ t }) => t)).toEqual(points.map(({ t }) => t).sort((x, y) => x - y));
    const split = words.filter((word) => word !== "--geodesic");
    for (const [model, point] of [
      [a, points[0]],
      [b, points.at(-1)],
    ] as const) {
      const { loss, error, samples } = await json("evaluate", model, ...digits, ...split);
      expect(point?.loss).toBeCloseTo(loss, 5);
      expect(point?.error).toBe(error);
      expect(found.samples).toBe(samples);
    }
    for (const of of ["loss", "error"] as const) {
      const values = points.map((point) => point[of]);
      const [start, end] = [values[0], values.at(-1)] as [number, number];
      const overChord = points.map(({ t }, i) => (values[i] as number) - (1 - t) * start - t * end);
      expect(found[of].absolute).toBe(Math.max(...values));
      expect(found[of].mid).toBeCloseTo(Math.max(...values) - (start + end) / 2, 12);
      expect(found[of].chord).toBeCloseTo(Math.max(...overChord), 12);
      expect(found[of].chord).toBeGreaterThan(0.2);
    }
  });

  it("is zero from a network to itself, along either path", async () => {
    for (const words of [[], ["--geodesic"]]) {
      const { loss, error, distances } = await json("barrier", a, a, ...digits, "--points", "5", ...words);
      expect([loss.mid, loss.chord, error.mid, error.chord]).toEqual([0, 0, 0, 0]);
      expect(distances).toEqual({ chord: 0, perParameter: 0, geodesic: words.length > 0 ? 0 : null });
    }
  });

  it("vanishes between a network and a twin of other numbering and scales, once both are aligned", async () => {
    await json("orbit", a, "-o", "numbered.safetensors", "--seed", "5");
    const words = ["barrier", a, "numbered.safetensors", ...digits, "--geodesic", "--points", "9"];
    const [raw, aligned] = [await json(...words), await json(...words, "--aligned")];
    expect([raw.aligned, aligned.aligned]).toEqual([false, true]);
    expect(raw.loss.mid).toBeGreaterThan(0.2);
    expect(Math.abs(aligned.loss.mid)).toBeLessThan(1e-4);
    expect(aligned.distances.geodesic).toBeLessThan(1e-3);
  });

  it("is lower between two networks once they are aligned", async () => {
    for (const words of [[], ["--geodesic"]]) {
      const [raw, aligned] = [[], ["--aligned", "--seed", "1"]].map((more) =>
        json("barrier", a, b, ...digits, ...words, ...more),
      );
      expect((await aligned).loss.mid).toBeLessThan((await raw).loss.mid);
      expect((await aligned).distances.chord).toBeLessThan((await raw).distances.chord);
    }
  });

  it("is told before and after alignment, on both splits, in one table and one figure", async () => {
    const words = ["barrier", a, b, ...digits, "--points", "5", "--aligned", "--split", "both"];
    const found = await json(...words, "-o", "both.svg");
    const profiles = found.profiles.map(({ aligned, split, samples }: Record<string, unknown>) => [
      aligned,
      split,
      samples,
    ]);
    expect(profiles).toEqual([
      [false, "test", 360],
      [false, "train", 1437],
      [true, "test", 360],
      [true, "train", 1437],
    ]);
    for (const [i, more] of [[], ["--split", "train"], ["--aligned"], ["--aligned", "--split", "train"]].entries()) {
      const { points, loss, distances } = await json("barrier", a, b, ...digits, "--points", "5", ...more);
      expect(found.profiles[i]).toMatchObject({ points, loss, distances });
    }
    expect(found).toMatchObject({ aligned: true, split: "test", points: found.profiles[2].points });
    const figure = readFileSync(join(folder.path, "both.svg"), "utf8");
    const labels = ["as numbered, test", "as numbered, train", "aligned, test", "aligned, train"];
    for (const label of labels) expect(figure).toContain(label);
    expect(figure.match(/<path /g)?.length).toBe(4);
    const { stdout } = await orbifold(folder.path, ...words);
    for (const label of labels) expect(stdout).toMatch(new RegExp(`^mid +${label} +\\d.* %`, "m"));
  });

  it("has other losses and the same errors at ends whose last layers are scaled", async () => {
    const words = ["barrier", a, b, ...digits, "--points", "5", "--geodesic"];
    const [plain, scaled] = [await json(...words), await json(...words, "--scale-output")];
    expect([plain.scaleOutput, scaled.scaleOutput]).toEqual([false, true]);
    for (const end of [0, -1]) {
      expect(scaled.points.at(end).error).toBe(plain.points.at(end).error);
      expect(scaled.points.at(end).loss).not.toBeCloseTo(plain.points.at(end).loss, 2);
    }
  });

  it("is the same along geodesics from other scales of the same network", async () => {
    await json("orbit", b, "-o", "twin.safetensors", "--seed", "3");
    const canonical = ["canonicalize", b, "-o", "canonical-b.safetensors"];
    await json(...canonical);
    await json("canonicalize", "twin.safetensors", "-o", "canonical-twin.safetensors");
    const words = [...digits, "--geodesic", "--points", "11"];
    const from = await json("barrier", a, "canonical-b.safetensors", ...words);
    const to = await json("barrier", a, "canonical-twin.safetensors", ...words);
    expect(to.loss.mid).toBeCloseTo(from.loss.mid, 3);
    expect(to.distances.geodesic).toBeCloseTo(from.distances.geodesic, 4);
  });

  it("is drawn, and named by every definition, for a person", async () => {
    const words = ["barrier", a, b, ...digits, "--points", "9", "-o", "figure.svg"];
    const { status, stdout, stderr } = await orbifold(folder.path, ...words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("█");
    for (const name of ["absolute", "mid", "chord"])
      expect(stdout).toMatch(new RegExp(`^${name} .* \\d+\\.\\d+ %`, "m"));
    expect(stdout).toMatch(/^\d+ points, the last of which raised no maximum by more than 0.0001$/m);
    expect(readFileSync(join(folder.path, "figure.svg"), "utf8")).toMatch(/^<svg .*<\/svg>\s*$/s);
    expect((await orbifold(folder.path, ...words)).status).toBe(2);
    expect((await orbifold(folder.path, ...words, "--force")).status).toBe(0);
  });

  it("has no error for a regression", async () => {
    const toy = ["--data", "toy", "--widths", "4", "--activation", "sigmoid", "--epochs", "1", "--count", "2"];
    const { models } = await json("train", "mlp", ...toy, "-o", "toy");
    const [x, y] = models.map(({ path }: { path: string }) => path);
    expect(await json("barrier", x, y, "--data", "toy", "--points", "5")).toMatchObject({ error: null });
  });
});

describe("wrong input is told in one line", () => {
  const cases: readonly (readonly [words: readonly string[], message: RegExp])[] = [
    [[a], /^barrier: expected 2 arguments, got /],
    [[a, b], /^--data: is needed; name one of /],
    [[a, b, ...digits, "-o", "x.png"], /^--out: expected a name that ends in \.svg, got "x\.png"$/],
    [[a, b, ...digits, "--points", "1"], /^--points: expected a whole number from 2 to 100000, got "1"$/],
    [[a, b, ...digits, "--split", "all"], /^--split: expected one of test, train, both, got "all"$/],
    [[a, b, ...digits, "--scale-output"], /^--scale-output: expected --geodesic beside it, got none; /],
    [[a, b, "--data", "toy", "--geodesic", "--scale-output"], /^--scale-output: expected a classification, got a reg/],
    [[a, b, ...digits, "--tolerance", "0"], /^--tolerance: expected a number above 0, got "0"$/],
    [[a, b, ...digits, "--batch-norm", "reestimate"], /^--batch-norm: expected one of keep, re-estimate, /],
    [[a, b, ...digits, "--batch-norm", "re-estimate"], /^mlp: expected a network with running statistics to estimate/],
    [[a, "wider.safetensors", ...digits], /^wider\.safetensors: .* they differ in "layers\.1\.weight"; /],
    [[a, "tanh.safetensors", ...digits], /^tanh\.safetensors: .*: its activation is "tanh", not "relu"; /],
    [
      [a, "vgg.safetensors", ...digits],
      /^vgg\.safetensors: expected the network of out\/mlp-seed0\.safetensors, got another: /,
    ],
    [[a, b, "--data", "toy"], /^mlp: expected samples of 1 x 8 x 8, got toy with 2; /],
    [[a, "nowhere.safetensors", ...digits], /^nowhere\.safetensors: no such file/],
  ];

  it.each(cases.map(([words, message]) => [words.join(" "), words, message] as const))(
    "barrier %s",
    async (_, words, message) => {
      const before = contentsOf(folder.path);
      const { status, stdout, stderr } = await orbifold(folder.path, "barrier", ...words);
      expect(stderr.split("\n").length).toBe(2);
      expect(stderr.trim().replace(/^orbifold: /, "")).toMatch(message);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(contentsOf(folder.path)).toEqual(before);
    },
  );
});
