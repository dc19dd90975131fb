import {
  type ConvAttributes,
  type Operator,
  type PoolAttributes,
  refuseOpaque,
  type Value,
  type Window,
} from "../graph/index.ts";
import { elementCount, fromNumbers, type Shape, type Tensor, zeros } from "../tensor/index.ts";
import { dataTypes } from "./data-type.ts";
import { type AttributeProto, attributeTypes, type NodeProto } from "./proto.ts";
import { tensorToProto } from "./tensor-proto.ts";

/** Where the nodes of a graph are collected while it is encoded. */
export interface Sink {
  readonly nodes: NodeProto[];
  nameOf(value: Value): string;
  /** A name that nothing has yet. */
  fresh(): string;
}

/** Writes the ONNX nodes that compute one value. */
export type Emitter<O extends Operator> = (value: Value<O>, sink: Sink) => void;

type AttributeValue = number | string | readonly number[] | Tensor | { readonly float: number };

function attribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "number") return { name, type: attributeTypes.int, i: value };
  if (typeof value === "string") return { name, type: attributeTypes.string, s: value };
  if ("float" in value) return { name, type: attributeTypes.float, f: value.float };
  if ("dtype" in value) return { name, type: attributeTypes.tensor, t: tensorToProto("", value) };
  return { name, type: attributeTypes.ints, ints: value };
}

interface NodeDetails {
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly domain?: string;
}

function push(
  sink: Sink,
  opType: string,
  input: readonly string[],
  output: readonly string[],
  { attributes = {}, domain }: NodeDetails = {},
): void {
  const attributeList = Object.entries(attributes).map(([name, value]) => attribute(name, value));
  sink.nodes.push({ opType, input, output, attribute: attributeList, ...(domain && { domain }) });
}

/** Stores a constant and returns its name. */
function constantNode(sink: Sink, value: Tensor, name = sink.fresh()): string {
  push(sink, "Constant", [], [name], { attributes: { value } });
  return name;
}

/** The ONNX node of the same name, with attributes, and further operands that are constants. */
function direct<O extends Operator>(
  attributesOf: (value: Value<O>) => Readonly<Record<string, AttributeValue>> = () => ({}),
  constantsOf: (value: Value<O>) => readonly Tensor[] = () => [],
): Emitter<O> {
  return (value, sink) => {
    const input = [...value.operands.map(sink.nameOf), ...constantsOf(value).map((each) => constantNode(sink, each))];
    push(sink, value.op, input, [sink.nameOf(value)], { attributes: attributesOf(value) });
  };
}

function internal(value: Value): never {
  throw new Error(`internal: ${value.op} was not lowered before encoding`);
}

function indices(values: Shape): Tensor {
  return fromNumbers("int64", values);
}

const plain = direct<Operator>();
const alongAxis = direct<"Softmax" | "LogSoftmax" | "Concat" | "Gather" | "GatherElements">(({ attributes }) => ({
  axis: attributes.axis,
}));
const reduction = direct<"ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin">(
  ({ attributes }) => ({ keepdims: attributes.keepDims ? 1 : 0 }),
  ({ attributes }) => [indices(attributes.axes)],
);
const toShape = direct<"Reshape" | "Expand">(undefined, ({ attributes }) => [indices(attributes.shape)]);

function windowAttributes({ strides, pads, dilations }: Window) {
  return { strides, pads, dilations };
}

function convAttributes(attributes: ConvAttributes) {
  return { ...windowAttributes(attributes), group: attributes.group };
}

function poolAttributes(attributes: PoolAttributes) {
  return { ...windowAttributes(attributes), kernel_shape: attributes.kernel };
}

const gemm: Emitter<"Gemm"> = (value, sink) => {
  const { transA, transB, alpha, beta } = value.attributes;
  const attributes = {
    transA: transA ? 1 : 0,
    transB: transB ? 1 : 0,
    alpha: { float: alpha },
    beta: { float: beta },
  };
  push(sink, "Gemm", value.operands.map(sink.nameOf), [sink.nameOf(value)], { attributes });
};

