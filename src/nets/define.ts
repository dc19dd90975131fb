import { check } from "../errors.ts";
import { input, type Value } from "../graph/index.ts";
import { checkShape, formatShape, type Shape, sameShape } from "../tensor/index.ts";
import type { Initializer } from "./initializers.ts";
import type { Network, ParameterSpec } from "./network.ts";

/** Where a layer finds its parameters. Names are relative: inside `within("conv1")`, `weight` is `conv1.weight`. */
export interface Scope {
  readonly training: boolean;
  /** A trained tensor. */
  weight(name: string, shape: Shape, initializer: Initializer): Value;
  /** A tensor that is not trained, but updated by forward passes in training mode. */
  statistic(name: string, shape: Shape, initial: number): Value;
  /** Sets the next value of a statistic. */
  update(name: string, value: Value): void;
  within(name: string): Scope;
}

/** A network as one function: what it asks its scope for are its parameters. */
export interface Definition extends Pick<Network, "description" | "inputShape" | "inputKind" | "outputs"> {
  forward(x: Value, scope: Scope): Value;
}

/** The network that `forward` computes; its parameters are in the order in which they are asked for. */
export function defineNetwork(definition: Definition): Network {
  const { forward, ...properties } = definition;
  return {
    ...properties,
    parameters: parametersOf(definition),
    apply(x, parameters, { training = false } = {}) {
      checkInput(properties, x);
      const updates: Record<string, Value> = {};
      const scope = scopeOf({
        training,
        find: (spec) => given(spec, parameters),
        update: (name, value) => {
          updates[name] = value;
        },
      });
      return { output: forward(x, scope), updates };
    },
  };
}

/** The parameters that a forward pass over one input asks for. */
function parametersOf({ forward, inputShape, inputKind }: Definition): readonly ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  const find = (spec: ParameterSpec) => {
    checkShape(spec.shape, spec.name);
    specs.push(spec);
    return input(spec.name, "float32", spec.shape);
  };
  const x = input("input", inputKind === "tokens" ? "int64" : "float32", [1, ...inputShape]);
  forward(x, scopeOf({ training: false, find, update: () => {} }));
  return specs;
}

interface Lookup {
  readonly training: boolean;
  find(spec: ParameterSpec): Value;
  update(name: string, value: Value): void;
}

function scopeOf(lookup: Lookup, path = ""): Scope {
  const { training, find, update } = lookup;
  return {
    training,
    weight: (name, shape, initializer) => find({ name: path + name, shape, initializer, trainable: true }),
    statistic: (name, shape, value) =>
      find({ name: path + name, shape, initializer: { kind: "constant", value }, trainable: false }),
    update: (name, value) => update(path + name, value),
    within: (name) => scopeOf(lookup, `${path}${name}.`),
  };
}

function given({ name, shape }: ParameterSpec, parameters: Readonly<Record<string, Value>>): Value {
  const value = parameters[name];
  check(value && sameShape(value.shape, shape), () => ({
    code: "bad-parameter",
    where: name,
    message: `expected a parameter ${formatShape(shape)}, got ${value ? formatShape(value.shape) : "nothing"}`,
  }));
  return value;
}

function checkInput({ description, inputShape, inputKind }: Omit<Definition, "forward">, { shape }: Value): void {
  const [batch, ...sample] = shape;
  const isPrefix = inputKind === "tokens" && sample.length === 1 && (sample[0] as number) <= (inputShape[0] as number);
  check(batch !== undefined && (isPrefix || sameShape(sample, inputShape)), () => ({
    code: "bad-input",
    where: description.net,
    message: `expected an input [batch, ${inputShape.join(", ")}], got ${formatShape(shape)}`,
  }));
}
