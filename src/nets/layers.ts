import { check } from "../errors.ts";
import { apply, conv, type Value, type WindowOptions } from "../graph/index.ts";
import { elementCount, formatShape } from "../tensor/index.ts";
import type { Scope } from "./define.ts";
import { type InitializerName, layerInitializers } from "./initializers.ts";

/** What all layers with weights share. */
export interface LayerOptions {
  /** Defaults to true. */
  readonly bias?: boolean;
  /** Defaults to "he". */
  readonly initializer?: InitializerName;
}

/** `x W^T + b` over the last axis: `weight` [outputs, inputs] and `bias` [outputs]. */
export function linear(scope: Scope, x: Value, options: LayerOptions & { readonly outputs: number }): Value {
  const { outputs, bias = true, initializer = "he" } = options;
  const shape = [outputs, x.shape.at(-1) as number];
  const initial = layerInitializers(initializer, shape);
  const product = x.matmul(scope.weight("weight", shape, initial.weight).transpose());
  return bias ? product.add(scope.weight("bias", [outputs], initial.bias)) : product;
}

/** Shape of a convolution: `filters` of `kernel` x `kernel` taps. */
export interface ConvolutionOptions extends LayerOptions, WindowOptions {
  readonly filters: number;
  readonly kernel: number;
}

/** A convolution over an image [batch, channels, height, width]: `weight` [filters, channels, k, k] and `bias`. */
export function convolution(scope: Scope, x: Value, options: ConvolutionOptions): Value {
  const { filters, kernel, bias = true, initializer = "he", ...window } = options;
  const shape = [filters, x.shape[1] as number, kernel, kernel];
  const initial = layerInitializers(initializer, shape);
  const weight = scope.weight("weight", shape, initial.weight);
  return conv(x, weight, { ...window, bias: bias ? scope.weight("bias", [filters], initial.bias) : undefined });
}

const epsilon = 1e-5;
const momentum = 0.1;

/**
 * Batch norm over axis 1 (Ioffe and Szegedy 2015, arXiv 1502.03167) with PyTorch's defaults: `weight`, `bias`,
 * `running_mean` and `running_var`. In training mode it normalises by the biased variance of the batch, and moves the
 * running statistics a tenth of the way to the mean and the unbiased variance of the batch.
 */
export function batchNorm(scope: Scope, x: Value): Value {
  const channels = [x.shape[1] as number];
  const weight = scope.weight("weight", channels, { kind: "constant", value: 1 });
  const bias = scope.weight("bias", channels, { kind: "constant", value: 0 });
  const mean = scope.statistic("running_mean", channels, 0);
  const variance = scope.statistic("running_var", channels, 1);
  if (!scope.training) return apply("BatchNormalization", [x, weight, bias, mean, variance], { epsilon });
  const batch = batchStatistics(x);
  scope.update("running_mean", mix(mean, batch.mean));
  scope.update("running_var", mix(variance, batch.variance.mul(batch.count / (batch.count - 1))));
  const factor = weight.div(batch.variance.add(epsilon).sqrt());
  return batch.centred.mul(perChannel(factor, x)).add(perChannel(bias, x));
}

function batchStatistics(x: Value) {
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const count = elementCount(axes.map((axis) => x.shape[axis] as number));
  check(count > 1, () => ({
    code: "bad-input",
    where: "batch norm",
    message: `expected more than one value per channel to train on, got ${formatShape(x.shape)}`,
    remedy: "train on larger batches",
  }));
  const mean = x.mean(axes);
  const centred = x.sub(perChannel(mean, x));
  return { count, mean, centred, variance: centred.square().mean(axes) };
}

function mix(running: Value, batch: Value): Value {
  return running.mul(1 - momentum).add(batch.mul(momentum));
}

/** A value per channel, shaped to broadcast over `x` [batch, channels, ...]. */
function perChannel(value: Value, x: Value): Value {
  return x.rank === 2 ? value : value.reshape([-1, ...x.shape.slice(2).map(() => 1)]);
}

/** Layer norm over the last axis (Ba et al. 2016, arXiv 1607.06450): `weight` and `bias`. */
export function layerNorm(scope: Scope, x: Value, epsilon = 1e-5): Value {
  const width = [x.shape.at(-1) as number];
  const weight = scope.weight("weight", width, { kind: "constant", value: 1 });
  const bias = scope.weight("bias", width, { kind: "constant", value: 0 });
  return apply("LayerNormalization", [x, weight, bias], { axis: x.rank - 1, epsilon });
}

/** Root mean square norm over the last axis (Zhang and Sennrich 2019, arXiv 1910.07467): `weight`. */
export function rmsNorm(scope: Scope, x: Value, epsilon = 1e-6): Value {
  const weight = scope.weight("weight", [x.shape.at(-1) as number], { kind: "constant", value: 1 });
  return apply("RMSNormalization", [x, weight], { axis: x.rank - 1, epsilon });
}
