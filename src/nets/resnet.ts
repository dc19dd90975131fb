import { globalAveragePool, maxPool, type Value } from "../graph/index.ts";
import { defineNetwork, type Scope } from "./define.ts";
import { batchNorm, convolution, linear } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCounts, checkImage, type ImageOptions } from "./options.ts";

/** Options of the residual networks. */
export interface ResnetOptions extends ImageOptions {
  /** Filters of the first stage; every later one doubles them. Defaults to the published number. */
  readonly width?: number;
}

interface Design {
  readonly block: keyof typeof blocks;
  /** Blocks of each stage; every stage doubles the width and, but for the first, halves the image. */
  readonly stages: readonly number[];
  readonly defaults: Required<ResnetOptions>;
}

const imagenet = { input: [3, 224, 224], outputs: 1000, width: 64 };
const cifar10 = { input: [3, 32, 32], outputs: 10, width: 16 };

/** How the residual networks differ. Those of four stages are for ImageNet, the other for CIFAR-10. */
export const resnetDesigns = {
  resnet18: { block: "basic", stages: [2, 2, 2, 2], defaults: imagenet },
  resnet20: { block: "basic", stages: [3, 3, 3], defaults: cifar10 },
  resnet34: { block: "basic", stages: [3, 4, 6, 3], defaults: imagenet },
  resnet50: { block: "bottleneck", stages: [3, 4, 6, 3], defaults: imagenet },
  resnet101: { block: "bottleneck", stages: [3, 4, 23, 3], defaults: imagenet },
  resnet152: { block: "bottleneck", stages: [3, 8, 36, 3], defaults: imagenet },
} as const satisfies Readonly<Record<string, Design>>;

/**
 * ResNet-18 (He et al. 2015, arXiv 1512.03385) with torchvision's parameter names. Images with sides of 64 and more get the
 * ImageNet stem (7x7 stride 2, max pool), smaller ones the CIFAR stem (3x3 stride 1).
 */
export function resnet18(options: ResnetOptions = {}): Network {
  return resnet("resnet18", options);
}

/** The ResNet-20 of CIFAR-10, 16-32-64 filters, with projection shortcuts ("option B") and names as in `resnet18`. */
export function resnet20(options: ResnetOptions = {}): Network {
  return resnet("resnet20", options);
}

/** ResNet-34 with torchvision's parameter names, and the stems of `resnet18`. */
export function resnet34(options: ResnetOptions = {}): Network {
  return resnet("resnet34", options);
}

/** ResNet-50 (stride in the 3x3 convolutions) with torchvision's parameter names, and the stems of `resnet18`. */
export function resnet50(options: ResnetOptions = {}): Network {
  return resnet("resnet50", options);
}

/** ResNet-101, otherwise as `resnet50`. */
export function resnet101(options: ResnetOptions = {}): Network {
  return resnet("resnet101", options);
}

/** ResNet-152, otherwise as `resnet50`. */
export function resnet152(options: ResnetOptions = {}): Network {
  return resnet("resnet152", options);
}

function resnet(net: keyof typeof resnetDesigns, options: ResnetOptions): Network {
  const design: Design = resnetDesigns[net];
  const { input = design.defaults.input, outputs = design.defaults.outputs, width = design.defaults.width } = options;
  checkImage(net, input);
  checkCounts(net, { outputs, width });
  const isLarge = design.stages.length === 4 && Math.min(input[1], input[2]) >= 64;
  const stem = isLarge ? imagenetStem : cifarStem;
  return defineNetwork({
    description: { net, input, outputs, width },
    inputShape: input,
    inputKind: "real",
    outputs,
    forward: (image, scope) => {
      const features = stages(scope, stem(scope, image, width), { ...design, width });
      return linear(scope.within("fc"), globalAveragePool(features), { outputs });
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

/** Residual blocks by the names of torchvision's classes. */
const blocks = { basic, bottleneck };

function stages(scope: Scope, stem: Value, { block, width, stages }: Design & { readonly width: number }): Value {
  let x = stem;
  for (const [stage, depth] of stages.entries()) {
    for (let i = 0; i < depth; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      x = blocks[block](scope.within(`layer${stage + 1}.${i}`), x, width * 2 ** stage, stride);
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
