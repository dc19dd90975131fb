import { afterAll, describe, expect, it } from "vitest";
import { drawn, goldenProblem, goldens } from "../../../test/golden/curvature/goldens.ts";
import { type Dataset, digitsDataset, takeSamples } from "../../data/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { initializeParameters, mlp, type Parameters } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { fromNumbers, rngKey, toNumbers } from "../../tensor/index.ts";
import { eigenpairs, fullSpectrum, type HessianOptions, hessianOperator, kinksIn, type Vector } from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

function deviation(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(got.length).toBe(expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs));
  return Math.max(...Array.from(got, (value, i) => Math.abs(value - (expected[i] as number)))) / largest;
}

/** Sums in another order, in either type. */
const rounding = { float64: 1e-12, float32: 3e-6 };

describe.each(
  goldens.map((golden) => [`${golden.activation}${golden.pool ? " with max pooling" : ""}`, golden] as const),
)("a convolution with batch norm and %s", (_, golden) => {
  const { network, parameters, dataset } = goldenProblem(golden);
  const direction = Float64Array.from(drawn(2, golden.product.length));

  it.each([
    ["float64", 9, engine],
    ["float64", 4, engine],
    ["float64", 1, engine],
    ["float64", 4, referenceEngine()],
    ["float32", 4, engine],
  ] as const)("has the loss, gradient and products of PyTorch (%s, batches of %i)", async (dtype, batchSize, on) => {
    await using operator = hessianOperator(network, parameters, dataset, { engine: on, dtype, batchSize });
    expect(operator.layout.entries.map(({ name }) => name)).toEqual(golden.names);
    const { loss, gradient, gradientNorm } = await operator.slope();
    expect(Math.abs(loss - golden.loss)).toBeLessThan(rounding[dtype]);
    expect(deviation(gradient, golden.gradient)).toBeLessThan(rounding[dtype]);
    expect(gradientNorm).toBeCloseTo(Math.hypot(...golden.gradient), 6);
    const vectors: Vector[] = [1, -2, 0].map((factor) => direction.map((x) => factor * x));
    if (dtype === "float32") for (const [i, vector] of vectors.entries()) vectors[i] = Float32Array.from(vector);
    const products = await operator.products([...vectors, ...vectors, ...vectors, ...vectors]);
    for (const [i, product] of products.entries()) {
      const factor = [1, -2, 0][i % 3] as number;
      if (factor === 0) expect(product.every((x: number) => x === 0)).toBe(true);
      else
        expect(
          deviation(
            product,
            golden.product.map((x) => factor * x),
          ),
        ).toBeLessThan(rounding[dtype]);
    }
  });

  it("has the eigenvalues of LAPACK, by Lanczos and from the dense matrix", async () => {
    await using operator = hessianOperator(network, parameters, dataset, { engine, dtype: "float64" });
    const n = golden.eigenvalues.length;
    const found = await eigenpairs(operator, { key: rngKey(1), which: "both", count: 6 });
    const ends = golden.eigenvalues.toReversed().filter((_, i) => i < 3 || i >= n - 3);
    expect(
      deviation(
        found.pairs.map(({ value }) => value),
        ends,
      ),
    ).toBeLessThan(1e-10);
    const full = await fullSpectrum(network, parameters, dataset, { engine });
    expect(deviation(full.eigenvalues, golden.eigenvalues)).toBeLessThan(1e-12);
    expect(full.trace).toBeCloseTo(golden.trace, 12);
    expect(full.loss).toBeCloseTo(golden.loss, 12);
    expect(deviation(full.gradient, golden.gradient)).toBeLessThan(rounding.float64);
  });
});

/** Samples and targets for networks without hidden layers, whose Hessian is known in closed form. */
function linearProblem(task: "regression" | "classification", samples: number) {
  const [inputs, outputs] = [4, 3];
  const split = {
    inputs: fromNumbers("float64", drawn(5, samples * inputs), [samples, inputs]),
    targets:
      task === "regression"
        ? fromNumbers("float64", drawn(6, samples * outputs), [samples, outputs])
        : fromNumbers(
            "int32",
            Array.from({ length: samples }, (_, i) => (i * i) % outputs),
            [samples],
          ),
  };
  const normalization = { mean: [0, 0, 0, 0], deviation: [1, 1, 1, 1] };
  const classes = task === "classification" ? outputs : 0;
  const dataset: Dataset = {
    name: "linear",
    task,
    classes,
    sampleShape: [inputs],
    normalization,
    train: split,
    test: split,
  };
  const network = mlp({ input: inputs, widths: [], outputs, bias: false });
  const rows = drawn(5, samples * inputs);
  const x = Array.from({ length: samples }, (_, p) => rows.slice(p * inputs, (p + 1) * inputs));
  return { dataset, network, x, inputs, outputs };
}

