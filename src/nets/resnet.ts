import { globalAveragePool, maxPool, type Value } from "../graph/index.ts";
import { defineNetwork, type Scope } from "./define.ts";
import { batchNorm, convolution, linear } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCounts, checkImage, type ImageOptions } from "./options.ts";

interface Design {
  readonly net: string;
  readonly block: Block;
  readonly width: number;
  /** Blocks of each stage; every stage doubles the width and, but for the first, halves the image. */
  readonly stages: readonly number[];
}

type Block = (scope: Scope, x: Value, width: number, stride: number) => Value;

/**
 * ResNet-18 (He et al. 2015, arXiv 1512.03385) with torchvision's parameter names. Images with sides of 64 and more get the
 * ImageNet stem (7x7 stride 2, max pool), smaller ones the CIFAR stem (3x3 stride 1).
 */
export function resnet18(options: ImageOptions = {}): Network {
  return resnet({ net: "resnet18", block: basic, width: 64, stages: [2, 2, 2, 2] }, { ...imagenet, ...options });
}

/** ResNet-50 (stride in the 3x3 convolutions) with torchvision's parameter names, and the stems of `resnet18`. */
export function resnet50(options: ImageOptions = {}): Network {
  return resnet({ net: "resnet50", block: bottleneck, width: 64, stages: [3, 4, 6, 3] }, { ...imagenet, ...options });
}

/** The ResNet-20 of CIFAR-10, 16-32-64 filters, with projection shortcuts ("option B") and names as in `resnet18`. */
export function resnet20(options: ImageOptions = {}): Network {
  return resnet({ net: "resnet20", block: basic, width: 16, stages: [3, 3, 3] }, { ...cifar10, ...options });
}

const imagenet = { input: [3, 224, 224], outputs: 1000 };
const cifar10 = { input: [3, 32, 32], outputs: 10 };

function resnet(design: Design, { input, outputs }: Required<ImageOptions>): Network {
  const { net, width } = design;
  checkImage(net, input);
  checkCounts(net, { outputs });
  return defineNetwork({
    description: { net, input, outputs },
    inputShape: input,
    inputKind: "real",
    outputs,
    forward(image, scope) {
      const isLarge = width === 64 && Math.min(input[1], input[2]) >= 64;
      const x = stages(scope, isLarge ? imagenetStem(scope, image, width) : cifarStem(scope, image, width), design);
      return linear(scope.within("fc"), globalAveragePool(x), { outputs });
    },
  });
}

function imagenetStem(scope: Scope, image: Value, filters: number): Value {
  const x = normalized(scope, ["conv1", "bn1"], image, { filters, kernel: 7, stride: 2 });
  return maxPool(x.relu(), 3, { strides: 2, pads: 1 });
}

function cifarStem(scope: Scope, image: Value, filters: number): Value {
  return normalized(scope, ["conv1", "bn1"], image, { filters, kernel: 3 }).relu();
}

function stages(scope: Scope, stem: Value, { block, width, stages }: Design): Value {
  let x = stem;
  for (const [stage, blocks] of stages.entries()) {
    for (let i = 0; i < blocks; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      x = block(scope.within(`layer${stage + 1}.${i}`), x, width * 2 ** stage, stride);
    }
  }
  return x;
}

function basic(scope: Scope, x: Value, filters: number, stride: number): Value {
  const y = normalized(scope, ["conv1", "bn1"], x, { filters, kernel: 3, stride }).relu();
  const z = normalized(scope, ["conv2", "bn2"], y, { filters, kernel: 3 });
  return z.add(shortcut(scope, x, filters, stride)).relu();
}

function bottleneck(scope: Scope, x: Value, width: number, stride: number): Value {
  const filters = 4 * width;
  const narrow = normalized(scope, ["conv1", "bn1"], x, { filters: width, kernel: 1 }).relu();
  const y = normalized(scope, ["conv2", "bn2"], narrow, { filters: width, kernel: 3, stride }).relu();
  const z = normalized(scope, ["conv3", "bn3"], y, { filters, kernel: 1 });
  return z.add(shortcut(scope, x, filters, stride)).relu();
}

/** The block's input, projected where the block changes its shape. */
function shortcut(scope: Scope, x: Value, filters: number, stride: number): Value {
  if (stride === 1 && x.shape[1] === filters) return x;
  return normalized(scope, ["downsample.0", "downsample.1"], x, { filters, kernel: 1, stride });
}

interface NormalizedOptions {
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
}

/** A convolution without bias that keeps the size of the image (over its stride), and its batch norm. */
function normalized(
  scope: Scope,
  [conv, norm]: readonly [string, string],
  x: Value,
  { filters, kernel, stride = 1 }: NormalizedOptions,
): Value {
  const window = { strides: stride, pads: (kernel - 1) / 2 };
  return batchNorm(scope.within(norm), convolution(scope.within(conv), x, { filters, kernel, bias: false, ...window }));
}
