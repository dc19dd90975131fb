import { maxPool, type Value } from "../graph/index.ts";
import { defineNetwork, type Scope } from "./define.ts";
import { batchNorm, convolution, linear } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCounts, checkFlag, checkImage, type ImageOptions } from "./options.ts";

/** Options of the VGG networks. */
export interface VggOptions extends ImageOptions {
  /** Batch norm after every convolution; defaults to false. */
  readonly batchNorm?: boolean;
  /** Filters of the first stage, in proportion to which all others are; defaults to 64. */
  readonly width?: number;
}

/** Convolutions between two poolings, in the configurations A, B, D and E. */
export const vggStages = {
  vgg11: [1, 1, 2, 2, 2],
  vgg13: [2, 2, 2, 2, 2],
  vgg16: [2, 2, 3, 3, 3],
  vgg19: [2, 2, 4, 4, 4],
} as const;

/** Filters of each stage over those of the first. */
const growth = [1, 2, 4, 8, 8];

/** VGG11 (configuration A), otherwise as `vgg16`. */
export function vgg11(options: VggOptions = {}): Network {
  return vgg("vgg11", options);
}

/** VGG13 (configuration B), otherwise as `vgg16`. */
export function vgg13(options: VggOptions = {}): Network {
  return vgg("vgg13", options);
}

/**
 * VGG16 (Simonyan and Zisserman 2014, arXiv 1409.1556, configuration D) with torchvision's parameter names. Where 7x7
 * features come out, as from 3x224x224, the classifier is the ImageNet one (4096-4096-outputs); from images of any other
 * size, such as 3x32x32, it is that of the CIFAR form (512-512-outputs) under the same names. There is no adaptive
 * pooling, and no dropout: the nets here are deterministic functions.
 */
export function vgg16(options: VggOptions = {}): Network {
  return vgg("vgg16", options);
}

/** VGG19 (configuration E), otherwise as `vgg16`. */
export function vgg19(options: VggOptions = {}): Network {
  return vgg("vgg19", options);
}

function vgg(name: keyof typeof vggStages, options: VggOptions): Network {
  const { input = [3, 224, 224], outputs = 1000, batchNorm = false, width = 64 } = options;
  checkFlag(name, "batchNorm", batchNorm);
  const net = batchNorm ? `${name}-bn` : name;
  checkImage(net, input, 2 ** growth.length);
  checkCounts(net, { outputs, width });
  const sizes = { stages: vggStages[name], width, outputs, isNormalized: batchNorm };
  return defineNetwork({
    description: { net, input, outputs, width },
    inputShape: input,
    inputKind: "real",
    outputs,
    forward: (x, scope) => classifier(scope.within("classifier"), features(scope.within("features"), x, sizes), sizes),
  });
}

interface Sizes {
  readonly stages: readonly number[];
  readonly width: number;
  readonly outputs: number;
  readonly isNormalized: boolean;
}

/** Indices count torchvision's modules: convolution, batch norm, ReLU; and one pooling per stage. */
function features(scope: Scope, image: Value, { stages, width, isNormalized }: Sizes): Value {
  let x = image;
  let index = 0;
  for (const [stage, depth] of stages.entries()) {
    const filters = width * (growth[stage] as number);
    for (let i = 0; i < depth; i++) {
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

function classifier(scope: Scope, features: Value, { width, outputs }: Sizes): Value {
  const [, , rows, columns] = features.shape;
  const hidden = width * (rows === 7 && columns === 7 ? 64 : 8);
  const first = linear(scope.within("0"), features.flatten(), { outputs: hidden }).relu();
  const second = linear(scope.within("3"), first, { outputs: hidden }).relu();
  return linear(scope.within("6"), second, { outputs });
}