describe("the Hessian in closed form", () => {
  it.each([1, 2, 3, 7, 64, 129, 1030])(
    "of linear regression is (2 / N) X'X for every output (%i samples)",
    async (samples) => {
      const { dataset, network, x, inputs, outputs } = linearProblem("regression", samples);
      const batchSize = samples > 1000 ? 400 : 3;
      const parameters = initializeParameters(network, rngKey(2), "float64");
      const { hessian } = await fullSpectrum(network, parameters, dataset, { engine });
      await using operator = hessianOperator(network, parameters, dataset, { engine, dtype: "float64", batchSize });
      const n = inputs * outputs;
      const expected = new Float64Array(n * n);
      // The mean is over outputs too.
      for (const row of x)
        for (let o = 0; o < outputs; o++)
          for (let i = 0; i < inputs; i++)
            for (let j = 0; j < inputs; j++) {
              const at = (o * inputs + i) * n + o * inputs + j;
              expected[at] =
                (expected[at] as number) + (2 / samples / outputs) * (row[i] as number) * (row[j] as number);
            }
      expect(deviation(hessian, expected)).toBeLessThan(1e-13);
      const units = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
      const rows = (await operator.products(units)).flatMap((row) => Array.from(row));
      expect(deviation(rows, expected)).toBeLessThan(1e-13);
    },
  );

  it("of softmax regression is the mean of (diag p - p p') (x) x x'", async () => {
    const { dataset, network, x, inputs, outputs } = linearProblem("classification", 20);
    const parameters = initializeParameters(network, rngKey(2), "float64");
    const weights = toNumbers(parameters["layers.0.weight"] as NonNullable<Parameters[string]>);
    const n = inputs * outputs;
    const expected = new Float64Array(n * n);
    for (const row of x) {
      const logits = Array.from({ length: outputs }, (_, o) =>
        row.reduce((sum, value, i) => sum + value * (weights[o * inputs + i] as number), 0),
      );
      const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
      const p = logits.map((z) => Math.exp(z) / total);
      for (let a = 0; a < n; a++)
        for (let b = 0; b < n; b++) {
          const [o, q] = [Math.floor(a / inputs), Math.floor(b / inputs)];
          const [po, pq] = [p[o], p[q]] as [number, number];
          const factor = (o === q ? po : 0) - po * pq;
          expected[a * n + b] =
            (expected[a * n + b] as number) +
            (factor * (row[a % inputs] as number) * (row[b % inputs] as number)) / x.length;
        }
    }
    expect(deviation((await fullSpectrum(network, parameters, dataset, { engine })).hessian, expected)).toBeLessThan(
      1e-13,
    );
  });
});

