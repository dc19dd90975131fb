import { afterAll, describe, expect, it } from "vitest";
import { type Dataset, digitsDataset, takeSamples, teacherStudent } from "../data/index.ts";
import { initializeParameters, mlp, type Parameters } from "../nets/index.ts";
import { nativeEngine } from "../node/index.ts";
import { convert, rngKey, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { type EvaluateOptions, type Evaluation, evaluate } from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

/** Rounding of sums over up to 129 samples in float64. */
const tolerance = 1e-12;

const digits = await digitsDataset();
const dataset: Dataset = { ...digits, test: takeSamples(digits.test, 129) };
const network = mlp({ input: [1, 8, 8], widths: [5], outputs: 10, activation: "tanh" });
const drawn = (seed: number) => initializeParameters(network, rngKey(seed), "float64");
const options: EvaluateOptions = { engine };

/** Loss and error by their definitions, one sample at a time. */
function byHand(parameters: Parameters): Evaluation {
  const numbers = (name: string) => toNumbers(parameters[name] as Tensor);
  const layer = (x: readonly number[], at: number) =>
    Array.from(numbers(`layers.${at}.bias`), (bias, row) =>
      x.reduce((sum, value, i) => sum + value * (numbers(`layers.${at}.weight`)[row * x.length + i] as number), bias),
    );
  const [mean, deviation] = [dataset.normalization.mean[0] as number, dataset.normalization.deviation[0] as number];
  const { inputs, targets } = dataset.test;
  let [loss, wrong] = [0, 0];
  for (let n = 0; n < 129; n++) {
    const pixels = Array.from({ length: 64 }, (_, i) => ((inputs.data[n * 64 + i] as number) - mean) / deviation);
    const logits = layer(layer(pixels, 0).map(Math.tanh), 1);
    const label = targets.data[n] as number;
    loss += Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - (logits[label] as number);
    wrong += logits.indexOf(Math.max(...logits)) === label ? 0 : 1;
  }
  return { loss: loss / 129, error: wrong / 129, samples: 129 };
}

function expectEqual(got: Evaluation | undefined, expected: Evaluation): void {
  expect(got?.samples).toBe(expected.samples);
  expect(got?.error).toBe(expected.error);
  expect(Math.abs((got?.loss ?? Number.NaN) - expected.loss)).toBeLessThan(tolerance);
}

describe("evaluate", () => {
  it("computes what the definitions say, whatever the batch size", async () => {
    const expected = byHand(drawn(1));
    expect(expected.error).toBeGreaterThan(0.5);
    for (let batchSize = 1; batchSize <= 129; batchSize++) {
      const [got] = await evaluate(network, [drawn(1)], dataset, { ...options, batchSize });
      expectEqual(got, expected);
    }
  });

  it("computes several networks as it computes each, whatever the batch size", async () => {
    const networks = [1, 2, 3].map(drawn);
    const alone = await Promise.all(networks.map((each) => evaluate(network, [each], dataset, options)));
    for (const batchSize of [1, 2, 64, 128, 129, 1000]) {
      const together = await evaluate(network, networks, dataset, { ...options, batchSize });
      expect(together.length).toBe(3);
      for (const [i, [expected]] of alone.entries()) expectEqual(together[i], expected as Evaluation);
    }
  });

  it("takes the split that it is told", async () => {
    const [test] = await evaluate(network, [drawn(1)], dataset, options);
    const [train] = await evaluate(network, [drawn(1)], dataset, { ...options, split: "train" });
    const [part] = await evaluate(network, [drawn(1)], dataset, { ...options, split: takeSamples(dataset.train, 7) });
    expect([test, train, part].map((each) => each?.samples)).toEqual([129, 1437, 7]);
    expect(new Set([test, train, part].map((each) => each?.loss)).size).toBe(3);
  });

  it("gives the mean squared error of a regression, and no error", async () => {
    const toy = teacherStudent();
    const linear = mlp({ input: 2, widths: [], outputs: 1 });
    const weights = [3, -2];
    const parameters = {
      "layers.0.weight": tensor("float64", [1, 2], Float64Array.from(weights)),
      "layers.0.bias": tensor("float64", [1], Float64Array.of(0.5)),
    };
    const { inputs, targets } = toy.test as { inputs: Tensor<"float64">; targets: Tensor<"float64"> };
    const squares = Array.from(targets.data, (y, i) => {
      return (3 * (inputs.data[2 * i] as number) - 2 * (inputs.data[2 * i + 1] as number) + 0.5 - y) ** 2;
    });
    const [got] = await evaluate(linear, [parameters], toy, options);
    expect(got).toMatchObject({ error: null, samples: 1681 });
    expect(got?.loss).toBeCloseTo(squares.reduce((sum, x) => sum + x, 0) / 1681, 9);
  });

  it("leaves out tensors that the network does not know", async () => {
    const stray = { ...drawn(2), num_batches_tracked: tensor("int64", [], new BigInt64Array(1)) };
    const [, got] = await evaluate(network, [drawn(1), stray], dataset, options);
    const [reordered] = await evaluate(
      network,
      [{ stray: drawn(1)["layers.0.bias"] as Tensor, ...drawn(2) }],
      dataset,
      options,
    );
    const [expected] = await evaluate(network, [drawn(2)], dataset, options);
    expectEqual(got, expected as Evaluation);
    expectEqual(reordered, expected as Evaluation);
  });

  it("stops when the signal is raised", async () => {
    const signal = AbortSignal.abort();
    await expect(evaluate(network, [drawn(1)], dataset, { ...options, signal })).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

describe("what does not fit is refused in one line", () => {
  const { "layers.0.bias": bias, ...rest } = drawn(1);
  const single = Object.fromEntries(Object.entries(drawn(1)).map(([name, each]) => [name, convert(each, "float32")]));
  const { inputs, targets } = dataset.test;
  const split = (changed: object) => ({ ...options, split: { inputs, targets, ...changed } });
  const advice = "; use the data set that the network is for, or build a network for this one";

  it.each([
    ["no networks", [], {}, "evaluate: expected parameters of at least one network, got none"],
    ["a missing tensor", [rest], {}, "layers.0.bias: expected float64 [5], got none"],
    [
      "a tensor of another shape",
      [{ ...rest, "layers.0.bias": tensor("float64", [6], new Float64Array(6)) }],
      {},
      "layers.0.bias: expected float64 [5], got float64 [6]",
    ],
    [
      "a network of another type",
      [drawn(1), single],
      {},
      "layers.0.weight: expected float64 [5, 64], got float32 [5, 64]",
    ],
    [
      "half precision",
      [{ ...single, "layers.0.bias": convert(bias as Tensor, "float16") }],
      {},
      "layers.0.bias: expected float32 [5], got float16 [5]",
    ],
    ["batches of none", [drawn(1)], { batchSize: 0 }, "evaluate: expected a batch size of at least 1, got 0"],
    ["half batches", [drawn(1)], { batchSize: 1.5 }, "evaluate: expected a batch size of at least 1, got 1.5"],
    [
      "images of another shape",
      [drawn(1)],
      split({ inputs: { ...inputs, shape: [129, 64] } }),
      "evaluate: expected inputs [N, 1, 8, 8], got [129, 64]",
    ],
    [
      "labels of other samples",
      [drawn(1)],
      split({ targets: takeSamples(dataset.test, 5).targets }),
      "evaluate: expected labels [129], got [5]",
    ],
  ] as readonly (readonly [string, Parameters[], Partial<EvaluateOptions>, string])[])(
    "%s",
    async (_, parameters, changes, message) => {
      const attempt = evaluate(network, parameters, dataset, { ...options, ...changes });
      await expect(attempt).rejects.toMatchObject({ name: "InputError", message });
    },
  );

  it("another data set", async () => {
    const attempt = evaluate(network, [drawn(1)], teacherStudent(), options);
    const message = `mlp: expected samples of 1 x 8 x 8, got toy with 2${advice}`;
    await expect(attempt).rejects.toMatchObject({ name: "InputError", message });
  });
});
