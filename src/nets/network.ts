import type { Value } from "../graph/index.ts";
import { elementCount, fold, type RngKey, type Shape, type Tensor } from "../tensor/index.ts";
import { type Initializer, initialize } from "./initializers.ts";

/** Named tensors: the weights of a network. */
export type Parameters = Readonly<Record<string, Tensor>>;

/** A plain JSON description from which the network can be built again; stored in every checkpoint. */
export interface NetworkDescription {
  readonly net: string;
  readonly [option: string]: string | number | boolean | readonly number[];
}

/** One named tensor of a network. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initializer: Initializer;
  /** False for running statistics, which a forward pass in training mode updates. */
  readonly trainable: boolean;
}

/** What applying a network gives. */
export interface Forward {
  /** Logits, or the prediction of a regression: [batch, ..., outputs]. */
  readonly output: Value;
  /** In training mode: the new values of parameters that are not trained (running statistics), by name. */
  readonly updates: Readonly<Record<string, Value>>;
}

/** How a network is applied. */
export interface ApplyOptions {
  /** Batch norm uses the statistics of the batch. */
  readonly training?: boolean;
}

/** A network: its parameters, and how it computes an output from an input and values for them. */
export interface Network {
  readonly description: NetworkDescription;
  /** Shape of one input, without the batch axis. */
  readonly inputShape: Shape;
  /** Token ids for language models, otherwise real numbers. */
  readonly inputKind: "real" | "tokens";
  /** Size of the last axis of the output. */
  readonly outputs: number;
  readonly parameters: readonly ParameterSpec[];
  /**
   * `x` is [batch, ...inputShape], where a sequence of tokens may be shorter; `parameters` holds a value for every
   * parameter, all of one floating-point type.
   */
  apply(x: Value, parameters: Readonly<Record<string, Value>>, options?: ApplyOptions): Forward;
}

/** Fresh parameters. Each tensor depends on the key and its own name only. */
export function initializeParameters<D extends "float32" | "float64" = "float32">(
  network: Network,
  key: RngKey,
  dtype: D = "float32" as D,
): Readonly<Record<string, Tensor<D>>> {
  return Object.fromEntries(
    network.parameters.map(({ name, shape, initializer }) => [
      name,
      initialize(fold(key, "parameter", name), shape, initializer, dtype),
    ]),
  );
}

/** Number of trained parameters; running statistics are not among them. */
export function parameterCount({ parameters }: Network): number {
  return parameters.reduce((count, { shape, trainable }) => count + (trainable ? elementCount(shape) : 0), 0);
}
