import { concat, conv, globalAveragePool, maxPool, type Value } from "../../src/graph/index.ts";
import {
  batchNorm,
  convolution,
  lenet,
  linear,
  resnet18,
  resnet20,
  resnet50,
  type Scope,
  vgg16,
} from "../../src/nets/index.ts";
import { type Architecture, adHoc } from "./architecture.ts";

const tiny = { input: [3, 8, 8], outputs: 3, width: 2 };
const vgg = { input: [3, 32, 32], outputs: 3, width: 2 };

/** Networks that classify images. */
export const convolutionalArchitectures: readonly Architecture[] = [
  { name: "lenet", network: lenet({ input: [1, 16, 16], outputs: 3 }) },
  { name: "vgg16", network: vgg16(vgg) },
  { name: "vgg16-bn", network: vgg16({ ...vgg, batchNorm: true }) },
  { name: "resnet18", network: resnet18(tiny) },
  { name: "resnet20", network: resnet20(tiny) },
  { name: "resnet50", network: resnet50(tiny) },
  adHoc("resnet-option-a", [3, 8, 8], 3, resnetOptionA),
  adHoc("mobilenet-v2", [3, 8, 8], 3, mobilenet),
  adHoc("resnext", [3, 6, 6], 3, resnext),
  adHoc("densenet", [3, 6, 6], 3, densenet),
  adHoc("conv-flatten-dense", [2, 5, 5], 3, convFlattenDense),
  adHoc("max-pool-tanh", [2, 7, 7], 3, maxPoolTanh),
];

interface BlockOptions {
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly group?: number;
}

/** A convolution without bias that keeps the size of the image (over its stride), and its batch norm. */
function normalized(scope: Scope, x: Value, { filters, kernel, stride = 1, group = 1 }: BlockOptions): Value {
  const shape = [filters, (x.shape[1] as number) / group, kernel, kernel];
  const weight = scope.weight("conv.weight", shape, { kind: "he", distribution: "normal" });
  return batchNorm(scope.within("bn"), conv(x, weight, { strides: stride, pads: (kernel - 1) / 2, group }));
}

function head(scope: Scope, features: Value): Value {
  return linear(scope.within("fc"), globalAveragePool(features), { outputs: 3 });
}

/** Shortcuts without parameters (He et al. 2015, "option A"): every other pixel, and zeros for the new channels. */
function resnetOptionA(image: Value, scope: Scope): Value {
  let x = normalized(scope.within("stem"), image, { filters: 4, kernel: 3 }).relu();
  for (const [i, filters] of [4, 8].entries()) {
    const block = scope.within(`block${i + 1}`);
    const stride = filters / (x.shape[1] as number);
    const y = normalized(block.within("1"), x, { filters, kernel: 3, stride }).relu();
    x = normalized(block.within("2"), y, { filters, kernel: 3 }).add(padded(x, stride)).relu();
  }
  return head(scope, x);
}

function padded(x: Value, stride: number): Value {
  if (stride === 1) return x;
  const added = (x.shape[1] as number) / 2;
  const halved = x.slice(2, 0, undefined, stride).slice(3, 0, undefined, stride);
  return halved.pad([0, added, 0, 0, 0, added, 0, 0]);
}

/** Inverted residuals (Sandler et al. 2018, arXiv 1801.04381), one with a shortcut and one with a stride. */
function mobilenet(image: Value, scope: Scope): Value {
  const stem = relu6(normalized(scope.within("stem"), image, { filters: 4, kernel: 3 }));
  const first = inverted(scope.within("block1"), stem, { filters: 4, stride: 1 }).add(stem);
  const second = inverted(scope.within("block2"), first, { filters: 6, stride: 2 });
  return head(scope, relu6(normalized(scope.within("last"), second, { filters: 8, kernel: 1 })));
}

function inverted(scope: Scope, x: Value, { filters, stride }: { readonly filters: number; readonly stride: number }) {
  const wide = 2 * (x.shape[1] as number);
  const expanded = relu6(normalized(scope.within("expand"), x, { filters: wide, kernel: 1 }));
  const depthwise = { filters: wide, kernel: 3, stride, group: wide };
  const filtered = relu6(normalized(scope.within("depthwise"), expanded, depthwise));
  return normalized(scope.within("project"), filtered, { filters, kernel: 1 });
}

function relu6(x: Value): Value {
  return x.maximum(0).minimum(6);
}

/** A bottleneck whose 3x3 convolution is in groups (Xie et al. 2016, arXiv 1611.05431). */
function resnext(image: Value, scope: Scope): Value {
  const x = normalized(scope.within("stem"), image, { filters: 6, kernel: 3 }).relu();
  const narrow = normalized(scope.within("reduce"), x, { filters: 8, kernel: 1 }).relu();
  const grouped = normalized(scope.within("grouped"), narrow, { filters: 8, kernel: 3, group: 4 }).relu();
  return head(scope, normalized(scope.within("expand"), grouped, { filters: 6, kernel: 1 }).add(x).relu());
}

/** Every layer normalises and reads all features before it (Huang et al. 2016, arXiv 1608.06993). */
function densenet(image: Value, scope: Scope): Value {
  let features = convolution(scope.within("stem"), image, { filters: 4, kernel: 3, pads: 1, bias: false });
  for (const name of ["layer1", "layer2"]) {
    const layer = scope.within(name);
    const normal = batchNorm(layer.within("bn"), features).relu();
    const grown = convolution(layer.within("conv"), normal, { filters: 3, kernel: 3, pads: 1, bias: false });
    features = concat([features, grown], 1);
  }
  return head(scope, batchNorm(scope.within("bn"), features).relu());
}

function convFlattenDense(image: Value, scope: Scope): Value {
  const features = convolution(scope.within("conv"), image, { filters: 4, kernel: 3 }).relu();
  const hidden = linear(scope.within("fc1"), features.flatten(), { outputs: 5 }).relu();
  return linear(scope.within("fc2"), hidden, { outputs: 3 });
}

/** The maximum does not commute with the sign that tanh lets through. */
function maxPoolTanh(image: Value, scope: Scope): Value {
  const first = convolution(scope.within("conv1"), image, { filters: 4, kernel: 3, pads: 1 }).tanh();
  const second = convolution(scope.within("conv2"), maxPool(first, 2), { filters: 5, kernel: 2 }).tanh();
  return linear(scope.within("fc"), second.flatten(), { outputs: 3 });
}
