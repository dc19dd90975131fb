import { afterAll, describe, expect, it } from "vitest";
import { type Dataset, digitsDataset, takeSamples, teacherStudent } from "../data/index.ts";
import { batchNorm, defineNetwork, initializeParameters, linear, mlp, type Parameters } from "../nets/index.ts";
import { nativeEngine } from "../node/index.ts";
import { rngKey, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { type Evaluation, evaluate } from "../train/index.ts";
import { barrier, linearPath, type Path, profile } from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

/** Rounding of sums over up to 1681 samples in float64. */
const tolerance = 1e-11;

const digits = await digitsDataset();
const network = mlp({ input: [1, 8, 8], widths: [5], outputs: 10, activation: "tanh" });
const drawn = (seed: number) => initializeParameters(network, rngKey(seed), "float64");
const path = linearPath(drawn(1), drawn(2));

function numbers(parameters: Parameters, name: string): Float64Array {
  return toNumbers(parameters[name] as Tensor);
}

describe("the profile of a linear regression", () => {
  const toy = teacherStudent();
  const regression = mlp({ input: 2, widths: [], outputs: 1 });
  const at = (u: number, v: number, bias: number): Parameters => ({
    "layers.0.weight": tensor("float64", [1, 2], Float64Array.of(u, v)),
    "layers.0.bias": tensor("float64", [1], Float64Array.of(bias)),
  });
  const [from, to] = [at(0.3, -0.2, 1), at(-0.5, 0.4, 2.5)];
  const line = linearPath(from, to);

  /** The mean square along the line is A (1 - s)^2 + 2 C s (1 - s) + B s^2, from the residuals of its ends. */
  const { inputs, targets } = toy.test as { inputs: Tensor<"float64">; targets: Tensor<"float64"> };
  const residuals = (u: number, v: number, bias: number) =>
    Array.from(
      targets.data,
      (y, i) => u * (inputs.data[2 * i] as number) + v * (inputs.data[2 * i + 1] as number) + bias - y,
    );
  const [r, q] = [residuals(0.3, -0.2, 1), residuals(-0.5, 0.4, 2.5)];
  const mean = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * (y[i] as number), 0) / x.length;
  const [A, B, C] = [mean(r, r), mean(q, q), mean(r, q)];
  const loss = (s: number) => A * (1 - s) ** 2 + 2 * C * s * (1 - s) + B * s ** 2;

  it("is the parabola of its residuals, with the barriers of a convex curve", async () => {
    const found = await profile(regression, line, toy, { engine, points: 11 });
    expect(found.points.length).toBeGreaterThanOrEqual(11);
    for (const point of found.points) {
      expect(Math.abs(point.loss - loss(point.t))).toBeLessThan(tolerance);
      expect(point.error).toBeNull();
    }
    expect(barrier(found, "absolute")).toBeCloseTo(Math.max(A, B), 10);
    expect(barrier(found, "mid")).toBeCloseTo(Math.abs(A - B) / 2, 10);
    expect(barrier(found, "chord")).toBe(0);
  });

  it("has its maximum to nine digits wherever that lies on the grid", async () => {
    // There and part of the way back: highest where s is largest, since the loss rises along all of the line.
    expect(C).toBeLessThan(Math.max(A, B));
    const [low, high] = A < B ? [0.6, 1] : [0.4, 0];
    for (const turn of [0.371, 0.5, 0.6543]) {
      const s = (t: number) => high + (low - high) * ((t - turn) / turn) ** 2;
      const bent: Path = (t) => line(s(t));
      const found = await profile(regression, bent, toy, { engine, points: 12, tolerance: 1e-13 });
      const most = loss(high);
      expect(barrier(found, "absolute")).toBeCloseTo(most, 9);
      expect(barrier(found, "mid")).toBeCloseTo(most - (loss(s(0)) + loss(s(1))) / 2, 9);
      const dense = Array.from({ length: 100_001 }, (_, i) => i / 100_000);
      const over = dense.map((t) => loss(s(t)) - (1 - t) * loss(s(0)) - t * loss(s(1)));
      expect(barrier(found, "chord")).toBeCloseTo(Math.max(...over), 8);
    }
  });
});

