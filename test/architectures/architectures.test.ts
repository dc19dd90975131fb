import { describe, expect, it } from "vitest";
import { bytesSource, openSafetensors } from "../../src/checkpoint/index.ts";
import { referenceEngine, type Tensors } from "../../src/engine/index.ts";
import { grad, input } from "../../src/graph/index.ts";
import { encodeModelFile, type Network, readParameters } from "../../src/nets/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../src/tensor/index.ts";
import { drawn, goldenArchitectures } from "../golden/nets/goldens.ts";
import { type Architecture, architectures, randomInput, randomParameters } from "./index.ts";

const reference = referenceEngine();
const key = rngKey(20);
const batch = 2;

function find(name: string): Network {
  return (architectures.find((each) => each.name === name) as Architecture).network;
}

async function outputOf(network: Network, x: Tensor, parameters: Tensors): Promise<Tensor> {
  const { output } = network.apply(input("input", x.dtype, x.shape), inputsOf(network));
  await using program = await reference.compile({ output });
  return (await program.run({ input: x, ...parameters })).output as Tensor;
}

function inputsOf({ parameters }: Network) {
  return Object.fromEntries(parameters.map(({ name, shape }) => [name, input(name, "float64", shape)]));
}

describe.each(architectures.map(({ name, network }) => [name, network] as const))("%s", (_, network) => {
  const parameters = randomParameters(network, key);
  const x = randomInput(network, fold(key, "input"), batch);

  it("computes finite numbers that depend on the input", async () => {
    const output = await outputOf(network, x, parameters);
    const numbers = toNumbers(output);
    expect(output.shape[0]).toBe(batch);
    expect(output.shape.at(-1)).toBe(network.outputs);
    expect(numbers.every(Number.isFinite)).toBe(true);
    const half = numbers.length / 2;
    expect(numbers.subarray(0, half)).not.toEqual(numbers.subarray(half));
  });

  it("has the derivative that differences show", async () => {
    const direction = directionOf(network);
    const inputs = inputsOf(network);
    const { output } = network.apply(input("input", x.dtype, x.shape), inputs);
    const names = Object.keys(direction);
    const gradients = grad(
      output.square().mean(),
      names.map((name) => inputs[name] as ReturnType<typeof input>),
    );
    const program = await reference.compile(
      Object.fromEntries(gradients.map((value, i) => [names[i] as string, value])),
    );
    const slopes = await program.run({ input: x, ...parameters });
    const slope = names.reduce((sum, name) => sum + dot(slopes[name] as Tensor, direction[name] as Tensor), 0);
    const at = async (step: number) => {
      const numbers = toNumbers(await outputOf(network, x, moved(parameters, direction, step)));
      return numbers.reduce((sum, y) => sum + y * y, 0) / numbers.length;
    };
    const difference = ((await at(step)) - (await at(-step))) / (2 * step);
    expect(Math.abs(slope)).toBeGreaterThan(1e-4);
    expect(Math.abs(difference / slope - 1)).toBeLessThan(differenceTolerance);
  });

  it("is read back from a checkpoint", async () => {
    const chunks = encodeModelFile(network, parameters);
    const file = new Uint8Array(await new Blob(chunks).arrayBuffer());
    expect(await readParameters(network, await openSafetensors(bytesSource("file", file)), "file")).toEqual(parameters);
  });
});

const step = 1e-6;
/** Differences lose half of the sixteen digits, and what a ReLU bends within the step. */
const differenceTolerance = 1e-5;

function directionOf({ parameters }: Network): Tensors {
  const trained = parameters.filter(({ trainable }) => trainable);
  return Object.fromEntries(
    trained.map(({ name, shape }) => [name, normal(fold(key, "direction", name), shape, { dtype: "float64" })]),
  );
}

function moved(parameters: Tensors, direction: Tensors, step: number): Tensors {
  const entries = Object.entries(parameters).map(([name, value]) => {
    const along = direction[name];
    if (!along) return [name, value] as const;
    const steps = toNumbers(along);
    return [
      name,
      fromNumbers(
        "float64",
        toNumbers(value).map((x, i) => x + step * (steps[i] as number)),
        value.shape,
      ),
    ] as const;
  });
  return Object.fromEntries(entries);
}

function dot(a: Tensor, b: Tensor): number {
  const factors = toNumbers(b);
  return toNumbers(a).reduce((sum, x, i) => sum + x * (factors[i] as number), 0);
}

/** Another order of summation in float64. */
const digits = 12;

describe("the gallery", () => {
  it("has one architecture of each name", () => {
    const names = architectures.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(goldenArchitectures.map((golden) => [golden.name, golden] as const))(
    "computes what PyTorch does: %s",
    async (name, golden) => {
      const network = find(name);
      expect(Object.fromEntries(network.parameters.map(({ name, shape }) => [name, shape]))).toEqual(golden.state);
      const parameters = Object.fromEntries(
        network.parameters.map(({ name, shape }) => [name, drawn(name, shape, "float64")]),
      );
      const got = toNumbers(await outputOf(network, drawn("input", golden.input, "float64"), parameters));
      expect(got.length).toBe(golden.output.length);
      for (const [i, expected] of golden.output.entries()) expect(got[i]).toBeCloseTo(expected, digits);
    },
  );

  it.each([
    ["lstm", 4],
    ["gru", 3],
  ])("has each %s once more with a matrix per gate", async (cell, gates) => {
    const [joint, single] = [find(`${cell}-stacked`), find(`${cell}-separate`)];
    const parameters = randomParameters(joint, key);
    const x = randomInput(joint, key, batch);
    const split = Object.fromEntries(
      Object.entries(parameters).flatMap(([name, value]) =>
        name.startsWith("cell.") ? rowsOf(name, value, gates) : [[name, value]],
      ),
    );
    expect(await outputOf(single, x, split)).toEqual(await outputOf(joint, x, parameters));
  });
});

/** The rows of each gate, under the names of the separate matrices. */
function rowsOf(name: string, { shape: [rows, ...rest], data }: Tensor<"float64">, gates: number) {
  return Array.from({ length: gates }, (_, gate) => {
    const size = data.length / gates;
    const part = data.slice(gate * size, (gate + 1) * size);
    return [
      name.replace("cell.", `cell.gate${gate}.`),
      fromNumbers("float64", part, [(rows as number) / gates, ...rest]),
    ] as const;
  });
}