const fusedMatMul: Emitter<"FusedMatMul"> = (value, sink) => {
  const { transA, transB, alpha } = value.attributes;
  const attributes = { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha: { float: alpha } };
  const domain = "com.microsoft";
  push(sink, "FusedMatMul", value.operands.map(sink.nameOf), [sink.nameOf(value)], { attributes, domain });
};

/** Strided adjoint of a convolution; the flipped form of stride 1 is lowered before. */
const convTranspose: Emitter<"ConvInputGrad"> = (value, sink) => {
  const { inputShape, strides, pads, dilations } = value.attributes;
  const [g, w] = value.operands as unknown as [Value, Value];
  const rank = strides.length;
  const outputPadding = strides.map((stride, i) => {
    const extent = ((w.shape[i + 2] as number) - 1) * (dilations[i] as number) + 1;
    const full = ((g.shape[i + 2] as number) - 1) * stride + extent;
    return (inputShape[i + 2] as number) - (full - (pads[i] as number) - (pads[i + rank] as number));
  });
  const attributes = { ...convAttributes(value.attributes), output_padding: outputPadding };
  push(sink, "ConvTranspose", [g, w].map(sink.nameOf), [sink.nameOf(value)], { attributes });
};

/** Names of the flat positions of the maxima; ONNX counts them through the whole tensor. */
function maxima(value: Value<"MaxPoolGrad" | "MaxPoolGather">, sink: Sink): string {
  const [pooled, positions, flat] = [sink.fresh(), sink.fresh(), sink.fresh()];
  const x = value.operands[0] as Value;
  push(sink, "MaxPool", [sink.nameOf(x)], [pooled, positions], { attributes: poolAttributes(value.attributes) });
  push(sink, "Reshape", [positions, constantNode(sink, indices([-1]))], [flat]);
  return flat;
}

function reshaped(sink: Sink, from: string, shape: Shape, to = sink.fresh()): string {
  push(sink, "Reshape", [from, constantNode(sink, indices(shape))], [to]);
  return to;
}

function zerosNode(sink: Sink, value: Value, shape: Shape): string {
  const name = sink.fresh();
  const attributes = { value: zeros(value.dtype, [1]) };
  push(sink, "ConstantOfShape", [constantNode(sink, indices(shape))], [name], { attributes });
  return name;
}

const maxPoolGrad: Emitter<"MaxPoolGrad"> = (value, sink) => {
  const count = elementCount(value.shape);
  const g = reshaped(sink, sink.nameOf(value.operands[1] as Value), [-1]);
  const scattered = sink.fresh();
  push(sink, "ScatterElements", [zerosNode(sink, value, [count]), maxima(value, sink), g], [scattered], {
    attributes: { axis: 0, reduction: "add" },
  });
  reshaped(sink, scattered, value.shape, sink.nameOf(value));
};

const maxPoolGather: Emitter<"MaxPoolGather"> = (value, sink) => {
  const source = reshaped(sink, sink.nameOf(value.operands[1] as Value), [-1]);
  const gathered = sink.fresh();
  push(sink, "Gather", [source, maxima(value, sink)], [gathered], { attributes: { axis: 0 } });
  reshaped(sink, gathered, value.shape, sink.nameOf(value));
};

const gatherGrad: Emitter<"GatherGrad"> = (value, sink) => {
  const [g, positions] = value.operands as unknown as [Value, Value];
  const wide = sink.fresh();
  push(sink, "Cast", [sink.nameOf(positions)], [wide], { attributes: { to: dataTypes.int64 } });
  const column = reshaped(sink, wide, [...positions.shape, 1]);
  push(sink, "ScatterND", [zerosNode(sink, value, value.shape), column, sink.nameOf(g)], [sink.nameOf(value)], {
    attributes: { reduction: "add" },
  });
};

