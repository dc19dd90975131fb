import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeModelFile, initializeParameters, mlp, resnet20 } from "../../src/nets/index.ts";
import { writeFileAtomically } from "../../src/node/index.ts";
import { convert, rngKey, type Tensor, toNumbers } from "../../src/tensor/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import { readSafetensors, torchFile, writeSafetensors } from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const [a, b, c] = [0, 1, 2].map((seed) => join("out", `mlp-seed${seed}.safetensors`)) as [string, string, string];
const digits = ["--data", "digits"];

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

async function tensorsOf(path: string) {
  return (await readSafetensors(join(folder.path, path))).tensors;
}

beforeAll(async () => {
  await json("train", "mlp", ...digits, "--widths", "24,24", "--epochs", "15", "--count", "3", "-o", "out");
  const resnet = resnet20({ input: [1, 8, 8], outputs: 10, width: 2 });
  const others = {
    "wider.safetensors": [mlp({ input: [1, 8, 8], outputs: 10, widths: [24, 25] }), 0],
    "resnet-0.safetensors": [resnet, 0],
    "resnet-1.safetensors": [resnet, 1],
  } as const;
  for (const [name, [network, seed]] of Object.entries(others)) {
    const bytes = encodeModelFile(network, initializeParameters(network, rngKey(seed)));
    await writeFileAtomically(join(folder.path, name), bytes);
  }
  for (const [name, path] of Object.entries({ "half-a.safetensors": a, "half-b.safetensors": b })) {
    const { metadata, tensors } = await readSafetensors(join(folder.path, path));
    const half = Object.entries(tensors).map(([own, tensor]) => [own, convert(tensor, "float16")] as const);
    writeSafetensors(join(folder.path, name), Object.fromEntries(half), metadata);
  }
});

describe("merging trained networks", () => {
  it("measures parents and averages as evaluate does, and writes the last of them", async () => {
    const found = await json("merge", a, b, "-o", "repaired.safetensors", "--repair", ...digits);
    await json("merge", a, b, "-o", "aligned.safetensors");
    await json("merge", a, b, "-o", "plain.safetensors", "--no-align");
    const names = [a, b, "average as numbered", "average, aligned", "repaired"];
    const files = [a, b, "plain.safetensors", "aligned.safetensors", "repaired.safetensors"];
    expect(found).toMatchObject({ output: "repaired.safetensors", aligned: true, split: "test" });
    const [fitted] = found.stages.splice(3, 1);
    for (const [i, file] of files.entries()) {
      const { loss, error, samples } = await json("evaluate", file, ...digits);
      expect(found.stages[i]).toEqual({ name: names[i], loss: expect.closeTo(loss, 5), error });
      expect(found.samples).toBe(samples);
    }
    const losses = found.stages.map(({ loss }: { loss: number }) => loss);
    const calibrated = { name: "average as numbered, temperature fitted", error: found.before.error };
    expect(fitted).toMatchObject(calibrated);
    expect([fitted.loss < losses[2], fitted.temperature > 0]).toEqual([true, true]);
    expect(losses[3]).toBeLessThan(losses[2]);
    expect(losses[4]).not.toBe(losses[3]);
    expect([found.before.loss, found.after.loss]).toEqual([losses[2], losses[4]]);
  });

  it("is the average of what align writes", async () => {
    await json("align", a, b, "-o", "b-like-a.safetensors", "--seed", "3");
    await json("merge", a, b, "-o", "mixed.safetensors", "--seed", "3", "--weights", "1,3");
    const [x, y, mixed] = await Promise.all([a, "b-like-a.safetensors", "mixed.safetensors"].map(tensorsOf));
    for (const [name, tensor] of Object.entries(mixed ?? {})) {
      const [p, q] = [x, y].map((each) => toNumbers(each?.[name] as Tensor)) as [Float64Array, Float64Array];
      expect(toNumbers(tensor)).toEqual(Float64Array.from(p, (own, i) => Math.fround(own / 4 + (3 * (q[i] ?? 0)) / 4)));
    }
  });

  it("adds differences to the first, of units numbered like its own", async () => {
    await json("align", a, b, "-o", "b-to-a.safetensors");
    await json("align", a, c, "-o", "c-to-a.safetensors");
    const found = await json("merge", a, b, c, "-o", "sum.safetensors", "--task-arithmetic", "0.25");
    expect(found).toMatchObject({ taskScale: 0.25, aligned: true });
    const all = await Promise.all(["b-to-a.safetensors", "c-to-a.safetensors", a, "sum.safetensors"].map(tensorsOf));
    for (const [name, tensor] of Object.entries(all[3] ?? {})) {
      const [p, q, base] = all.map((each) => toNumbers(each[name] as Tensor)) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      const sum = Float64Array.from(base, (x, i) => Math.fround(x + 0.25 * ((p[i] ?? 0) - x + ((q[i] ?? 0) - x))));
      expect(toNumbers(tensor)).toEqual(sum);
    }
  });

  it.each(["merge-many", "cycle-consistent"])("matches three together: %s", async (together) => {
    const words = ["merge", a, b, c, "-o", `${together}.safetensors`, "--together", together];
    const found = await json(...words, ...digits);
    expect(found).toMatchObject({ aligned: true, together });
    expect(found.after.loss).toBeLessThan(found.before.loss);
  });

  it("repairs in closed form to nearly the same loss as forward", async () => {
    const words = ["merge", a, b, ...digits, "--repair"];
    const [forward, closed] = [
      await json(...words, "-o", "forward.safetensors"),
      await json(...words, "-o", "closed.safetensors", "--closed-form"),
    ];
    expect(closed.after.loss).not.toBe(forward.after.loss);
    expect(closed.after.loss / forward.after.loss).toBeCloseTo(1, 0);
  });

  it("says without data what the weights let expect, for each checkpoint", async () => {
    const { expected, before, after } = await json("merge", a, b, c, "-o", "three.safetensors");
    expect(expected.map(({ path, verdict }: Record<string, string>) => [path, verdict])).toEqual([
      [b, "different-basins"],
      [c, "different-basins"],
    ]);
    expect([before, after]).toEqual([undefined, undefined]);
    const words = ["merge", a, b, "-o", "told.safetensors", "--no-align"];
    const { stdout } = await orbifold(folder.path, ...words);
    expect(stdout).toMatch(/different-basins.* align them first/);
    expect(stdout).toContain("no certificate: a merged network is another function than its parents");
  });

  it("tells the cosine of its own matching", async () => {
    const starts = ["--restarts", "8"];
    await json("align", a, b, "-o", "b-of-8.safetensors", ...starts);
    const { expected } = await json("merge", a, b, "-o", "of-8.safetensors", ...starts);
    const [x, y] = (await Promise.all([a, "b-of-8.safetensors"].map(tensorsOf))).map((tensors) =>
      Object.entries(tensors).flatMap(([name, tensor]) => (name.endsWith("weight") ? [...toNumbers(tensor)] : [])),
    ) as [number[], number[]];
    const product = x.reduce((sum, own, i) => sum + own * (y[i] as number), 0);
    expect(expected[0].matchedCosine).toBeCloseTo(product / Math.hypot(...x) / Math.hypot(...y), 6);
    const { evidence } = await json("diagnose", a, b);
    expect(expected[0].matchedCosine).toBeGreaterThanOrEqual(evidence.matchedCosine);
  });

  it("keeps half precision, which it measures in single", async () => {
    const words = ["merge", "half-a.safetensors", "half-b.safetensors", "-o", "half.safetensors"];
    const found = await json(...words, "--repair", ...digits);
    expect(found.after.loss).toBeLessThan(found.before.loss);
    const tensors = await tensorsOf("half.safetensors");
    expect(new Set(Object.values(tensors).map(({ dtype }) => dtype))).toEqual(new Set(["float16"]));
  });

  it("estimates the running statistics of a network with batch norm anew, and changes nothing else", async () => {
    const [x, y] = ["resnet-0.safetensors", "resnet-1.safetensors"];
    const data = [...digits, "--samples", "256"];
    await json("merge", x, y, "-o", "raw.safetensors");
    const found = await json("merge", x, y, "-o", "estimated.safetensors", "--repair", ...data);
    expect(found.stages.at(-1).name).toBe("repaired");
    const [raw, estimated] = await Promise.all(["raw.safetensors", "estimated.safetensors"].map(tensorsOf));
    const changed = Object.keys(raw ?? {}).filter(
      (name) =>
        !Buffer.from(raw?.[name]?.data.buffer as ArrayBuffer).equals(
          Buffer.from(estimated?.[name]?.data.buffer as ArrayBuffer),
        ),
    );
    expect(changed.length).toBeGreaterThan(10);
    expect(changed.filter((name) => !/running_(mean|var)$/.test(name))).toEqual([]);
  });
});

