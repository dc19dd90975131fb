import type { Value } from "../../src/graph/index.ts";
import { defineNetwork, type Network, type ParameterSpec, type Scope } from "../../src/nets/index.ts";
import { elementCount, fold, normal, type RngKey, type Shape, type Tensor, uniform } from "../../src/tensor/index.ts";

/** A small network that is known by its structure. */
export interface Architecture {
  readonly name: string;
  readonly network: Network;
}

/** A network of real inputs, defined here alone: its description cannot be built again from the registry. */
export function adHoc(
  name: string,
  inputShape: Shape,
  outputs: number,
  forward: (x: Value, scope: Scope) => Value,
): Architecture {
  return {
    name,
    network: defineNetwork({ description: { net: name }, inputShape, inputKind: "real", outputs, forward }),
  };
}

/**
 * Parameters in float64 with nothing left at a special value: biases and running means off zero, variances in 0.5..2, gains
 * of both signs in 0.5..1.5, weights of every other kind normal with variance 2 / fan-in.
 */
export function randomParameters({ parameters }: Network, key: RngKey): Readonly<Record<string, Tensor<"float64">>> {
  return Object.fromEntries(parameters.map((spec) => [spec.name, randomParameter(spec, fold(key, spec.name))]));
}

function randomParameter({ shape, initializer, trainable }: ParameterSpec, key: RngKey): Tensor<"float64"> {
  const dtype = "float64";
  const start = initializer.kind === "constant" ? initializer.value : undefined;
  if (start === 1 && !trainable) return uniform(key, shape, { dtype, low: 0.5, high: 2 });
  if (start === 1) return gains(key, shape);
  if (start === 0) return normal(key, shape, { dtype, deviation: 0.3 });
  const fanIn = elementCount(shape.slice(1));
  return normal(key, shape, { dtype, deviation: Math.sqrt(2 / fanIn) });
}

function gains(key: RngKey, shape: Shape): Tensor<"float64"> {
  const sizes = uniform(fold(key, "size"), shape, { dtype: "float64", low: 0.5, high: 1.5 });
  const signs = uniform(fold(key, "sign"), shape, { dtype: "float64", low: -1, high: 1 });
  return { ...sizes, data: sizes.data.map((size, i) => size * Math.sign(signs.data[i] as number)) };
}

/** A batch of inputs: standard normal numbers, or tokens of the vocabulary. */
export function randomInput({ inputKind, inputShape, outputs }: Network, key: RngKey, batch: number): Tensor {
  const shape = [batch, ...inputShape];
  if (inputKind === "real") return normal(key, shape, { dtype: "float64" });
  const draws = uniform(key, shape, { dtype: "float64", high: outputs });
  return { dtype: "int64", shape, data: BigInt64Array.from(draws.data, (draw) => BigInt(Math.floor(draw))) };
}