describe("the profile", () => {
  const grid = { engine, points: 7, tolerance: null } as const;
  const ts = Array.from({ length: 7 }, (_, i) => i / 6);

  it("has at every point what evaluating it alone gives, however many are computed at once", async () => {
    const alone = await Promise.all(ts.map((t) => evaluate(network, [path(t)], digits, { engine, split: "train" })));
    for (const atOnce of [1, 2, 3, 4, 6, 7, 100]) {
      const done: number[] = [];
      const onProgress = (count: number, total: number) => expect(done.push(count)).toBeLessThanOrEqual(total);
      const { points } = await profile(network, path, digits, { ...grid, split: "train", atOnce, onProgress });
      expect(done.length).toBe(Math.ceil(7 / atOnce));
      expect(done.at(-1)).toBe(7);
      for (const [i, { t, loss, error }] of points.entries()) {
        const [expected] = alone[i] as readonly [Evaluation];
        expect(t).toBe(ts[i]);
        expect(error).toBe(expected.error);
        expect(Math.abs(loss - expected.loss)).toBeLessThan(tolerance);
      }
    }
  });

  it("is right for every number of samples from 1 to 129", async () => {
    const test = takeSamples(digits.test, 129);
    const losses = ts.slice(0, 3).map((t) => lossesByHand(path(t), test.inputs, test.targets));
    const three = linearPath(path(0), path(ts[2] as number));
    for (let count = 1; count <= 129; count++) {
      const options = { engine, points: 3, tolerance: null, atOnce: 97, split: takeSamples(test, count) };
      const { points } = await profile(network, three, digits, options);
      for (const [i, { loss }] of points.entries()) {
        const expected = (losses[i] as number[]).slice(0, count).reduce((sum, x) => sum + x, 0) / count;
        expect(Math.abs(loss - expected)).toBeLessThan(tolerance);
      }
    }
  });

  it("is exactly level between a network and itself", async () => {
    // Members of this ensemble are rounded differently on ONNX Runtime.
    const wide = mlp({ input: [1, 8, 8], widths: [100, 64], outputs: 10 });
    const single = initializeParameters(wide, rngKey(3));
    for (const atOnce of [1, 2, 5, 32]) {
      const found = await profile(wide, linearPath(single, structuredClone(single)), digits, {
        engine,
        points: 16,
        atOnce,
      });
      for (const of of ["loss", "error"] as const) {
        expect([barrier(found, "mid", of), barrier(found, "chord", of)]).toEqual([0, 0]);
      }
    }
  });

  it("keeps losses that are not finite", async () => {
    const huge = (t: number): Parameters => {
      const bias = tensor("float64", [10], new Float64Array(10).fill(t === 0.5 ? Number.NaN : 0));
      return { ...path(t), "layers.1.bias": bias };
    };
    const { points } = await profile(network, huge, digits, { engine, points: 5, tolerance: null });
    expect(points.map(({ loss }) => Number.isNaN(loss))).toEqual([false, false, true, false, false]);
  });

  it("stops when the signal is raised", async () => {
    const options = { ...grid, signal: AbortSignal.abort() };
    await expect(profile(network, path, digits, options)).rejects.toMatchObject({ name: "AbortError" });
  });
});

/** The cross-entropy of each sample, by its definition. */
function lossesByHand(parameters: Parameters, inputs: Tensor, targets: Tensor): number[] {
  const layer = (x: readonly number[], number: number) =>
    Array.from(numbers(parameters, `layers.${number}.bias`), (bias, row) => {
      const weights = numbers(parameters, `layers.${number}.weight`);
      return x.reduce((sum, value, i) => sum + value * (weights[row * x.length + i] as number), bias);
    });
  const [mean, deviation] = [digits.normalization.mean[0] as number, digits.normalization.deviation[0] as number];
  return Array.from(toNumbers(targets), (label, n) => {
    const pixels = Array.from({ length: 64 }, (_, i) => (Number(inputs.data[n * 64 + i]) - mean) / deviation);
    const logits = layer(layer(pixels, 0).map(Math.tanh), 1);
    return Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - (logits[label] as number);
  });
}

