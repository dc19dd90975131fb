import { referenceEngine } from "../src/engine/index.ts";
import { input } from "../src/graph/index.ts";
import type { Network, Parameters } from "../src/nets/index.ts";
import { fold, type RngKey, type Tensor, toNumbers } from "../src/tensor/index.ts";
import { randomInput } from "./architectures/index.ts";

const reference = referenceEngine();

/** The largest change of a network's output on a random batch, over the largest output, in float64. */
export async function outputChange(
  network: Network,
  key: RngKey,
  [before, after]: readonly [Parameters, Parameters],
): Promise<number> {
  const x = randomInput(network, fold(key, "input"), 2);
  const inputs = network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)] as const);
  const { output } = network.apply(input("input", x.dtype, x.shape), Object.fromEntries(inputs));
  await using program = await reference.compile({ output });
  const numbers = async (parameters: Parameters) =>
    toNumbers((await program.run({ input: x, ...parameters })).output as Tensor);
  const [a, b] = [await numbers(before), await numbers(after)];
  return Math.max(...a.map((y, i) => Math.abs(y - (b[i] as number)))) / Math.max(...a.map(Math.abs));
}
