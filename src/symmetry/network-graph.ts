import { input, type Value } from "../graph/index.ts";
import type { Network } from "../nets/index.ts";
import type { Shape } from "../tensor/index.ts";

/** The name of a network's input in its graph, which no parameter has. */
export const inputName = " x";

/** The output of a network for inputs of the given shape and parameters of the given type, all named. */
export function networkOutput(
  network: Network,
  { shape, dtype }: { readonly shape: Shape; readonly dtype: "float64" | "float32" },
): Value {
  const x = input(inputName, network.inputKind === "tokens" ? "int64" : dtype, shape);
  const parameters = network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)] as const);
  return network.apply(x, Object.fromEntries(parameters)).output;
}
