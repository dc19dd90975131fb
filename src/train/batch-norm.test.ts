import { afterAll, expect, it } from "vitest";
import { type Dataset, digitsDataset, takeSamples } from "../data/index.ts";
import { batchNorm, convolution, defineNetwork, linear, type Network, type Parameters } from "../nets/index.ts";
import { nativeEngine } from "../node/index.ts";
import { rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { type Evaluation, evaluate, memberParameters, train } from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

const digits = await digitsDataset();
const dataset: Dataset = { ...digits, train: takeSamples(digits.train, 64), test: takeSamples(digits.test, 64) };
const network: Network = defineNetwork({
  description: { net: "convolution and batch norm" },
  inputShape: [1, 8, 8],
  inputKind: "real",
  outputs: 10,
  forward(x, scope) {
    const convolved = convolution(scope.within("conv"), x, { filters: 3, kernel: 3, bias: false });
    return linear(scope.within("fc"), batchNorm(scope.within("bn"), convolved).relu().flatten(), { outputs: 10 });
  },
});

async function trained(seeds: readonly number[], steps: number): Promise<readonly Parameters[]> {
  const optimizer = { kind: "sgd", learningRate: 0.05, momentum: 0.9 } as const;
  const keys = seeds.map(rngKey);
  const run = train(network, dataset, { engine, keys, optimizer, epochs: steps, batchSize: 64 });
  for (let next = await run.next(); ; next = await run.next()) {
    if (next.done) return memberParameters(network, next.value);
  }
}

function numbers(parameters: Parameters, name: string): Float64Array {
  return toNumbers(parameters[name] as Tensor);
}

/** The output of the convolution, per channel, by the definition: every image under every tap. */
function convolvedByHand(weights: Float64Array, channel: number): number[] {
  const { data, shape } = dataset.train.inputs;
  const [mean, deviation] = [dataset.normalization.mean[0] as number, dataset.normalization.deviation[0] as number];
  const pixel = (n: number, row: number, column: number) => (data[n * 64 + row * 8 + column] as number) - mean;
  const outputs: number[] = [];
  for (let n = 0; n < (shape[0] as number); n++) {
    for (let at = 0; at < 36; at++) {
      const [row, column] = [Math.floor(at / 6), at % 6];
      const taps = Array.from({ length: 9 }, (_, tap) => {
        const x = pixel(n, row + Math.floor(tap / 3), column + (tap % 3)) / deviation;
        return x * (weights[channel * 9 + tap] as number);
      });
      outputs.push(taps.reduce((sum, x) => sum + x, 0));
    }
  }
  return outputs;
}

it("moves the running statistics a tenth of the way to those of the batch", async () => {
  const frozen = { kind: "sgd", learningRate: 1e-30 } as const;
  const run = train(network, dataset, { engine, keys: [rngKey(1)], optimizer: frozen, epochs: 1, batchSize: 64 });
  await run.next();
  const [after] = memberParameters(network, (await run.next()).value as never) as [Parameters];
  for (const channel of [0, 1, 2]) {
    const outputs = convolvedByHand(numbers(after, "conv.weight"), channel);
    const mean = outputs.reduce((sum, x) => sum + x, 0) / outputs.length;
    const variance = outputs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (outputs.length - 1);
    expect(numbers(after, "bn.running_mean")[channel]).toBeCloseTo(0.1 * mean, 5);
    expect(numbers(after, "bn.running_var")[channel]).toBeCloseTo(0.9 + 0.1 * variance, 5);
  }
});

it("learns, and evaluates by the running statistics", async () => {
  const [parameters] = (await trained([1], 60)) as [Parameters];
  const judge = async (each: Parameters) =>
    ((await evaluate(network, [each], dataset, { engine, split: "train" })) as [Evaluation])[0];
  const own = await judge(parameters);
  expect(own.error).toBeLessThan(0.1);
  const variance = parameters["bn.running_var"] as Tensor<"float32">;
  const larger = { ...variance, data: variance.data.map((x) => 100 * x) };
  const other = await judge({ ...parameters, "bn.running_var": larger });
  expect(Math.abs(other.loss - own.loss)).toBeGreaterThan(0.1);
});

it("keeps the statistics of every network of an ensemble", async () => {
  const together = await trained([1, 2], 3);
  const [first] = (await trained([1], 3)) as [Parameters];
  const [second] = (await trained([2], 3)) as [Parameters];
  for (const [member, alone] of [first, second].entries()) {
    for (const name of ["bn.running_mean", "bn.running_var", "conv.weight", "fc.bias"]) {
      const got = numbers(together[member] as Parameters, name);
      for (const [i, x] of numbers(alone, name).entries()) expect(got[i]).toBeCloseTo(x, 4);
    }
  }
  expect(numbers(first, "bn.running_mean")).not.toEqual(numbers(second, "bn.running_mean"));
});
