import { formatShape, type Shape, sameShape } from "../tensor/index.ts";
import { checkGradient, exactly, type Infer, need, operand, sameType, type TypedShape } from "./operand-checks.ts";
import type { ConvAttributes, Operator, PoolAttributes, Window } from "./operators.ts";

/** Output size of one spatial axis of a convolution or pool. */
function windowSize(input: number, kernel: number, window: Window, axis: number): number {
  const rank = window.strides.length;
  const padded = input + (window.pads[axis] as number) + (window.pads[axis + rank] as number);
  const extent = (window.dilations[axis] as number) * (kernel - 1) + 1;
  return Math.floor((padded - extent) / (window.strides[axis] as number)) + 1;
}

function windowShape(
  op: Operator,
  operands: readonly TypedShape[],
  spatial: Shape,
  kernel: Shape,
  window: Window,
): Shape {
  const rank = spatial.length;
  const { strides, dilations, pads } = window;
  need(
    strides.length === rank && dilations.length === rank && pads.length === 2 * rank,
    op,
    operands,
    () => `expected strides, dilations and pads for ${rank} spatial axes`,
  );
  const isWhole = [...strides, ...dilations, ...kernel].every((n) => Number.isInteger(n) && n > 0);
  need(
    isWhole && pads.every(Number.isInteger),
    op,
    operands,
    () =>
      `expected positive kernel, strides and dilations and whole pads instead of ${[kernel, strides, dilations, pads].map(formatShape).join(", ")}`,
  );
  const sizes = spatial.map((size, axis) => windowSize(size, kernel[axis] as number, window, axis));
  need(
    sizes.every((size) => size > 0),
    op,
    operands,
    () => `expected a window that fits, kernel ${formatShape(kernel)}`,
  );
  return sizes;
}

function convShape(op: Operator, operands: readonly TypedShape[], x: Shape, w: Shape, conv: ConvAttributes): Shape {
  const { group } = conv;
  const [batch, channels] = x as [number, number];
  const [filters, perGroup] = w as [number, number];
  const isImage = x.length >= 3 && x.length === w.length;
  need(isImage, op, operands, () => "expected [N, C, ...] and weights [O, C/group, ...]");
  const fits = channels === perGroup * group && filters % group === 0;
  need(fits, op, operands, () => `expected ${channels} channels in ${group} group(s)`);
  return [batch, filters, ...windowShape(op, operands, x.slice(2), w.slice(2), conv)];
}

const conv: Infer<"Conv"> = (operands, attributes, op) => {
  need(operands.length === 2 || operands.length === 3, op, operands, () => "expected two or three operands");
  const dtype = sameType(op, operands);
  const [x, w, bias] = operands as [TypedShape, TypedShape, TypedShape?];
  const shape = convShape(op, operands, x.shape, w.shape, attributes);
  const perFilter = w.shape.slice(0, 1);
  need(!bias || sameShape(bias.shape, perFilter), op, operands, () => `expected a bias ${formatShape(perFilter)}`);
  return { dtype, shape };
};

const convInputGrad: Infer<"ConvInputGrad"> = (operands, attributes, op) => {
  exactly(2, op, operands);
  const [g, w] = operands as [TypedShape, TypedShape];
  checkGradient(op, operands, g, convShape(op, operands, attributes.inputShape, w.shape, attributes));
  return { dtype: sameType(op, operands), shape: attributes.inputShape };
};

const convWeightGrad: Infer<"ConvWeightGrad"> = (operands, attributes, op) => {
  exactly(2, op, operands);
  const [x, g] = operands as [TypedShape, TypedShape];
  checkGradient(op, operands, g, convShape(op, operands, x.shape, attributes.weightShape, attributes));
  return { dtype: sameType(op, operands), shape: attributes.weightShape };
};

function poolShape(op: Operator, operands: readonly TypedShape[], shape: Shape, pool: PoolAttributes): Shape {
  need(shape.length === pool.kernel.length + 2, op, operands, () => "expected [N, C, ...] and a kernel that fits it");
  return [...shape.slice(0, 2), ...windowShape(op, operands, shape.slice(2), pool.kernel, pool)];
}

const pool: Infer<"MaxPool" | "AveragePool"> = (operands, attributes, op) => {
  exactly(1, op, operands);
  const { dtype, shape } = operand(operands, 0);
  return { dtype, shape: poolShape(op, operands, shape, attributes) };
};

const maxPoolGrad: Infer<"MaxPoolGrad"> = (operands, attributes, op) => {
  exactly(2, op, operands);
  const [x, g] = operands as [TypedShape, TypedShape];
  checkGradient(op, operands, g, poolShape(op, operands, x.shape, attributes));
  return { dtype: sameType(op, operands), shape: x.shape };
};

const maxPoolGather: Infer<"MaxPoolGather"> = (operands, attributes, op) => {
  exactly(2, op, operands);
  const [x, source] = operands as [TypedShape, TypedShape];
  need(sameShape(x.shape, source.shape), op, operands, () => "expected operands of one shape");
  return { dtype: sameType(op, operands), shape: poolShape(op, operands, x.shape, attributes) };
};

const averagePoolGrad: Infer<"AveragePoolGrad"> = (operands, attributes, op) => {
  exactly(1, op, operands);
  const g = operand(operands, 0);
  checkGradient(op, operands, g, poolShape(op, operands, attributes.inputShape, attributes));
  return { dtype: g.dtype, shape: attributes.inputShape };
};

/** The rules of convolutions, pools and their adjoints. */
export const windowRules = {
  Conv: conv,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  MaxPool: pool,
  MaxPoolGrad: maxPoolGrad,
  MaxPoolGather: maxPoolGather,
  AveragePool: pool,
  AveragePoolGrad: averagePoolGrad,
};
