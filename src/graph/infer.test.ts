import { describe, expect, it } from "vitest";
import { type DType, fromNumbers } from "../tensor/index.ts";
import {
  apply,
  averagePool,
  concat,
  constant,
  conv,
  infer,
  input,
  maxPool,
  type OperatorAttributes,
  surrogate,
  type Value,
  where,
} from "./index.ts";

function x(...shape: number[]): Value {
  return input("x", "float32", shape);
}

function typed(dtype: DType, ...shape: number[]): Value {
  return input(dtype, dtype, shape);
}

const window = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] };
const pool = { ...window, kernel: [2, 2] };
const product = { transA: false, transB: true, alpha: 1 };
const slice = (starts: number[], ends: number[], steps: number[]) => ({ starts, ends, steps });

describe("what does not fit is refused with the operator and all operands", () => {
  it.each<[string, () => Value]>([
    ["Input: expected a shape of non-negative whole numbers, got [-1, 2]", () => x(-1, 2)],
    ["Exp: expected floats, got int32 [2]", () => typed("int32", 2).exp()],
    ["Neg: expected numbers, got bool [2]", () => typed("bool", 2).neg()],
    ["Exp: expected 1 operand, got float32 [2] and float32 [3]", () => apply("Exp", [x(2), x(3)])],
    ["Not: expected booleans, got float32 [2]", () => x(2).not()],
    ["Add: expected shapes that broadcast together, got float32 [2, 3] and float32 [4]", () => x(2, 3).add(x(4))],
    ["Mul: expected operands of one type, got float32 [2] and float64 [2]", () => x(2).mul(typed("float64", 2))],
    ["Add: expected numbers, got bool [2] and bool [2]", () => typed("bool", 2).add(typed("bool", 2))],
    ["Add: expected 2 operands, got no operands", () => apply("Add", [])],
    ["Less: expected shapes that broadcast together, got float32 [2] and float32 [0]", () => x(2).less(x(0))],
    ["Equal: expected operands of one type, got float32 [2] and int64 [2]", () => x(2).equal(typed("int64", 2))],
    ["And: expected booleans, got float32 [2] and float32 [2]", () => x(2).and(x(2))],
    ["Or: expected operands of one type, got bool [2] and float32 [2]", () => typed("bool", 2).or(x(2))],
    [
      "Where: expected a boolean condition, got float32 [1] and float32 [2] and float32 [2]",
      () => where(x(1), x(2), x(2)),
    ],
    [
      "Where: expected operands of one type, got float32 [2] and int8 [2]",
      () => where(typed("bool"), x(2), typed("int8", 2)),
    ],
    [
      "Where: expected shapes that broadcast together, got bool [3] and float32 [2] and float32 []",
      () => where(typed("bool", 3), x(2), 0),
    ],
    ["Surrogate: expected operands of one shape, got float32 [2] and float32 [2, 1]", () => surrogate(x(2), x(2, 1))],
    ["ReduceSum: axis 2 is outside a tensor of 2 axes", () => x(2, 3).sum(2)],
    ["ReduceMax: axis 0 is outside a tensor of 0 axes", () => x().max(0)],
    ["ReduceMean: expected distinct axes instead of [0, 0], got float32 [2, 3]", () => x(2, 3).mean([0, -2])],
    [
      "ReduceMin: expected an axis from 0 to 1 instead of -1, got float32 [2, 3]",
      () => apply("ReduceMin", [x(2, 3)], { axes: [-1], keepDims: false }),
    ],
    ["ArgMax: axis 1 is outside a tensor of 1 axes", () => x(2).argMax(1)],
    ["Softmax: axis -1 is outside a tensor of 0 axes", () => x().softmax()],
    ["LogSoftmax: expected floats, got int64 [2]", () => typed("int64", 2).logSoftmax()],
    ["Reshape: expected the 5 elements of [5], got float32 [2, 3]", () => x(2, 3).reshape([5])],
    ["Reshape: [2, 3] cannot be reshaped to [4, -1]", () => x(2, 3).reshape([4, -1])],
    ["Reshape: [2, 3] cannot be reshaped to [-1, -1]", () => x(2, 3).reshape([-1, -1])],
    ["Reshape: [0, 3] cannot be reshaped to [0, -1]", () => x(0, 3).reshape([0, -1])],
    ["Reshape: expected a shape of non-negative whole numbers, got [-2, -3]", () => x(2, 3).reshape([-2, -3])],
    [
      "Transpose: expected a permutation of the axes instead of [0, 0], got float32 [2, 3]",
      () => x(2, 3).transpose([0, 0]),
    ],
    ["Transpose: expected a permutation of the axes instead of [0], got float32 [2, 3]", () => x(2, 3).transpose([0])],
    ["Expand: expected a shape that broadcasts to [2, 4], got float32 [2, 3]", () => x(2, 3).expand([2, 4])],
    ["Expand: expected a shape that broadcasts to [3], got float32 [1, 3]", () => x(1, 3).expand([3])],
    ["Expand: expected a shape of non-negative whole numbers, got [-1]", () => x(1).expand([-1])],
    ["Concat: expected at least one value", () => concat([], 0)],
    ["Concat: axis 2 is outside a tensor of 2 axes", () => concat([x(2, 3), x(2, 3)], 2)],
    [
      "Concat: expected shapes that differ only along axis 0, got float32 [2, 3] and float32 [2]",
      () => concat([x(2, 3), x(2)], 0),
    ],
    [
      "Concat: expected shapes that differ only along axis 1, got float32 [2, 3] and float32 [3, 2]",
      () => concat([x(2, 3), x(3, 2)], 1),
    ],
    [
      "Concat: expected shapes that differ only along axis 1, got float32 [2, 3] and float32 [2]",
      () => concat([x(2, 3), x(2)], 1),
    ],
    [
      "Slice: expected a range inside the tensor instead of [0, 2] to [2, 4] by [1, 1], got float32 [2, 3]",
      () => x(2, 3).slice(1, 2, 4),
    ],
    [
      "Slice: expected a range inside the tensor instead of [0, -1] to [2, 2] by [1, 1], got float32 [2, 3]",
      () => x(2, 3).slice(1, -4, 2),
    ],
    [
      "Slice: expected a range inside the tensor instead of [0, 2] to [2, 1] by [1, 1], got float32 [2, 3]",
      () => x(2, 3).slice(1, 2, 1),
    ],
    [
      "Slice: expected a range inside the tensor instead of [0] to [2] by [0], got float32 [2]",
      () => x(2).slice(0, 0, 2, 0),
    ],
    [
      "Slice: expected a range inside the tensor instead of [0.5] to [2] by [1], got float32 [2]",
      () => x(2).slice(0, 0.5),
    ],
    [
      "Slice: expected a range inside the tensor instead of [0] to [2] by [1], got float32 [2, 3]",
      () => apply("Slice", [x(2, 3)], slice([0], [2], [1])),
    ],
    ["Slice: axis 0 is outside a tensor of 0 axes", () => x().slice(0, 0)],
    ["Pad: expected 4 non-negative pads instead of [1, 1], got float32 [2, 3]", () => x(2, 3).pad([1, 1])],
    ["Pad: expected 2 non-negative pads instead of [0, -1], got float32 [2]", () => x(2).pad([0, -1])],
    ["Gather: expected int32 or int64 indices, got float32 [2, 3] and float32 [2]", () => x(2, 3).gather(x(2))],
    ["Gather: axis 2 is outside a tensor of 2 axes", () => x(2, 3).gather(typed("int64", 2), 2)],
    [
      "GatherGrad: expected the axes of the indices at axis 1, got float32 [2, 3] and int64 [4]",
      () => apply("GatherGrad", [x(2, 3), typed("int64", 4)], { axis: 1, size: 9 }),
    ],
    [
      "GatherGrad: expected an axis from 0 to 1 instead of 2, got float32 [2, 3] and int64 [3]",
      () => apply("GatherGrad", [x(2, 3), typed("int64", 3)], { axis: 2, size: 9 }),
    ],
    [
      "GatherElements: expected indices no larger than the tensor, except along axis 1, got float32 [2, 3] and int64 [3, 3]",
      () => x(2, 3).gatherElements(typed("int64", 3, 3), 1),
    ],
    [
      "GatherElements: expected indices no larger than the tensor, except along axis 0, got float32 [2, 3] and int64 [2]",
      () => x(2, 3).gatherElements(typed("int64", 2), 0),
    ],
    [
      "GatherElementsGrad: expected operands of one shape, got float32 [2, 3] and int64 [2]",
      () => apply("GatherElementsGrad", [x(2, 3), typed("int64", 2)], { axis: 0, size: 4 }),
    ],
    [
      "GatherElementsGrad: expected an axis from 0 to 0 instead of 1, got float32 [2] and int64 [2]",
      () => apply("GatherElementsGrad", [x(2), typed("int64", 2)], { axis: 1, size: 4 }),
    ],
    [
      "MatMul: expected matching inner sizes, 3 is not 2, got float32 [2, 3] and float32 [2, 3]",
      () => x(2, 3).matmul(x(2, 3)),
    ],
    ["MatMul: expected operands of at least two axes, got float32 [2, 3] and float32 [3]", () => x(2, 3).matmul(x(3))],
    [
      "MatMul: expected leading axes that broadcast together, got float32 [2, 3, 3] and float32 [4, 3, 3]",
      () => x(2, 3, 3).matmul(x(4, 3, 3)),
    ],
    [
      "FusedMatMul: expected matching inner sizes, 3 is not 4, got float32 [2, 3] and float32 [3, 4]",
      () => apply("FusedMatMul", [x(2, 3), x(3, 4)], product),
    ],
    [
      "Gemm: expected a bias that broadcasts to [2, 4], got float32 [2, 3] and float32 [4, 3] and float32 [3]",
      () => apply("Gemm", [x(2, 3), x(4, 3), x(3)], { ...product, beta: 1 }),
    ],
    [
      "Gemm: expected matrices, got float32 [2, 2, 3] and float32 [4, 3]",
      () => apply("Gemm", [x(2, 2, 3), x(4, 3)], { ...product, beta: 1 }),
    ],
    [
      "Conv: expected [N, C, ...] and weights [O, C/group, ...], got float32 [2, 3] and float32 [4, 3]",
      () => conv(x(2, 3), x(4, 3)),
    ],
    ["Conv: expected [N, C, ...] and weights [O, C/group, ...], got float32 [] and float32 []", () => conv(x(), x())],
    [
      "Conv: expected 3 channels in 1 group(s), got float32 [1, 3, 4, 4] and float32 [2, 2, 3, 3]",
      () => conv(x(1, 3, 4, 4), x(2, 2, 3, 3)),
    ],
    [
      "Conv: expected 4 channels in 2 group(s), got float32 [1, 4, 4, 4] and float32 [3, 2, 3, 3]",
      () => conv(x(1, 4, 4, 4), x(3, 2, 3, 3), { group: 2 }),
    ],
    [
      "Conv: expected a window that fits, kernel [5, 3], got float32 [1, 1, 4, 4] and float32 [1, 1, 5, 3]",
      () => conv(x(1, 1, 4, 4), x(1, 1, 5, 3)),
    ],
    [
      "Conv: expected a bias [2], got float32 [1, 1, 4, 4] and float32 [2, 1, 3, 3] and float32 [1]",
      () => conv(x(1, 1, 4, 4), x(2, 1, 3, 3), { bias: x(1) }),
    ],
    [
      "Conv: expected positive kernel, strides and dilations and whole pads instead of [3], [0], [1], [0, 0], got float32 [1, 1, 4] and float32 [1, 1, 3]",
      () => conv(x(1, 1, 4), x(1, 1, 3), { strides: 0 }),
    ],
    [
      "Conv: expected strides, dilations and pads for 1 spatial axes, got float32 [1, 1, 4] and float32 [1, 1, 3]",
      () => apply("Conv", [x(1, 1, 4), x(1, 1, 3)], { ...window, group: 1 }),
    ],
    [
      "window: expected 2 numbers, one per spatial axis, got 3",
      () => conv(x(1, 1, 4, 4), x(1, 1, 3, 3), { strides: [1, 1, 1] }),
    ],
    [
      "ConvInputGrad: expected a gradient [1, 2, 3, 3], got float32 [1, 2, 4, 4] and float32 [2, 1, 2, 2]",
      () => apply("ConvInputGrad", [x(1, 2, 4, 4), x(2, 1, 2, 2)], { ...window, group: 1, inputShape: [1, 1, 4, 4] }),
    ],
    [
      "ConvWeightGrad: expected a gradient [1, 2, 3, 3], got float32 [1, 1, 4, 4] and float32 [1, 2, 4, 4]",
      () => apply("ConvWeightGrad", [x(1, 1, 4, 4), x(1, 2, 4, 4)], { ...window, group: 1, weightShape: [2, 1, 2, 2] }),
    ],
    ["MaxPool: expected [N, C, ...] and a kernel that fits it, got float32 [2]", () => maxPool(x(2), 2)],
    ["MaxPool: expected a window that fits, kernel [3, 3], got float32 [1, 1, 2, 4]", () => maxPool(x(1, 1, 2, 4), 3)],
    ["AveragePool: expected a window that fits, kernel [5], got float32 [1, 1, 4]", () => averagePool(x(1, 1, 4), 5)],
    [
      "MaxPoolGrad: expected a gradient [1, 1, 3, 3], got float32 [1, 1, 4, 4] and float32 [1, 1, 2, 2]",
      () => apply("MaxPoolGrad", [x(1, 1, 4, 4), x(1, 1, 2, 2)], pool),
    ],
    [
      "MaxPoolGather: expected operands of one shape, got float32 [1, 1, 4, 4] and float32 [1, 1, 3, 3]",
      () => apply("MaxPoolGather", [x(1, 1, 4, 4), x(1, 1, 3, 3)], pool),
    ],
    [
      "AveragePoolGrad: expected a gradient [1, 1, 3, 3], got float32 [1, 1, 4, 4]",
      () => apply("AveragePoolGrad", [x(1, 1, 4, 4)], { ...pool, countIncludePad: false, inputShape: [1, 1, 4, 4] }),
    ],
    [
      "BatchNormalization: expected scale, bias, mean and variance [3], got float32 [2, 3] and float32 [3] and float32 [3] and float32 [2] and float32 [3]",
      () => apply("BatchNormalization", [x(2, 3), x(3), x(3), x(2), x(3)], { epsilon: 0 }),
    ],
    [
      "BatchNormalization: expected [N, C, ...], got float32 [3] and float32 [3] and float32 [3] and float32 [3] and float32 [3]",
      () => apply("BatchNormalization", [x(3), x(3), x(3), x(3), x(3)], { epsilon: 0 }),
    ],
    [
      "LayerNormalization: expected parameters [3, 4], got float32 [2, 3, 4] and float32 [4]",
      () => apply("LayerNormalization", [x(2, 3, 4), x(4)], { axis: 1, epsilon: 0 }),
    ],
    [
      "RMSNormalization: expected an axis from 0 to 1 instead of 2, got float32 [2, 3] and float32 [3]",
      () => apply("RMSNormalization", [x(2, 3), x(3)], { axis: 2, epsilon: 0 }),
    ],
  ])("%s", (message, build) => {
    expect(build).toThrow(expect.objectContaining({ name: "InputError", message }));
  });
});

