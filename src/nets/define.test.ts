import { describe, expect, it } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { ensemble, globalAveragePool, input, type Value } from "../graph/index.ts";
import { elementCount, fold, normal, rngKey, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { batchNorm, convolution, defineNetwork, gpt2, linear, mlp, type Network } from "./index.ts";

const dense = mlp({ input: [2, 3], widths: [4], outputs: 3 });
const convolutional = defineNetwork({
  description: { net: "convolutional" },
  inputShape: [2, 6, 6],
  inputKind: "real",
  outputs: 3,
  forward(image, scope) {
    const x = convolution(scope.within("conv1"), image, { filters: 4, kernel: 3, pads: 1, bias: false });
    const y = batchNorm(scope.within("bn1"), x).relu();
    const z = batchNorm(scope.within("bn2"), convolution(scope.within("conv2"), y, { filters: 4, kernel: 3, pads: 1 }));
    return linear(scope.within("fc"), globalAveragePool(z.add(y).relu()), { outputs: 3 });
  },
});

function valuesOf({ parameters }: Network): Record<string, Value> {
  return Object.fromEntries(parameters.map(({ name, shape }) => [name, input(name, "float64", shape)]));
}

describe("a network", () => {
  it("lists its parameters in the order in which it asks for them", () => {
    const names = convolutional.parameters.map(({ name }) => name);
    expect(names.slice(0, 5)).toEqual([
      "conv1.weight",
      "bn1.weight",
      "bn1.bias",
      "bn1.running_mean",
      "bn1.running_var",
    ]);
  });

  it("refuses an input of another shape", () => {
    expect(() => dense.apply(input("x", "float64", [5, 6]), valuesOf(dense))).toThrow(
      "mlp: expected an input [batch, 2, 3], got [5, 6]",
    );
  });

  it("refuses parameters that are missing or of another shape", () => {
    const x = input("x", "float64", [5, 2, 3]);
    expect(() => dense.apply(x, {})).toThrow("layers.0.weight: expected a parameter [4, 6], got nothing");
    const values = { ...valuesOf(dense), "layers.1.bias": input("b", "float64", [4]) };
    expect(() => dense.apply(x, values)).toThrow("layers.1.bias: expected a parameter [3], got [4]");
  });

  it("takes shorter sequences of tokens, not longer ones", () => {
    const network = gpt2({ vocabulary: 7, context: 4, width: 8, depth: 1, heads: 2 });
    const values = valuesOf(network);
    const apply = (length: number) => network.apply(input("x", "int64", [2, length]), values).output;
    expect(apply(1).shape).toEqual([2, 1, 7]);
    expect(apply(4).shape).toEqual([2, 4, 7]);
    expect(() => apply(5)).toThrow("gpt2: expected an input [batch, 4], got [2, 5]");
  });
});

const size = 3;
const batch = 5;
const reference = referenceEngine();

/** Parameters of all members, with an axis over them in front; variances must be positive. */
function stacked({ parameters }: Network): Record<string, Tensor> {
  return Object.fromEntries(
    parameters.map(({ name, shape }) => {
      const draws = normal(fold(rngKey(5), name), [size, ...shape], { dtype: "float64" });
      return [name, name.endsWith("var") ? { ...draws, data: draws.data.map((x) => 1 + x * x) } : draws];
    }),
  );
}

function member(values: Readonly<Record<string, Tensor>>, index: number): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(values).map(([name, { shape, data }]) => {
      const single = shape.slice(1);
      const count = elementCount(single);
      const elements = (data as Float64Array<ArrayBuffer>).slice(index * count, (index + 1) * count);
      return [name, tensor("float64", single, elements)];
    }),
  );
}

describe("an ensemble of three", () => {
  it.each([
    ["mlps", dense],
    ["convolutional nets with batch norm", convolutional],
  ] as const)("%s in training mode equals its members one by one", async (_, network) => {
    const x = input("x", "float64", [batch, ...network.inputShape]);
    const values = valuesOf(network);
    const { output, updates } = network.apply(x, values, { training: true });
    const names = ["output", ...Object.keys(updates)];
    const singles = [output, ...Object.values(updates)];
    const many = network.parameters.map(({ name, shape }) => input(`many ${name}`, "float64", [size, ...shape]));
    const members = new Map(network.parameters.map(({ name }, i) => [values[name] as Value, many[i] as Value]));
    const compile = (outputs: readonly Value[]) =>
      reference.compile(Object.fromEntries(outputs.map((value, i) => [names[i] as string, value])));
    const [single, together] = [await compile(singles), await compile(ensemble(singles, members))];

    const parameters = stacked(network);
    const fed = normal(rngKey(6), x.shape, { dtype: "float64" });
    const renamed = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [`many ${name}`, value]));
    const joint = await together.run({ x: fed, ...renamed });
    for (let i = 0; i < size; i++) {
      const alone = await single.run({ x: fed, ...member(parameters, i) });
      const mine = member(joint, i);
      for (const name of names) expectEqual(mine[name] as Tensor, alone[name] as Tensor);
    }
  });
});

/** Grouped convolutions may sum in another order. */
const digits = 12;

function expectEqual(got: Tensor, expected: Tensor) {
  expect(got.shape).toEqual(expected.shape);
  for (const [i, x] of toNumbers(expected).entries()) expect(toNumbers(got)[i]).toBeCloseTo(x, digits);
}
