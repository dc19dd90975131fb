import {
  type AveragePoolAttributes,
  apply,
  type ConvAttributes,
  constant,
  type PoolAttributes,
  type Value,
  type Window,
} from "../../graph/index.ts";
import { type DType, elementCount, fromNumbers, type Shape } from "../../tensor/index.ts";
import {
  flagAttribute,
  type ImportedNode,
  type Importer,
  intAttribute,
  intsAttribute,
  operand,
  refuse,
  stringAttribute,
} from "../imported-node.ts";

/** Convolution, with any form of padding. */
export const conv: Importer = (node) => {
  const [x, weights] = [operand(node, 0), operand(node, 1)];
  const bias = node.operands[2];
  const attributes = convAttributes(node, x.shape.slice(2), weights.shape.slice(2));
  return apply("Conv", bias ? [x, weights, bias] : [x, weights], attributes);
};

/** Transposed convolution: the adjoint of a convolution in its input. */
export const convTranspose: Importer = (node) => {
  const [g, weights, bias] = [operand(node, 0), operand(node, 1), node.operands[2]];
  const [kernel, outputs] = [weights.shape.slice(2), g.shape.slice(2)];
  if (node.attributes.has("output_shape") || stringAttribute(node, "auto_pad")?.startsWith("SAME")) {
    refuse("expected a transposed convolution with explicit pads, got one with a given output size");
  }
  const attributes = convAttributes(node, outputs, kernel);
  const extra = perAxis(node, "output_padding", kernel.length, 0);
  const spatial = outputs.map((size, i) => {
    const full = (size - 1) * at(attributes.strides, i) + extent(kernel, attributes, i);
    return full + at(extra, i) - at(attributes.pads, i) - at(attributes.pads, i + kernel.length);
  });
  const channels = at(weights.shape, 1) * attributes.group;
  const inputShape = [at(g.shape, 0), channels, ...spatial];
  const result = apply("ConvInputGrad", [g, weights], { ...attributes, inputShape });
  return bias ? result.add(bias.reshape([-1, ...spatial.map(() => 1)])) : result;
};

/** Maximum of windows; the second output holds the flat positions of the maxima. */
export const maxPool: Importer = (node) => {
  const x = operand(node, 0);
  if (intAttribute(node, "storage_order")) refuse("expected maxima counted by rows, got storage_order 1");
  const attributes = poolAttributes(node, x.shape.slice(2));
  const pooled = apply("MaxPool", [x], attributes);
  return node.outputCount > 1 ? [pooled, positionsOfMaxima(node, x, attributes)] : pooled;
};

/** Largest number of elements whose positions a floating-point type can count. */
const exactCounts: { readonly [D in DType]?: number } = { float32: 2 ** 24, float64: 2 ** 53 };

function positionsOfMaxima(node: ImportedNode, x: Value, attributes: PoolAttributes): Value {
  const count = elementCount(x.shape);
  if (count > (exactCounts[x.dtype] ?? 0)) refuse(`expected fewer elements to take the positions of, got ${count}`);
  node.spend(count);
  const counts = new Float64Array(count).map((_, i) => i);
  const positions = constant(fromNumbers(x.dtype, counts, x.shape));
  return apply("MaxPoolGather", [x, positions], attributes).cast("int64");
}

/** Mean of windows. */
export const averagePool: Importer = (node) => {
  const x = operand(node, 0);
  const countIncludePad = flagAttribute(node, "count_include_pad");
  const attributes: AveragePoolAttributes = { ...poolAttributes(node, x.shape.slice(2)), countIncludePad };
  const isExtended =
    flagAttribute(node, "ceil_mode") && attributes.pads.join() !== explicitPads(node, x.rank - 2).join();
  if (countIncludePad && isExtended)
    refuse("expected windows inside the padded input, got ceil_mode with padding counted");
  return apply("AveragePool", [x], attributes);
};