describe("the result", () => {
  it.each<[string, Value, DType, number[]]>([
    ["a comparison", x(2, 1).less(x(3)), "bool", [2, 3]],
    ["a choice", where(typed("bool", 4, 1, 1), x(2, 1), x(3)), "float32", [4, 2, 3]],
    ["a cast", x(2).cast("int8"), "int8", [2]],
    ["the place of a maximum", x(2, 3).argMax(), "int64", [2]],
    ["a product of stacks", x(5, 1, 2, 3).matmul(x(4, 3, 6)), "float32", [5, 4, 2, 6]],
    ["a product of empty matrices", x(2, 0).matmul(x(0, 3)), "float32", [2, 3]],
    ["gathered rows", x(5, 4).gather(typed("int32", 2, 3)), "float32", [2, 3, 4]],
    ["one gathered row", x(5, 4).gather(typed("int32"), 1), "float32", [5]],
    ["an empty sum", x(0, 3).sum(0), "float32", [3]],
    ["every third element", x(2, 8).slice(1, 1, 8, 3), "float32", [2, 3]],
    ["an empty slice", x(2, 8).slice(1, 3, 3), "float32", [2, 0]],
    [
      "a strided, dilated convolution",
      conv(x(2, 4, 9, 9), x(6, 2, 3, 3), { group: 2, strides: 2, dilations: [2, 1], pads: [1, 0, 0, 1] }),
      "float32",
      [2, 6, 3, 4],
    ],
    ["a pool that leaves a rest", maxPool(x(1, 2, 5, 5), 2), "float32", [1, 2, 2, 2]],
    ["a constant", constant(fromNumbers("int8", [1, 2, 3])), "int8", [3]],
  ])("of %s has its type and shape", (_, value, dtype, shape) => {
    expect({ dtype: value.dtype, shape: value.shape }).toEqual({ dtype, shape });
  });

  it("can be asked for without a graph", () => {
    const operands = [
      { dtype: "float32", shape: [2, 3] },
      { dtype: "float32", shape: [3, 4] },
    ] as const;
    expect(infer("MatMul", operands, {} as OperatorAttributes["MatMul"])).toEqual({ dtype: "float32", shape: [2, 4] });
  });
});
