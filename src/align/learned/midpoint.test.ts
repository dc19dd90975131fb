import { afterAll, describe, expect, it } from "vitest";
import { digitsDataset, takeSamples } from "../../data/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { initializeParameters, mlp, type Parameters } from "../../nets/index.ts";
import { convert, fold, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { evaluate } from "../../train/index.ts";
import { average } from "../merging/merge.ts";
import { between, inOneType, lossGradient, midpointLoss } from "./midpoint.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

const whole = await digitsDataset();
const dataset = { ...whole, train: takeSamples(whole.train, 30) };
const network = mlp({ input: dataset.sampleShape, widths: [5], outputs: 10, activation: "tanh" });
const names = network.parameters.map(({ name }) => name);
const [a, b] = ["a", "b"].map((name) => initializeParameters(network, fold(rngKey(5), name), "float64")) as [
  Parameters,
  Parameters,
];

async function trainLoss(parameters: Parameters): Promise<number> {
  const [found] = await evaluate(network, [parameters], dataset, { engine, split: "train" });
  return found?.loss as number;
}

function shifted(parameters: Parameters, name: string, { k, by }: { k: number; by: number }): Parameters {
  const own = parameters[name] as Tensor<"float64">;
  return { ...parameters, [name]: { ...own, data: own.data.with(k, (own.data[k] as number) + by) } };
}

describe("the loss on batches", () => {
  it("has the gradients of finite differences", async () => {
    await using slope = await lossGradient(
      { network, dataset, engine },
      { batchSize: 99, dtype: "float64", key: rngKey(1) },
    );
    const { loss, gradients } = await slope.at(a, 0);
    expect(loss).toBeCloseTo(await trainLoss(a), 12);
    for (const name of names) {
      const own = toNumbers(gradients[name] as Tensor);
      const k = own.findIndex((each) => Math.abs(each) > 0.01);
      const [up, down] = await Promise.all([1e-5, -1e-5].map((by) => trainLoss(shifted(a, name, { k, by }))));
      expect(own[k]).toBeCloseTo(((up as number) - (down as number)) / 2e-5, 7);
    }
  });

  it("over an epoch has the mean of the whole split, and comes in another order in the next", async () => {
    await using slope = await lossGradient(
      { network, dataset, engine },
      { batchSize: 10, dtype: "float64", key: rngKey(1) },
    );
    const losses: number[] = [];
    for (let step = 0; step < 6; step++) losses.push((await slope.at(a, step)).loss);
    const mean = (some: readonly number[]) => some.reduce((sum, each) => sum + each, 0) / some.length;
    expect(mean(losses.slice(0, 3))).toBeCloseTo(await trainLoss(a), 12);
    expect(mean(losses.slice(3))).toBeCloseTo(await trainLoss(a), 12);
    expect(new Set(losses.map((loss) => loss.toFixed(9))).size).toBe(6);
  });
});

it("the loss half-way is that of the average", async () => {
  expect(await midpointLoss({ network, dataset, engine })(a, b)).toBeCloseTo(await trainLoss(average([a, b])), 12);
});

it("a point between two networks has their entries in proportion", () => {
  const third = between(a, b, { t: 0.25, names });
  const expected = average([a, b], [3, 1]);
  for (const name of names) {
    for (const [i, x] of toNumbers(third[name] as Tensor).entries()) {
      expect(x).toBeCloseTo(toNumbers(expected[name] as Tensor)[i] as number, 14);
    }
  }
});

it("networks in half precision are computed in single precision, in double precision only where one is", () => {
  const half = Object.fromEntries(names.map((name) => [name, convert(a[name] as Tensor, "float16")]));
  const types = (networks: readonly Parameters[]) =>
    inOneType(networks).map((each) => [...new Set(Object.values(each).map(({ dtype }) => dtype))].join());
  expect(types([half, half])).toEqual(["float32", "float32"]);
  expect(types([half, a])).toEqual(["float64", "float64"]);
});
