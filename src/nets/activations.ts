import { straightThroughSign, type Value } from "../graph/index.ts";
import type { InitializerName } from "./initializers.ts";

const activations = {
  relu: (x) => x.relu(),
  "leaky-relu": (x) => x.leakyRelu(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  softplus: (x) => x.softplus(),
  gelu: (x) => x.gelu(),
  silu: (x) => x.silu(),
  erf: (x) => x.erf(),
  sin: (x) => x.sin(),
  exp: (x) => x.exp(),
  identity: (x) => x,
  sign: straightThroughSign,
  g: (x) => x.mul(4).sigmoid().add(x.softplus()),
} satisfies Readonly<Record<string, (x: Value) => Value>>;

/**
 * The name of an elementwise nonlinearity. `sign` has the straight-through derivative, `leaky-relu` the slope 0.01, and
 * `g` is sigmoid(4x) + softplus(x), which has no parity (Simsek 2021, arXiv 2105.12221).
 */
export type Activation = keyof typeof activations;

/** Every `Activation`. */
export const activationNames = Object.keys(activations) as readonly Activation[];

/** The nonlinearity of this name, applied to each element. */
export function activate(name: Activation, x: Value): Value {
  return activations[name](x);
}

const rectifiers: ReadonlySet<Activation> = new Set(["relu", "leaky-relu", "gelu", "silu"]);

/** He for activations that pass about half of their inputs, Glorot for the others. */
export function defaultInitializer(name: Activation): InitializerName {
  return rectifiers.has(name) ? "he" : "glorot";
}
