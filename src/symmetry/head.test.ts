import { describe, expect, it } from "vitest";
import { type Architecture, architectures, randomInput, randomParameters } from "../../test/architectures/index.ts";
import { randomShift } from "../../test/symmetry/random-shift.ts";
import { referenceEngine } from "../engine/index.ts";
import { input } from "../graph/index.ts";
import { mlp, type Network, type Parameters } from "../nets/index.ts";
import { fold, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { discoverGraph, discoverNetwork } from "./discover.ts";
import { type HeadSymmetry, headSymmetry } from "./head.ts";
import { inputName, networkOutput } from "./network-graph.ts";

const reference = referenceEngine();
const key = rngKey(31);

/** Rounding of a few hundred additions, relative to numbers of order 1. */
const tolerance = 1e-10;

const heads = ["mlp-relu", "lenet", "resnet20", "vit", "gpt2", "llama-mha", "llama-mha-tied", "gru-stacked"];

describe.each(heads)("the head of %s", (name) => {
  const { network } = architectures.find((each) => each.name === name) as Architecture;
  const head = headSymmetry(discoverNetwork(network)) as HeadSymmetry;
  const parameters = randomParameters(network, key);
  const x = randomInput(network, fold(key, "input"), 4);

  it("scales the output with its parameters, and keeps the decision", async () => {
    const scaled = head.scale.map((each) => [each, times(parameters[each] as Tensor<"float64">, 1.7)] as const);
    const [before, after] = await rows(network, x, [parameters, { ...parameters, ...Object.fromEntries(scaled) }]);
    expect(head.scale.length).toBeGreaterThan(0);
    expect(after.map(argmax)).toEqual(before.map(argmax));
    expect(
      distance(
        after.flat(),
        before.flat().map((logit) => 1.7 * logit),
      ),
    ).toBeLessThan(tolerance);
  });

  it("adds the same to every class, and keeps the probabilities", async () => {
    const shifted = head.shift.map(({ tensor, along }) => {
      const value = parameters[tensor] as Tensor<"float64">;
      return [tensor, randomShift(fold(key, tensor), value, { along, range: null })] as const;
    });
    const [before, after] = await rows(network, x, [parameters, { ...parameters, ...Object.fromEntries(shifted) }]);
    expect(distance(after.flatMap(softmax), before.flatMap(softmax))).toBeLessThan(tolerance);
    expect(after.map(argmax)).toEqual(before.map(argmax));
    expect(distance(after.flat(), before.flat()) > 0.01).toBe(head.shift.length > 0);
  });
});

async function rows(network: Network, x: Tensor, all: readonly Parameters[]) {
  await using program = await reference.compile({
    output: networkOutput(network, { shape: x.shape, dtype: "float64" }),
  });
  const both: number[][][] = [];
  for (const parameters of all) {
    const output = (await program.run({ [inputName]: x, ...parameters })).output as Tensor;
    const numbers = toNumbers(output);
    const classes = output.shape.at(-1) as number;
    both.push(
      Array.from({ length: numbers.length / classes }, (_, i) => [...numbers.subarray(i * classes, (i + 1) * classes)]),
    );
  }
  return both as [number[][], number[][]];
}

function times(value: Tensor<"float64">, factor: number): Tensor<"float64"> {
  return { ...value, data: value.data.map((each) => each * factor) };
}

function argmax(row: readonly number[]): number {
  return row.indexOf(Math.max(...row));
}

function softmax(row: readonly number[]): number[] {
  const powers = row.map((logit) => Math.exp(logit - Math.max(...row)));
  return powers.map((power) => power / powers.reduce((sum, each) => sum + each, 0));
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
}

describe("headSymmetry", () => {
  const symmetryOf = (name: string) =>
    headSymmetry(discoverNetwork((architectures.find((each) => each.name === name) as Architecture).network));

  it("shifts a row of weights and a bias", () => {
    expect(symmetryOf("mlp-relu")).toEqual({
      scale: ["layers.2.weight", "layers.2.bias"],
      shift: [
        { tensor: "layers.2.weight", along: 0, dimension: 4 },
        { tensor: "layers.2.bias", along: 0, dimension: 1 },
      ],
      dimension: { probabilities: 5, decision: 6 },
    });
  });

  it("leaves tied embeddings alone, and scales the last norm in their place", () => {
    expect(symmetryOf("llama-mha-tied")).toMatchObject({ scale: ["model.norm.weight"], shift: [] });
    expect(symmetryOf("gpt2")).toMatchObject({ scale: ["ln_f.weight", "ln_f.bias"], shift: [] });
    expect(symmetryOf("tied-autoencoder")).toMatchObject({ scale: [], dimension: { probabilities: 1, decision: 1 } });
  });

  const x = input("x", "float64", [2, 4]);
  const w = input("w", "float64", [4, 3]);

  it("sees through a softmax to what scales the logits", () => {
    const head = headSymmetry(discoverGraph([x.matmul(w).softmax()], ["w"]));
    expect(head).toEqual({ scale: ["w"], shift: [], dimension: { probabilities: 0, decision: 1 } });
  });

  it("takes the classes along the axis that it is given", () => {
    const image = input("x", "float64", [2, 3, 5]);
    const bias = input("b", "float64", [3, 1]);
    const discovery = discoverGraph([image.add(bias)], ["b"]);
    expect(headSymmetry(discovery, { axis: 1 })?.shift).toEqual([{ tensor: "b", along: 0, dimension: 1 }]);
    expect(headSymmetry(discovery)?.shift).toEqual([{ tensor: "b", along: null, dimension: 3 }]);
  });

  it("is null where nothing decides, or nothing scales", () => {
    expect(headSymmetry(discoverNetwork(mlp({ input: 3, widths: [2], outputs: 1 })))).toBeNull();
    expect(headSymmetry(discoverGraph([x.matmul(w).tanh()], ["w"]))).toBeNull();
    expect(headSymmetry(discoverGraph([x.matmul(w), x], ["w"]))).toBeNull();
  });
});