function convAttributes(node: ImportedNode, spatial: Shape, kernel: Shape): ConvAttributes {
  const group = intAttribute(node, "group") ?? 1;
  const declared = intsAttribute(node, "kernel_shape") ?? kernel;
  if (declared.join() !== kernel.join())
    refuse(`expected kernel_shape [${kernel}] as the weights have, got [${declared}]`);
  if (group < 1) refuse(`expected at least one group, got ${group}`);
  return { ...windowOf(node, spatial, kernel), group };
}

function poolAttributes(node: ImportedNode, spatial: Shape): PoolAttributes {
  const kernel = perAxis(node, "kernel_shape", spatial.length);
  const window = windowOf(node, spatial, kernel);
  return { ...(flagAttribute(node, "ceil_mode") ? roundedUp(window, spatial, kernel) : window), kernel };
}

function windowOf(node: ImportedNode, spatial: Shape, kernel: Shape): Window {
  const strides = perAxis(node, "strides", spatial.length, 1);
  const dilations = perAxis(node, "dilations", spatial.length, 1);
  const smallest = Math.min(...kernel, ...strides, ...dilations);
  if (smallest < 1) refuse(`expected kernel, strides and dilations of at least 1, got ${smallest}`);
  const unpadded = { strides, dilations, pads: explicitPads(node, spatial.length) };
  return { ...unpadded, pads: automaticPads(node, spatial, kernel, unpadded) };
}

function explicitPads(node: ImportedNode, rank: number): number[] {
  const pads = intsAttribute(node, "pads") ?? new Array<number>(2 * rank).fill(0);
  if (pads.length !== 2 * rank || pads.some((pad) => pad < 0)) refuse(`expected ${2 * rank} pads, got [${pads}]`);
  return pads;
}

function automaticPads(node: ImportedNode, spatial: Shape, kernel: Shape, window: Window): readonly number[] {
  const mode = stringAttribute(node, "auto_pad") ?? "NOTSET";
  if (mode === "NOTSET") return window.pads;
  if (mode === "VALID") return window.pads.map(() => 0);
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") refuse("expected a known auto_pad, got another one");
  const totals = spatial.map((size, i) => {
    const steps = Math.ceil(size / at(window.strides, i)) - 1;
    return Math.max(steps * at(window.strides, i) + extent(kernel, window, i) - size, 0);
  });
  const small = totals.map((total) => Math.floor(total / 2));
  const large = totals.map((total) => Math.ceil(total / 2));
  return mode === "SAME_UPPER" ? [...small, ...large] : [...large, ...small];
}

/** Pads the ends so that windows which would reach over them count, provided that they begin inside. */
function roundedUp(window: Window, spatial: Shape, kernel: Shape): Window {
  const rank = spatial.length;
  const extra = spatial.map((size, i) => {
    const stride = at(window.strides, i);
    const start = at(window.pads, i);
    const rest = size + start + at(window.pads, i + rank) - extent(kernel, window, i);
    const steps = Math.ceil(rest / stride);
    const inside = steps * stride >= size + start ? steps - 1 : steps;
    return Math.max(inside * stride - rest, 0);
  });
  return { ...window, pads: window.pads.map((pad, i) => (i < rank ? pad : pad + at(extra, i - rank))) };
}

function perAxis(node: ImportedNode, name: string, rank: number, fallback?: number): number[] {
  const filled = fallback === undefined ? undefined : new Array<number>(Math.max(rank, 0)).fill(fallback);
  const list = intsAttribute(node, name) ?? filled ?? refuse(`expected attribute ${name}, got none`);
  if (list.length !== rank) refuse(`expected ${rank} ${name}, one per spatial axis, got ${list.length}`);
  return list;
}

/** Elements that a window reaches over along an axis. */
function extent(kernel: Shape, window: Window, axis: number): number {
  return at(window.dilations, axis) * (at(kernel, axis) - 1) + 1;
}

function at(list: readonly number[], index: number): number {
  return list[index] as number;
}
