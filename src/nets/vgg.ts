import { maxPool, type Value } from "../graph/index.ts";
import { defineNetwork, type Scope } from "./define.ts";
import { batchNorm, convolution, linear } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCounts, checkFlag, checkImage, type ImageOptions } from "./options.ts";

/** Options of `vgg16`. */
export interface VggOptions extends ImageOptions {
  /** Batch norm after every convolution; defaults to false. */
  readonly batchNorm?: boolean;
}

/** Filters of the convolutions between two poolings. */
const stages = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
] as const;

/**
 * VGG16 (Simonyan and Zisserman 2014, arXiv 1409.1556, configuration D) with torchvision's parameter names. Where 7x7
 * features come out, as from 3x224x224, the classifier is the ImageNet one (4096-4096-outputs); from images of any other
 * size, such as 3x32x32, it is that of the CIFAR form (512-512-outputs) under the same names. There is no adaptive
 * pooling, and no dropout: the nets here are deterministic functions.
 */
export function vgg16(options: VggOptions = {}): Network {
  const { input = [3, 224, 224], outputs = 1000, batchNorm = false } = options;
  checkFlag("vgg16", "batchNorm", batchNorm);
  const net = batchNorm ? "vgg16-bn" : "vgg16";
  checkImage(net, input, 2 ** stages.length);
  checkCounts(net, { outputs });
  return defineNetwork({
    description: { net, input, outputs },
    inputShape: input,
    inputKind: "real",
    outputs,
    forward: (x, scope) =>
      classifier(scope.within("classifier"), features(scope.within("features"), x, batchNorm), outputs),
  });
}

/** Indices count torchvision's modules: convolution, batch norm, ReLU; and one pooling per stage. */
function features(scope: Scope, image: Value, isNormalized: boolean): Value {
  let x = image;
  let index = 0;
  for (const stage of stages) {
    for (const filters of stage) {
      x = convolution(scope.within(`${index++}`), x, { filters, kernel: 3, pads: 1 });
      if (isNormalized) x = batchNorm(scope.within(`${index++}`), x);
      x = x.relu();
      index++;
    }
    x = maxPool(x, 2);
    index++;
  }
  return x;
}

function classifier(scope: Scope, features: Value, outputs: number): Value {
  const [, , height, width] = features.shape;
  const hidden = height === 7 && width === 7 ? 4096 : 512;
  const first = linear(scope.within("0"), features.flatten(), { outputs: hidden }).relu();
  const second = linear(scope.within("3"), first, { outputs: hidden }).relu();
  return linear(scope.within("6"), second, { outputs });
}
