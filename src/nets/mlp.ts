import type { Value } from "../graph/index.ts";
import { elementCount, type Shape } from "../tensor/index.ts";
import { type Activation, activate, activationNames, defaultInitializer } from "./activations.ts";
import { defineNetwork, type Scope } from "./define.ts";
import { type InitializerName, initializerNames } from "./initializers.ts";
import { linear } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCountList, checkCounts, checkFlag, checkName } from "./options.ts";

/** Options of `mlp`. */
export interface MlpOptions {
  /** Size or shape of one input, which is flattened. */
  readonly input: number | Shape;
  /** Sizes of the hidden layers; none makes a linear classifier. */
  readonly widths: readonly number[];
  readonly outputs: number;
  /** After every hidden layer; defaults to "relu". */
  readonly activation?: Activation;
  /** Defaults to true. */
  readonly bias?: boolean;
  /** Defaults to "he" for rectifiers and "glorot" for the other activations. */
  readonly initializer?: InitializerName;
}

/** A multilayer perceptron with parameters `layers.0.weight` [out, in], `layers.0.bias`, ... */
export function mlp(options: MlpOptions): Network {
  const { input, widths, outputs, activation = "relu", bias = true } = options;
  const { initializer = defaultInitializer(activation) } = options;
  const inputShape = typeof input === "number" ? [input] : input;
  checkCountList("mlp", "input", inputShape);
  checkCountList("mlp", "widths", widths);
  checkCounts("mlp", { outputs });
  checkName("mlp", "activation", activation, activationNames);
  checkName("mlp", "initializer", initializer, initializerNames);
  checkFlag("mlp", "bias", bias);
  return defineNetwork({
    description: { net: "mlp", input: inputShape, widths, outputs, activation, bias, initializer },
    inputShape,
    inputKind: "real",
    outputs,
    forward: (x, scope) => layers(x, scope, { sizes: [...widths, outputs], activation, bias, initializer }),
  });
}

interface Layers {
  readonly sizes: readonly number[];
  readonly activation: Activation;
  readonly bias: boolean;
  readonly initializer: InitializerName;
}

function layers(x: Value, scope: Scope, { sizes, activation, ...options }: Layers): Value {
  const flat = x.rank === 2 ? x : x.reshape([x.shape[0] as number, elementCount(x.shape.slice(1))]);
  return sizes.reduce((hidden, outputs, i) => {
    const input = i === 0 ? hidden : activate(activation, hidden);
    return linear(scope.within(`layers.${i}`), input, { outputs, ...options });
  }, flat);
}
