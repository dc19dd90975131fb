import { adjoint, apply, type ConvAttributes, concat, constant, fill, input, type Value } from "../graph/index.ts";
import { elementCount, fromNumbers, type Shape, stridesOf, type Tensor } from "../tensor/index.ts";

/** A convolution as one matrix product over its unfolded windows. */
export function conv(value: Value<"Conv">): Value {
  const [x, w, bias] = value.operands as readonly [Value, Value, Value?];
  const product = convProduct(x, w, value);
  return bias ? product.add(bias.reshape([-1, ...value.shape.slice(2).map(() => 1)])) : product;
}

function convProduct(x: Value, w: Value, { attributes, shape }: { attributes: ConvAttributes; shape: Shape }): Value {
  const { group } = attributes;
  const [batch, filters] = shape as [number, number];
  const [perGroup, ...kernel] = w.shape.slice(1) as [number, ...number[]];
  const taps = elementCount(kernel);
  const columns = unfold(x, kernel, attributes, shape.slice(2)).reshape([batch, group, perGroup * taps, -1]);
  const rows = w.reshape([group, filters / group, perGroup * taps]);
  return rows.matmul(columns).reshape(shape);
}

/** [N, C, taps, outputs]: for every tap of the kernel, the elements that it meets. */
function unfold(x: Value, kernel: Shape, attributes: ConvAttributes, outputs: Shape): Value {
  const { strides, pads, dilations } = attributes;
  const rank = kernel.length;
  const padded = x.pad([0, 0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank)]);
  const pieces = coordinatesOf(kernel).map((tap) => {
    const starts = tap.map((t, axis) => t * (dilations[axis] as number));
    const ends = starts.map((start, i) => start + ((outputs[i] as number) - 1) * (strides[i] as number) + 1);
    const [batch, channels] = x.shape as [number, number];
    const piece = apply("Slice", [padded], {
      starts: [0, 0, ...starts],
      ends: [batch, channels, ...ends],
      steps: [1, 1, ...strides],
    });
    return piece.reshape([batch, channels, 1, elementCount(outputs)]);
  });
  return concat(pieces, 2);
}

function coordinatesOf(shape: Shape): number[][] {
  const strides = stridesOf(shape);
  return Array.from({ length: elementCount(shape) }, (_, flat) =>
    shape.map((size, axis) => Math.floor(flat / (strides[axis] as number)) % size),
  );
}

/** A stand-in for the operand in which an operator is linear: its adjoint does not read it. */
function anywhere(like: Value, shape: Shape): Value {
  return input("anywhere", like.dtype, shape);
}

/**
 * The gradient in the input: a convolution of the padded gradient with the flipped weights. Where that has more outputs of
 * fewer filters than the convolution had, a transposed convolution is up to four times as fast, and stays.
 */
export function convInputGrad(value: Value<"ConvInputGrad">): Value {
  const [g, w] = value.operands as unknown as [Value, Value];
  const { inputShape, strides, pads, dilations } = value.attributes;
  if (value.dtype === "float64") {
    const x = anywhere(g, inputShape);
    return adjoint([convProduct(x, w, { attributes: value.attributes, shape: g.shape })], [g], [x])[0] as Value;
  }
  const kernel = w.shape.slice(2);
  const extents = kernel.map((size, i) => (size - 1) * (dilations[i] as number));
  const before = extents.map((extent, i) => extent - (pads[i] as number));
  const after = extents.map((_, i) => {
    const used = ((g.shape[i + 2] as number) - 1) * (strides[i] as number) + 1;
    return (inputShape[i + 2] as number) - used + (pads[i] as number);
  });
  const isLarger = inputShape.some((size, axis) => axis > 1 && size > (g.shape[axis] as number));
  const isThinner = (inputShape[1] as number) < (g.shape[1] as number);
  if (strides.some((stride) => stride !== 1) || [...before, ...after].some((pad) => pad < 0)) return value;
  if (isLarger && isThinner) return value;
  return apply("Conv", [g, flipped(w, value.attributes.group)], {
    strides,
    pads: [...before, ...after],
    dilations,
    group: value.attributes.group,
  });
}

/** [O, C/g, k...] to [C, O/g, k...] with every spatial axis reversed. */
function flipped(w: Value, group: number): Value {
  const [filters, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const taps = elementCount(kernel);
  const reversed = constant(
    fromNumbers(
      "int64",
      Array.from({ length: taps }, (_, i) => taps - 1 - i),
    ),
  );
  return w
    .reshape([group, filters / group, perGroup * taps])
    .transpose([0, 2, 1])
    .reshape([group * perGroup, taps, filters / group])
    .gather(reversed, 1)
    .transpose([0, 2, 1])
    .reshape([group * perGroup, filters / group, ...kernel]);
}

/** The gradient in the weights: output gradient times unfolded input. */
export function convWeightGrad(value: Value<"ConvWeightGrad">): Value {
  const [x, g] = value.operands as unknown as [Value, Value];
  const { weightShape } = value.attributes;
  const w = anywhere(g, weightShape);
  return adjoint([convProduct(x, w, { attributes: value.attributes, shape: g.shape })], [g], [w])[0] as Value;
}

export function maxPoolGrad(value: Value<"MaxPoolGrad">): Value {
  return value;
}

/** An average pool as a depth-wise convolution, scaled where windows reach into the padding. */
export function averagePool(value: Value<"AveragePool">): Value {
  const [x] = value.operands as readonly [Value];
  const { kernel: _, countIncludePad: __, ...window } = value.attributes;
  const channels = x.shape[1] as number;
  const pooled = apply("Conv", [x, boxes(value, channels)], { ...window, group: channels });
  return pooled.mul(constant(correction(value, x.shape, value.shape)));
}

export function averagePoolGrad(value: Value<"AveragePoolGrad">): Value {
  const [g] = value.operands as readonly [Value];
  const { kernel: _, countIncludePad: __, inputShape, ...window } = value.attributes;
  const channels = inputShape[1] as number;
  const scaled = g.mul(constant(correction(value, inputShape, g.shape)));
  return apply("ConvInputGrad", [scaled, boxes(value, channels)], { ...window, group: channels, inputShape });
}

type AveragePoolValue = Value<"AveragePool"> | Value<"AveragePoolGrad">;

function boxes({ dtype, attributes: { kernel } }: AveragePoolValue, channels: number): Value {
  return fill(1 / elementCount(kernel), dtype, [channels, 1, ...kernel]);
}

/** Kernel size over the number of elements inside the input, per output position. */
function correction(value: AveragePoolValue, input: Shape, output: Shape): Tensor {
  const { kernel, strides, pads, dilations, countIncludePad } = value.attributes;
  const spatial = output.slice(2);
  const factors = coordinatesOf(spatial).map((position) => {
    if (countIncludePad) return 1;
    const inside = position.map((p, axis) => {
      const start = p * (strides[axis] as number) - (pads[axis] as number);
      const taps = Array.from({ length: kernel[axis] as number }, (_, t) => start + t * (dilations[axis] as number));
      return taps.filter((at) => at >= 0 && at < (input[axis + 2] as number)).length;
    });
    return elementCount(kernel) / elementCount(inside);
  });
  return fromNumbers(value.dtype, factors, spatial);
}