describe("hessianOperator", () => {
  const golden = goldens[0] as (typeof goldens)[number];
  const { network, parameters, dataset } = goldenProblem(golden);
  const open = (options: Partial<HessianOptions>) =>
    hessianOperator(network, parameters, dataset, { engine, ...options });

  it("is the block of some of the parameters", async () => {
    await using operator = open({ only: ["fc.bias", "norm.weight"], dtype: "float64" });
    expect(operator.layout.entries.map(({ name }) => name)).toEqual(["norm.weight", "fc.bias"]);
    const whole = await fullSpectrum(network, parameters, dataset, { engine });
    const places = whole.layout.entries.flatMap(({ name, start, shape }) =>
      name === "norm.weight" || name === "fc.bias"
        ? Array.from({ length: shape[0] as number }, (_, i) => start + i)
        : [],
    );
    const n = whole.layout.size;
    const units = places.map((_, i) => Float64Array.from(places, (_, j) => (i === j ? 1 : 0)));
    const rows = (await operator.products(units)).flatMap((row) => Array.from(row));
    const block = places.flatMap((i) => places.map((j) => whole.hessian[i * n + j] as number));
    expect(deviation(rows, block)).toBeLessThan(1e-12);
    const part = await fullSpectrum(network, parameters, dataset, { engine, only: ["fc.bias", "norm.weight"] });
    expect(deviation(part.hessian, block)).toBeLessThan(1e-12);
  });

  it("refuses unknown names, missing tensors, empty batches and losses that are not finite", async () => {
    expect(() => open({ only: ["fc.bios"] })).toThrow(
      'hessian: expected trained parameters, got "fc.bios"; did you mean fc.bias?',
    );
    expect(() => open({ only: ["norm.running_mean"] })).toThrow(/^hessian: expected trained parameters/);
    expect(() => open({ batchSize: 0 })).toThrow("hessian: expected a batch size of at least 1, got 0");
    const { "fc.bias": _, ...rest } = parameters;
    expect(() => hessianOperator(network, rest, dataset, { engine })).toThrow(/^fc.bias: expected \[3\], got none/);
    const infinite = { ...parameters, "fc.bias": fromNumbers("float64", [Number.POSITIVE_INFINITY, 0, 0], [3]) };
    await using operator = hessianOperator(network, infinite, dataset, { engine });
    await expect(operator.slope()).rejects.toThrow("hessian: expected a finite loss, got NaN");
    await expect(fullSpectrum(network, infinite, dataset, { engine })).rejects.toThrow(/expected a finite loss/);
  });

  it("tells kinks from steps", async () => {
    const shape = { input: [4], widths: [3], outputs: 2 };
    for (const [activation, kinks] of [
      ["relu", ["Relu"]],
      ["leaky-relu", ["LeakyRelu"]],
      ["tanh", []],
      ["gelu", []],
    ] as const) {
      const one = mlp({ ...shape, activation });
      const entries = one.parameters.map(({ name, shape }) => ({ name, shape, start: 0 }));
      expect(kinksIn(one, { entries, size: 0 })).toEqual(kinks);
    }
    const { dataset: four } = linearProblem("classification", 5);
    const sign = mlp({ ...shape, outputs: 3, activation: "sign" });
    expect(() => hessianOperator(sign, initializeParameters(sign, rngKey(1)), four, { engine })).toThrow(
      /^mlp: expected a network that can be differentiated twice, got one with a derivative that is not its own/,
    );
  });

  it("refuses a dense matrix of too many parameters", async () => {
    const digits = await digitsDataset();
    const wide = mlp({ input: [1, 8, 8], widths: [64], outputs: 10 });
    await expect(fullSpectrum(wide, initializeParameters(wide, rngKey(1)), digits, { engine })).rejects.toThrow(
      "hessian: expected at most 4096 parameters for all eigenvalues, got 4810; ask for some of them with --top",
    );
  });
});

describe("rescaling a layer of a relu network (Dinh 2017, arXiv 1703.04933)", () => {
  it("changes the eigenvalues of the Hessian and not the loss", async () => {
    const digits = await digitsDataset();
    const few = { ...digits, train: takeSamples(digits.train, 100) };
    const network = mlp({ input: [1, 8, 8], widths: [8], outputs: 10, bias: false });
    const parameters = initializeParameters(network, rngKey(1), "float64");
    const scaled = Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => {
        const factor = name === "layers.0.weight" ? 10 : 0.1;
        return [
          name,
          fromNumbers(
            "float64",
            toNumbers(value).map((x) => x * factor),
            value.shape,
          ),
        ];
      }),
    );
    const at = async (weights: Parameters, only: readonly string[]) => {
      await using operator = hessianOperator(network, weights, few, { engine, dtype: "float64", only });
      const { loss } = await operator.slope();
      const { pairs } = await eigenpairs(operator, { key: rngKey(1), count: 2 });
      return { loss, largest: pairs[0]?.value as number };
    };
    for (const [only, ratio] of [
      [["layers.0.weight"], 0.01],
      [["layers.1.weight"], 100],
    ] as const) {
      const [before, after] = [await at(parameters, only), await at(scaled, only)];
      expect(after.loss).toBeCloseTo(before.loss, 12);
      expect(after.largest / before.largest / ratio).toBeCloseTo(1, 8);
    }
    const both = ["layers.0.weight", "layers.1.weight"];
    expect((await at(scaled, both)).largest / (await at(parameters, both)).largest).toBeGreaterThan(5);
  });
});

describe("fullSpectrum", () => {
  it("works also where inputs that are always 0 leave rows of nothing", async () => {
    const digits = await digitsDataset();
    const network = mlp({ input: [1, 8, 8], widths: [4], outputs: 10, activation: "tanh" });
    const few = { ...digits, train: takeSamples(digits.train, 60) };
    const { index, eigenvalues, trace } = await fullSpectrum(network, initializeParameters(network, rngKey(1)), few, {
      engine,
    });
    expect(index.zero).toBeGreaterThanOrEqual(4);
    expect(eigenvalues.reduce((sum, x) => sum + x, 0)).toBeCloseTo(trace, 10);
  });
});
