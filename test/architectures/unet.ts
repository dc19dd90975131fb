import { apply, concat, maxPool, type Value } from "../../src/graph/index.ts";
import { convolution, type Scope } from "../../src/nets/index.ts";
import { type Architecture, adHoc } from "./architecture.ts";

/** U-Nets (Ronneberger et al. 2015, arXiv 1505.04597), which differ in how they enlarge. */
export const unetArchitectures: readonly Architecture[] = [
  adHoc("unet-transposed", [2, 6, 6], 6, (x, scope) => unet(x, scope, transposedConvolution)),
  adHoc("unet-nearest", [2, 6, 6], 6, (x, scope) => unet(x, scope, nearest)),
];

/** An image for an image: features of each size are joined to those that come back to it. */
function unet(image: Value, scope: Scope, enlarge: (scope: Scope, x: Value, filters: number) => Value): Value {
  const block = (name: string, x: Value, filters: number) =>
    convolution(scope.within(name), x, { filters, kernel: 3, pads: 1 }).relu();
  const large = block("down", image, 4);
  const small = block("bottom", maxPool(large, 2), 5);
  const joined = concat([large, enlarge(scope.within("enlarge"), small, 3)], 1);
  return convolution(scope.within("last"), block("up", joined, 4), { filters: 2, kernel: 1 });
}

/** A 2x2 transposed convolution with stride 2: `weight` [in, out, 2, 2] and `bias`. */
function transposedConvolution(scope: Scope, x: Value, filters: number): Value {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const weight = scope.weight("weight", [channels, filters, 2, 2], { kind: "he", distribution: "normal" });
  const inputShape = [batch, filters, 2 * height, 2 * width];
  const window = { strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };
  const bias = scope.weight("bias", [filters], { kind: "constant", value: 0 });
  return apply("ConvInputGrad", [x, weight], { ...window, inputShape }).add(bias.reshape([filters, 1, 1]));
}

/** Every pixel twice along both axes, then a convolution. */
function nearest(scope: Scope, x: Value, filters: number): Value {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const repeated = x.reshape([batch, channels, height, 1, width, 1]).expand([batch, channels, height, 2, width, 2]);
  const enlarged = repeated.reshape([batch, channels, 2 * height, 2 * width]);
  return convolution(scope, enlarged, { filters, kernel: 3, pads: 1 });
}