const gatherElementsGrad: Emitter<"GatherElementsGrad"> = (value, sink) => {
  const [g, positions] = value.operands as unknown as [Value, Value];
  const input = [zerosNode(sink, value, value.shape), sink.nameOf(positions), sink.nameOf(g)];
  const attributes = { axis: value.attributes.axis, reduction: "add" };
  push(sink, "ScatterElements", input, [sink.nameOf(value)], { attributes });
};

const normalization = direct<"LayerNormalization">(({ attributes: { axis, epsilon } }) => ({
  axis,
  epsilon: { float: epsilon },
}));

/** How each operator is written; those that lowering removes cannot be. */
export const emitters: { readonly [O in Operator]: Emitter<O> } = {
  Input: () => {},
  Constant: (value, sink) => constantNode(sink, value.attributes.value, sink.nameOf(value)),
  Opaque: refuseOpaque,
  Neg: plain,
  Abs: plain,
  Sign: plain,
  Exp: plain,
  Log: plain,
  Sqrt: plain,
  Reciprocal: plain,
  Sin: plain,
  Cos: plain,
  Relu: plain,
  LeakyRelu: direct<"LeakyRelu">(({ attributes }) => ({ alpha: { float: attributes.alpha } })),
  Sigmoid: plain,
  Tanh: plain,
  Erf: plain,
  Softplus: plain,
  HardSigmoid: direct<"HardSigmoid">(({ attributes }) => ({
    alpha: { float: attributes.alpha },
    beta: { float: attributes.beta },
  })),
  Gelu: direct<"Gelu">(({ attributes }) => ({ approximate: attributes.approximate })),
  Not: plain,
  Cast: direct<"Cast">(({ attributes }) => ({ to: dataTypes[attributes.to] })),
  Add: plain,
  Sub: plain,
  Mul: plain,
  Div: plain,
  Pow: plain,
  Max: plain,
  Min: plain,
  Equal: plain,
  Less: plain,
  LessOrEqual: plain,
  Greater: plain,
  GreaterOrEqual: plain,
  And: plain,
  Or: plain,
  Where: plain,
  Surrogate: internal,
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ArgMax: direct<"ArgMax">(({ attributes }) => ({ axis: attributes.axis, keepdims: 0 })),
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Reshape: toShape,
  Transpose: direct<"Transpose">(({ attributes }) => ({ perm: attributes.perm })),
  Expand: toShape,
  Concat: alongAxis,
  Slice: direct<"Slice">(undefined, ({ attributes: { starts, ends, steps } }) => [
    indices(starts),
    indices(ends),
    indices(starts.map((_, axis) => axis)),
    indices(steps),
  ]),
  Pad: direct<"Pad">(undefined, ({ attributes }) => [indices(attributes.pads)]),
  Gather: alongAxis,
  GatherGrad: gatherGrad,
  GatherElements: alongAxis,
  GatherElementsGrad: gatherElementsGrad,
  MatMul: plain,
  FusedMatMul: fusedMatMul,
  Gemm: gemm,
  Conv: direct<"Conv">(({ attributes }) => convAttributes(attributes)),
  ConvInputGrad: convTranspose,
  ConvWeightGrad: internal,
  MaxPool: direct<"MaxPool">(({ attributes }) => poolAttributes(attributes)),
  MaxPoolGrad: maxPoolGrad,
  MaxPoolGather: maxPoolGather,
  AveragePool: direct<"AveragePool">(({ attributes }) => ({
    ...poolAttributes(attributes),
    count_include_pad: attributes.countIncludePad ? 1 : 0,
  })),
  AveragePoolGrad: internal,
  BatchNormalization: direct<"BatchNormalization">(({ attributes }) => ({ epsilon: { float: attributes.epsilon } })),
  LayerNormalization: normalization,
  RMSNormalization: internal,
};