describe("batch norm on a path", () => {
  const normed = defineNetwork({
    description: { net: "linear and batch norm" },
    inputShape: [1, 8, 8],
    inputKind: "real",
    outputs: 10,
    forward(x, scope) {
      const hidden = linear(scope.within("fc1"), x.flatten(), { outputs: 4, bias: false });
      return linear(scope.within("fc2"), batchNorm(scope.within("bn"), hidden).relu(), { outputs: 10 });
    },
  });
  const dataset: Dataset = { ...digits, train: takeSamples(digits.train, 300) };
  const line = linearPath(
    ...([3, 4].map((seed) => initializeParameters(normed, rngKey(seed), "float64")) as [Parameters, Parameters]),
  );

  /** Means over the first two batches of 128 of their mean and their unbiased variance, as PyTorch with momentum None. */
  function statisticsByHand(parameters: Parameters) {
    const [offset, deviation] = [dataset.normalization.mean[0] as number, dataset.normalization.deviation[0] as number];
    const weights = numbers(parameters, "fc1.weight");
    const pixel = (n: number, i: number) => (Number(dataset.train.inputs.data[n * 64 + i]) - offset) / deviation;
    const hidden = (n: number, unit: number) =>
      Array.from({ length: 64 }, (_, i) => pixel(n, i) * (weights[unit * 64 + i] as number)).reduce(
        (sum, x) => sum + x,
        0,
      );
    const batches = [0, 1, 2, 3].map((unit) =>
      [0, 128].map((start) => {
        const outputs = Array.from({ length: 128 }, (_, n) => hidden(start + n, unit));
        const mean = outputs.reduce((sum, x) => sum + x, 0) / 128;
        return { mean, variance: outputs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 127 };
      }),
    );
    const over = (measure: "mean" | "variance") =>
      tensor(
        "float64",
        [4],
        Float64Array.from(batches, (unit) => unit.reduce((sum, each) => sum + each[measure], 0) / unit.length),
      );
    return { "bn.running_mean": over("mean"), "bn.running_var": over("variance") };
  }

  it("has its statistics estimated anew at every point if asked for", async () => {
    const options = { engine, points: 3, tolerance: null } as const;
    const { points } = await profile(normed, line, dataset, { ...options, batchNorm: "re-estimate" });
    const kept = await profile(normed, line, dataset, options);
    for (const [i, { t, loss }] of points.entries()) {
      const parameters = { ...line(t), ...statisticsByHand(line(t)) };
      const [expected] = (await evaluate(normed, [parameters], dataset, { engine })) as [Evaluation];
      expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-9);
      expect(Math.abs(loss - (kept.points[i]?.loss as number))).toBeGreaterThan(1e-3);
    }
  });

  it("keeps its digits in single precision, and the parameters as they were", async () => {
    const single = initializeParameters(normed, rngKey(3));
    const before = structuredClone(single);
    const options = { engine, points: 2, tolerance: null, batchNorm: "re-estimate" } as const;
    const { points } = await profile(normed, linearPath(single, single), dataset, options);
    const parameters = { ...line(0), ...statisticsByHand(line(0)) };
    const [expected] = (await evaluate(normed, [parameters], dataset, { engine })) as [Evaluation];
    expect(points[0]?.loss).toBeCloseTo(expected.loss, 4);
    expect(single).toEqual(before);
  });

  it("is refused for a network without", async () => {
    await expect(profile(network, path, digits, { engine, batchNorm: "re-estimate" })).rejects.toThrow(
      /^mlp: expected a network with running statistics to estimate, got one without/,
    );
  });
});
