import { afterAll, describe, expect, it } from "vitest";
import { type Dataset, digitsDataset, takeSamples, teacherStudent } from "../data/index.ts";
import { initializeParameters, mlp, type Parameters } from "../nets/index.ts";
import { nativeEngine } from "../node/index.ts";
import { fromNumbers, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { calibrate, evaluate } from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

const digits = await digitsDataset();
const dataset: Dataset = { ...digits, train: takeSamples(digits.train, 200), test: takeSamples(digits.test, 60) };
const network = mlp({ input: [1, 8, 8], widths: [], outputs: 10 });
const [weight, bias] = network.parameters.map(({ name }) => name) as [string, string];
const [mean, deviation] = [dataset.normalization.mean[0] as number, dataset.normalization.deviation[0] as number];

/** A classifier by the sums of all samples of each class, which is far too sure of itself. */
function scaledBy(factor: number): Parameters {
  const { inputs, targets } = dataset.train;
  const sums = new Float64Array(640);
  for (const [i, pixel] of inputs.data.entries()) {
    const at = Number(targets.data[Math.floor(i / 64)]) * 64 + (i % 64);
    sums[at] = (sums[at] as number) + (factor / 100) * ((Number(pixel) - mean) / deviation);
  }
  return { [weight]: fromNumbers("float64", sums, [10, 64]), [bias]: fromNumbers("float64", new Float64Array(10)) };
}

/** Logits by their definition. */
function logitsByHand(from: Parameters, { inputs }: Dataset["train"]): number[][] {
  const weights = toNumbers(from[weight] as Tensor);
  return Array.from({ length: inputs.shape[0] as number }, (_, n) =>
    Array.from({ length: 10 }, (_, row) => {
      let z = 0;
      for (let i = 0; i < 64; i++) {
        z += (weights[row * 64 + i] as number) * (((inputs.data[n * 64 + i] as number) - mean) / deviation);
      }
      return z;
    }),
  );
}

/** The cross-entropy at a temperature. */
function lossAt(temperature: number, logits: readonly number[][], labels: ArrayLike<number | bigint>): number {
  const losses = logits.map((row, n) => {
    const z = row.map((each) => each / temperature);
    return Math.log(z.reduce((sum, each) => sum + Math.exp(each), 0)) - (z[Number(labels[n])] as number);
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

describe("calibrate", () => {
  it("finds the temperature of least loss on the train split, and measures on the other", async () => {
    const found = await calibrate(network, scaledBy(1), dataset, { engine, split: dataset.test });
    const logits = logitsByHand(scaledBy(1), dataset.train);
    const at = (temperature: number) => lossAt(temperature, logits, dataset.train.targets.data);
    const [colder, best, hotter] = [0.99, 1, 1.01].map((factor) => at(factor * found.temperature));
    expect(best).toBeLessThan(colder as number);
    expect(best).toBeLessThan(hotter as number);
    const test = lossAt(found.temperature, logitsByHand(scaledBy(1), dataset.test), dataset.test.targets.data);
    expect(found.loss).toBeCloseTo(test, 5);
  });

  it("undoes a factor of the logits, and leaves the error alone", async () => {
    const [once, tenfold] = await Promise.all(
      [1, 10].map((factor) => calibrate(network, scaledBy(factor), dataset, { engine, split: dataset.test })),
    );
    expect((tenfold?.temperature as number) / (once?.temperature as number)).toBeCloseTo(10, 2);
    const [plain] = await evaluate(network, [scaledBy(10)], dataset, { engine });
    expect(tenfold?.error).toBe(plain?.error);
    expect(tenfold?.loss).toBeLessThan(plain?.loss as number);
  });

  it("refuses a regression", async () => {
    const toy = teacherStudent();
    const net = mlp({ input: [2], widths: [2], outputs: 1 });
    const drawn = initializeParameters(net, rngKey(0));
    const work = calibrate(net, drawn, toy, { engine, split: toy.test });
    await expect(work).rejects.toThrow(/expected classes to calibrate logits for, got a regression/);
  });
});
