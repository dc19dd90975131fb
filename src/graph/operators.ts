import type { DType, Tensor } from "../tensor/index.ts";

/** Windows of convolutions and pools. `pads` lists all begins, then all ends, as ONNX does. */
export interface Window {
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}

export interface ConvAttributes extends Window {
  readonly group: number;
}

export interface PoolAttributes extends Window {
  readonly kernel: readonly number[];
}

export interface AveragePoolAttributes extends PoolAttributes {
  readonly countIncludePad: boolean;
}

type None = Readonly<Record<never, never>>;
interface Axis {
  readonly axis: number;
}
interface Reduction {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/**
 * Every operator and its attributes. Names and meaning are those of ONNX, with one output each; what has no ONNX
 * counterpart of its own is an adjoint that keeps differentiation closed (`ConvWeightGrad`, `GatherGrad`, ...), or
 * `Surrogate`, and is lowered before it is encoded. `Opaque` can neither be evaluated nor differentiated nor encoded.
 */
export interface OperatorAttributes {
  Input: { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] };
  Constant: { readonly value: Tensor };
  /** One output of a node that nothing here can compute; all that is known of it is what it reads. */
  Opaque: {
    /** The operator, such as `LSTM`, and the domain it comes from, "" for the standard one. */
    readonly name: string;
    readonly domain: string;
    /** The node, or its first output where it has no name. */
    readonly node: string;
    /** The output that this value stands for, in the names of the file. */
    readonly output: string;
    /** Why it cannot be computed. */
    readonly reason: string;
    /** float32 where it is unknown, together with the shape. */
    readonly dtype: DType;
    /** Null where it is unknown; the value then counts as a scalar. */
    readonly shape: readonly number[] | null;
  };

  Neg: None;
  Abs: None;
  Sign: None;
  Exp: None;
  Log: None;
  Sqrt: None;
  Reciprocal: None;
  Sin: None;
  Cos: None;
  Relu: None;
  LeakyRelu: { readonly alpha: number };
  Sigmoid: None;
  Tanh: None;
  Erf: None;
  Softplus: None;
  /** `alpha x + beta`, kept between 0 and 1. */
  HardSigmoid: { readonly alpha: number; readonly beta: number };
  Gelu: { readonly approximate: "none" | "tanh" };
  Not: None;
  Cast: { readonly to: DType };

  Add: None;
  Sub: None;
  Mul: None;
  Div: None;
  Pow: None;
  Max: None;
  Min: None;
  Equal: None;
  Less: None;
  LessOrEqual: None;
  Greater: None;
  GreaterOrEqual: None;
  And: None;
  Or: None;
  Where: None;
  /** The value of the first operand with the derivative of the second. */
  Surrogate: None;

  ReduceSum: Reduction;
  ReduceMean: Reduction;
  ReduceMax: Reduction;
  ReduceMin: Reduction;
  ArgMax: Axis;
  Softmax: Axis;
  LogSoftmax: Axis;

  Reshape: { readonly shape: readonly number[] };
  Transpose: { readonly perm: readonly number[] };
  Expand: { readonly shape: readonly number[] };
  Concat: Axis;
  Slice: { readonly starts: readonly number[]; readonly ends: readonly number[]; readonly steps: readonly number[] };
  Pad: { readonly pads: readonly number[] };
  Gather: Axis;
  /** Adjoint of Gather: adds slices of the first operand into zeros at the indices. */
  GatherGrad: Axis & { readonly size: number };
  GatherElements: Axis;
  /** Adjoint of GatherElements: adds elements of the first operand into zeros at the indices. */
  GatherElementsGrad: Axis & { readonly size: number };

  MatMul: None;
  /** `alpha * op(A) @ op(B)`: what MatMul with transposed operands is lowered to. */
  FusedMatMul: { readonly transA: boolean; readonly transB: boolean; readonly alpha: number };
  Gemm: { readonly transA: boolean; readonly transB: boolean; readonly alpha: number; readonly beta: number };

  Conv: ConvAttributes;
  /** Adjoint of Conv in its input: operands are the output's gradient and the weights. */
  ConvInputGrad: ConvAttributes & { readonly inputShape: readonly number[] };
  /** Adjoint of Conv in its weights: operands are the input and the output's gradient. */
  ConvWeightGrad: ConvAttributes & { readonly weightShape: readonly number[] };
  MaxPool: PoolAttributes;
  /** Adjoint of MaxPool at its first operand: sends each element of the second to where the maximum was. */
  MaxPoolGrad: PoolAttributes;
  /** Adjoint of MaxPoolGrad: reads the second operand where the first has its maxima. */
  MaxPoolGather: PoolAttributes;
  AveragePool: AveragePoolAttributes;
  AveragePoolGrad: AveragePoolAttributes & { readonly inputShape: readonly number[] };

  BatchNormalization: { readonly epsilon: number };
  LayerNormalization: { readonly axis: number; readonly epsilon: number };
  RMSNormalization: { readonly axis: number; readonly epsilon: number };
}

export type Operator = keyof OperatorAttributes;

/** Operators that act on each element alone. */
export const unaryOperators = [
  "Neg",
  "Abs",
  "Sign",
  "Exp",
  "Log",
  "Sqrt",
  "Reciprocal",
  "Sin",
  "Cos",
  "Relu",
  "LeakyRelu",
  "Sigmoid",
  "Tanh",
  "Erf",
  "Softplus",
  "HardSigmoid",
  "Gelu",
] as const satisfies readonly Operator[];
export type UnaryOperator = (typeof unaryOperators)[number];

export const arithmeticOperators = [
  "Add",
  "Sub",
  "Mul",
  "Div",
  "Pow",
  "Max",
  "Min",
] as const satisfies readonly Operator[];
export type ArithmeticOperator = (typeof arithmeticOperators)[number];

export const comparisonOperators = [
  "Equal",
  "Less",
  "LessOrEqual",
  "Greater",
  "GreaterOrEqual",
] as const satisfies readonly Operator[];
export type ComparisonOperator = (typeof comparisonOperators)[number];

/** Operators whose result has at each index what the operands, broadcast, have there. */
export const elementwiseOperators = [
  ...unaryOperators,
  ...arithmeticOperators,
  ...comparisonOperators,
  "Not",
  "Cast",
  "And",
  "Or",
  "Where",
  "Surrogate",
] as const satisfies readonly Operator[];
