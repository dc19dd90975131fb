import { referenceEngine } from "../../src/engine/index.ts";
import { input } from "../../src/graph/index.ts";
import type { Network, Parameters } from "../../src/nets/index.ts";
import { convert, isFloat, type Tensor, toNumbers } from "../../src/tensor/index.ts";

/** What a network computes, in float64. */
export async function outputOf(network: Network, parameters: Parameters, x: Tensor): Promise<Float64Array> {
  const wide = Object.entries(parameters).map(([name, value]) => [name, convert(value, "float64")] as const);
  const given = isFloat(x.dtype) ? convert(x, "float64") : x;
  const inputs = wide.map(([name, { shape }]) => [name, input(name, "float64", shape)] as const);
  const { output } = network.apply(input(" x", given.dtype, given.shape), Object.fromEntries(inputs));
  const program = await referenceEngine().compile({ output });
  const { output: found } = await program.run({ ...Object.fromEntries(wide), " x": given });
  return toNumbers(found as Tensor);
}