const output = ["-o", "new.safetensors"];

describe("wrong input is told in one line, and nothing is written", () => {
  it.each([
    [[a, ...output], "merge: expected at least 2 arguments, got .*"],
    [[a, b], "--out: is needed; say with -o where to write"],
    [[a, b, "-o", a], "out/mlp-seed0.safetensors: .*"],
    [[a, b, "-o", b, "--force"], "out/mlp-seed1.safetensors: .*"],
    [[a, b, ...output, "--repair"], "--repair: expected data to measure units on, got none; name a set with --data"],
    [
      [a, b, ...output, "--task-arithmetic", "1", "--repair", ...digits],
      "--repair: expected an average, got --task-arithmetic; leave one of the two out",
    ],
    [[a, b, ...output, "--together", "all"], '--together: expected one of to-first, .*, got "all".*'],
    [[a, b, ...output, "--closed-form"], "--closed-form: expected --repair with it, got none"],
    [[a, b, ...output, "--weights", "1"], "weights: expected 2 numbers from 0 .*, got 1"],
    [[a, b, ...output, "--weights", "0,0", "--no-align"], "weights: expected 2 numbers from 0 .*, got 0,0"],
    [[a, b, ...output, "--weights", "1,-1"], '--weights: expected a number from 0, got "-1"'],
    [[a, "wider.safetensors", ...output], "wider.safetensors: expected the network of out/mlp-seed0.safetensors, .*"],
    [
      [a, "half-b.safetensors", ...output],
      "half-b.safetensors, tensor .*: expected float32 as in the first, got float16.*",
    ],
    [[a, torchFile("mlp-tracing-17"), ...output], ".*mlp-tracing-17.onnx: expected the network of .*"],
    [[a, b, ...output, "--data", "toy", "--repair"], "mlp: expected samples of 1 x 8 x 8, got toy with 2; .*"],
  ] as const)("%j", async (words, message) => {
    const files = contentsOf(folder.path);
    const { status, stdout, stderr } = await orbifold(folder.path, "merge", ...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^orbifold: ${message}\n$`));
    expect(contentsOf(folder.path)).toEqual(files);
  });
});
