import { describe, expect, it } from "vitest";
import { elementCount, rngKey } from "../tensor/index.ts";
import {
  gpt2,
  initializeParameters,
  lenet,
  llama,
  mlp,
  parameterCount,
  resnet18,
  resnet20,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  vgg11,
  vgg13,
  vgg16,
  vgg19,
  vit,
} from "./index.ts";

describe("parameterCount", () => {
  const base = { input: [3, 224, 224], patch: 16, width: 768, depth: 12, heads: 12, outputs: 1000 };
  it.each([
    ["resnet18", resnet18(), 11_689_512],
    ["resnet34", resnet34(), 21_797_672],
    ["resnet50", resnet50(), 25_557_032],
    ["resnet101", resnet101(), 44_549_160],
    ["resnet152", resnet152(), 60_192_808],
    ["vgg11", vgg11(), 132_863_336],
    ["vgg13", vgg13(), 133_047_848],
    ["vgg19", vgg19(), 143_667_240],
    ["vgg16", vgg16(), 138_357_544],
    ["vgg16-bn", vgg16({ batchNorm: true }), 138_365_992],
    ["vit-base-patch16", vit(base), 86_567_656],
    ["gpt2", gpt2(), 124_439_808],
    ["llama of TinyLlama's size", llama(), 1_100_048_384],
    ["a linear classifier", mlp({ input: [28, 28], widths: [], outputs: 10 }), 7850],
  ])("of %s is the published one", (_, network, count) => {
    expect(parameterCount(network)).toBe(count);
  });

  it("of lenet is 430,500 weights and 580 biases", () => {
    expect(parameterCount(lenet({ bias: false }))).toBe(430_500);
    expect(parameterCount(lenet())).toBe(431_080);
  });

  it("of resnet20 is about 0.27 million", () => {
    expect(parameterCount(resnet20()) / 1e6).toBeCloseTo(0.27, 2);
  });
});

describe("initializeParameters", () => {
  const network = mlp({ input: 5, widths: [4, 3], outputs: 2, initializer: "pytorch" });

  it("draws the same from the same key and something else from another", () => {
    const drawn = initializeParameters(network, rngKey(1));
    expect(initializeParameters(network, rngKey(1))).toEqual(drawn);
    expect(initializeParameters(network, rngKey(2))).not.toEqual(drawn);
  });

  it("draws each tensor from its name, whatever the others are", () => {
    const reversed = { ...network, parameters: network.parameters.toReversed() };
    expect(initializeParameters(reversed, rngKey(1))).toEqual(initializeParameters(network, rngKey(1)));
    const shallow = initializeParameters(mlp({ input: 5, widths: [4], outputs: 3, initializer: "pytorch" }), rngKey(1));
    expect(initializeParameters(network, rngKey(1))).toMatchObject(shallow);
  });

  it("gives every parameter its shape and the type asked for", () => {
    const { parameters } = resnet20();
    const drawn = initializeParameters(resnet20(), rngKey(1), "float64");
    for (const { name, shape } of parameters) {
      expect(drawn[name]).toMatchObject({ dtype: "float64", shape });
      expect(drawn[name]?.data.length).toBe(elementCount(shape));
    }
  });

  it("starts running statistics at mean 0 and variance 1, and does not count them as trained", () => {
    const drawn = initializeParameters(resnet20(), rngKey(1));
    expect(new Set(drawn["bn1.running_mean"]?.data)).toEqual(new Set([0]));
    expect(new Set(drawn["bn1.running_var"]?.data)).toEqual(new Set([1]));
    const frozen = resnet20().parameters.filter(({ trainable }) => !trainable);
    expect(frozen.every(({ name }) => /\.running_(mean|var)$/.test(name))).toBe(true);
  });
});

describe("the default initializer", () => {
  const kinds = (network: { readonly parameters: readonly { readonly initializer: object }[] }) =>
    network.parameters.map(({ initializer }) => (initializer as { kind: string }).kind);

  it.each([
    ["relu", "he"],
    ["gelu", "he"],
    ["tanh", "glorot"],
    ["g", "glorot"],
  ] as const)("of an mlp with %s is %s, with zero biases", (activation, kind) => {
    const network = mlp({ input: 3, widths: [3], outputs: 2, activation });
    expect(kinds(network)).toEqual([kind, "constant", kind, "constant"]);
    expect(network.description.initializer).toBe(kind);
  });

  it("of gpt2 is normal, narrower where projections add up", () => {
    const { parameters } = gpt2({ vocabulary: 5, context: 4, width: 8, depth: 2, heads: 2 });
    const of = (name: string) => parameters.find((each) => each.name === name)?.initializer;
    expect(of("wte.weight")).toEqual({ kind: "normal", deviation: 0.02 });
    expect(of("h.1.mlp.c_proj.weight")).toEqual({ kind: "normal", deviation: 0.01 });
  });
});
