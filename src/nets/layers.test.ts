import { describe, expect, it } from "vitest";
import { drawn, goldens } from "../../test/golden/nets/goldens.ts";
import { referenceEngine } from "../engine/index.ts";
import { constant, crossEntropy, globalAveragePool, grad, input } from "../graph/index.ts";
import { fromNumbers, type Tensor, toNumbers } from "../tensor/index.ts";
import { batchNorm, convolution, defineNetwork, linear } from "./index.ts";

const network = defineNetwork({
  description: { net: "normalized" },
  inputShape: [2, 5, 5],
  inputKind: "real",
  outputs: 3,
  forward(x, scope) {
    const convolved = convolution(scope.within("conv"), x, { filters: 4, kernel: 3 });
    const features = globalAveragePool(batchNorm(scope.within("bn1"), convolved).relu());
    return batchNorm(scope.within("bn2"), linear(scope.within("fc"), features, { outputs: 3 }));
  },
});

const inputs = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)]));

/** The reference engine and torch sum in different orders. */
const digits = 12;

describe("batchNorm in training mode", () => {
  const golden = goldens.training;
  const labels = constant(fromNumbers("int64", [0, 1, 2, 0, 1, 2]));
  const { output, updates } = network.apply(input("input", "float64", golden.input), inputs, { training: true });
  const trained = network.parameters.filter(({ trainable }) => trainable).map(({ name }) => name);
  const gradients = grad(
    crossEntropy(output, labels),
    trained.map((name) => inputs[name] as (typeof inputs)[string]),
  );

  async function evaluated() {
    const named = gradients.map((gradient, i) => [`gradient of ${trained[i]}`, gradient] as const);
    const program = await referenceEngine().compile({ output, ...updates, ...Object.fromEntries(named) });
    const parameters = network.parameters.map(({ name, shape }) => [name, drawn(name, shape, "float64")] as const);
    return program.run({ input: drawn("input", golden.input, "float64"), ...Object.fromEntries(parameters) });
  }

  function expectClose(got: Tensor | undefined, expected: readonly number[]) {
    const numbers = toNumbers(got as Tensor);
    expect(numbers.length).toBe(expected.length);
    for (const [i, x] of expected.entries()) expect(numbers[i]).toBeCloseTo(x, digits);
  }

  it("gives torch's outputs, running statistics and gradients", async () => {
    const results = await evaluated();
    expectClose(results.output, golden.output);
    expect(Object.keys(updates).sort()).toEqual(Object.keys(golden.updates).sort());
    for (const [name, expected] of Object.entries(golden.updates)) expectClose(results[name], expected);
    for (const name of trained) expectClose(results[`gradient of ${name}`], golden.gradients[name] ?? []);
  });

  it("refuses a batch of one value per channel", () => {
    const one = input("input", "float64", [1, 2, 5, 5]);
    expect(() => network.apply(one, inputs, { training: true })).toThrow(
      "batch norm: expected more than one value per channel to train on, got [1, 3]; train on larger batches",
    );
  });
});

describe("batchNorm in eval mode", () => {
  it("updates nothing", () => {
    expect(network.apply(input("input", "float64", [1, 2, 5, 5]), inputs).updates).toEqual({});
  });
});
