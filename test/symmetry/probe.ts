import { referenceEngine } from "../../src/engine/index.ts";
import { input, type Value } from "../../src/graph/index.ts";
import { defineNetwork, type Network, type Parameters } from "../../src/nets/index.ts";
import { fold, type RngKey, type Shape, type Tensor, toNumbers } from "../../src/tensor/index.ts";
import { randomInput, randomParameters } from "../architectures/index.ts";

const reference = referenceEngine();

/** A network with random parameters, which can be replaced, on a fixed batch of random inputs in float64. */
export interface Probe {
  readonly parameters: Parameters;
  readonly outputOf: (parameters: Parameters) => Promise<Tensor>;
}

/** Draws parameters and inputs for a network and compiles it. */
export async function probe(network: Network, key: RngKey, batch = 2): Promise<Probe> {
  const x = randomInput(network, fold(key, "input"), batch);
  const inputs = network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)] as const);
  const { output } = network.apply(input("input", x.dtype, x.shape), Object.fromEntries(inputs));
  const program = await reference.compile({ output });
  const outputOf = async (parameters: Parameters) => (await program.run({ input: x, ...parameters })).output as Tensor;
  return { parameters: randomParameters(network, key), outputOf };
}

/** The largest difference of two tensors over the largest entry of the first. */
export function relativeDifference(a: Tensor, b: Tensor): number {
  const [x, y] = [toNumbers(a), toNumbers(b)];
  const differences = x.map((each, i) => Math.abs(each - (y[i] as number)));
  const sizes = x.map(Math.abs);
  return sizes.length === 0 ? 0 : largest(differences) / (largest(sizes) || 1);
}

function largest(numbers: Float64Array): number {
  return numbers.reduce((a, b) => (Number.isNaN(b) ? b : Math.max(a, b)), 0);
}

/** The largest relative difference of two sets of tensors of the same names. */
export function largestDifference(a: Parameters, b: Parameters): number {
  return Math.max(0, ...Object.keys(a).map((name) => relativeDifference(a[name] as Tensor, b[name] as Tensor)));
}

/** Takes a weight by name and shape. */
export type Weight = (name: string, shape: Shape) => Value;

/** A network of real inputs whose weights are all drawn from a normal distribution. */
export function small(inputShape: Shape, outputs: number, forward: (x: Value, weight: Weight) => Value): Network {
  return defineNetwork({
    description: { net: "small" },
    inputShape,
    inputKind: "real",
    outputs,
    forward: (x, scope) => forward(x, (name, shape) => scope.weight(name, shape, { kind: "normal", deviation: 1 })),
  });
}
