import { maxPool, type Value } from "../graph/index.ts";
import { defineNetwork, type Scope } from "./define.ts";
import { type InitializerName, initializerNames } from "./initializers.ts";
import { convolution, type LayerOptions, linear } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCounts, checkFlag, checkImage, checkName, type ImageOptions } from "./options.ts";

/** Options of `lenet`. */
export interface LenetOptions extends ImageOptions {
  /** Defaults to true. */
  readonly bias?: boolean;
  /** Defaults to "he". */
  readonly initializer?: InitializerName;
}

/** Two 5x5 convolutions and two poolings leave nothing of a smaller image. */
const smallestSide = 16;

/**
 * The LeNet of Pittorino 2022 (arXiv 2202.03038): conv 20 5x5, max pool, conv 50 5x5, max pool, dense 500, outputs, with
 * parameters `conv1`, `conv2`, `fc1` and `fc2`. Defaults to 10 classes of 1x28x28 images: 430,500 weights and 580 biases.
 */
export function lenet(options: LenetOptions = {}): Network {
  const { input = [1, 28, 28], outputs = 10, bias = true, initializer = "he" } = options;
  checkImage("lenet", input, smallestSide);
  checkCounts("lenet", { outputs });
  checkFlag("lenet", "bias", bias);
  checkName("lenet", "initializer", initializer, initializerNames);
  return defineNetwork({
    description: { net: "lenet", input, outputs, bias, initializer },
    inputShape: input,
    inputKind: "real",
    outputs,
    forward: (x, scope) => layers(x, scope, { outputs, bias, initializer }),
  });
}

function layers(image: Value, scope: Scope, { outputs, ...options }: LayerOptions & { outputs: number }): Value {
  const convolved = (x: Value, name: string, filters: number) =>
    maxPool(convolution(scope.within(name), x, { filters, kernel: 5, ...options }).relu(), 2);
  const features = convolved(convolved(image, "conv1", 20), "conv2", 50).flatten();
  const hidden = linear(scope.within("fc1"), features, { outputs: 500, ...options }).relu();
  return linear(scope.within("fc2"), hidden, { outputs, ...options });
}
