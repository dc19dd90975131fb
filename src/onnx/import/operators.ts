import { comparisonOperators, type Operator } from "../../graph/index.ts";
import type { Importer } from "../imported-node.ts";
import {
  expand,
  flatten,
  join,
  pad,
  reshape,
  slice,
  split,
  squeeze,
  tile,
  transpose,
  unsqueeze,
} from "./arrangement.ts";
import { attention } from "./attention.ts";
import { arithmeticRange, constantNode, constantOfShape, shapeOf, sizeOf, triangle } from "./constants.ts";
import {
  cast,
  castLike,
  chain,
  clip,
  differsFromItself,
  dropout,
  gelu,
  hardSigmoid,
  identity,
  leakyRelu,
  mean,
  plain,
  power,
} from "./elementwise.ts";
import { gather, gatherElements, scatterElements, scatterNd } from "./indexing.ts";
import { batchNormalization, fusedMatMul, gemm, matmul, normalization } from "./linear.ts";
import { argMax, globalPool, reduction, softmax } from "./reductions.ts";
import { averagePool, conv, convTranspose, maxPool } from "./windows.ts";

/** How many inputs an operator takes, the attributes that are understood, and how its values are made. */
export interface OperatorImport {
  readonly fewest: number;
  readonly most: number;
  readonly attributes: readonly string[];
  readonly importer: Importer;
}

type Table = Readonly<Record<string, OperatorImport>>;

function inputs(fewest: number, most: number, importer: Importer, ...attributes: readonly string[]): OperatorImport {
  return { fewest, most, importer, attributes };
}

function plainOperators(names: readonly Operator[], count: number): Table {
  return Object.fromEntries(names.map((op) => [op, inputs(count, count, plain(op))]));
}

const any = Number.POSITIVE_INFINITY;
const reducing = ["axes", "keepdims", "noop_with_empty_axes"];
const normalizing = ["axis", "epsilon", "stash_type"];
const window = ["kernel_shape", "strides", "pads", "dilations", "auto_pad"];

const standard: Table = {
  ...plainOperators(["Neg", "Abs", "Sign", "Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos", "Relu"], 1),
  ...plainOperators(["Sigmoid", "Tanh", "Erf", "Softplus", "Not"], 1),
  ...plainOperators(["Add", "Sub", "Mul", "Div", "And", "Or", ...comparisonOperators], 2),
  ...plainOperators(["Where"], 3),
  LeakyRelu: inputs(1, 1, leakyRelu, "alpha"),
  HardSigmoid: inputs(1, 1, hardSigmoid, "alpha", "beta"),
  Gelu: inputs(1, 1, gelu, "approximate"),
  Clip: inputs(1, 3, clip, "min", "max"),
  Pow: inputs(2, 2, power),
  Max: inputs(1, any, chain("maximum")),
  Min: inputs(1, any, chain("minimum")),
  Sum: inputs(1, any, chain("add")),
  Mean: inputs(1, any, mean),
  Cast: inputs(1, 1, cast, "to", "saturate", "round_mode"),
  CastLike: inputs(2, 2, castLike, "saturate", "round_mode"),
  IsNaN: inputs(1, 1, differsFromItself),
  Identity: inputs(1, 1, identity),
  Dropout: inputs(1, 3, dropout, "ratio", "seed"),

  ReduceSum: inputs(1, 2, reduction("ReduceSum", 13), ...reducing),
  ReduceMean: inputs(1, 2, reduction("ReduceMean", 18), ...reducing),
  ReduceMax: inputs(1, 2, reduction("ReduceMax", 18), ...reducing),
  ReduceMin: inputs(1, 2, reduction("ReduceMin", 18), ...reducing),
  ArgMax: inputs(1, 1, argMax, "axis", "keepdims", "select_last_index"),
  Softmax: inputs(1, 1, softmax("Softmax"), "axis"),
  LogSoftmax: inputs(1, 1, softmax("LogSoftmax"), "axis"),
  GlobalAveragePool: inputs(1, 1, globalPool("ReduceMean")),
  GlobalMaxPool: inputs(1, 1, globalPool("ReduceMax")),

  Reshape: inputs(2, 2, reshape, "allowzero"),
  Flatten: inputs(1, 1, flatten, "axis"),
  Squeeze: inputs(1, 2, squeeze, "axes"),
  Unsqueeze: inputs(1, 2, unsqueeze, "axes"),
  Transpose: inputs(1, 1, transpose, "perm"),
  Expand: inputs(2, 2, expand),
  Tile: inputs(2, 2, tile),
  Concat: inputs(1, any, join, "axis"),
  Split: inputs(1, 2, split, "axis", "split", "num_outputs"),
  Slice: inputs(1, 5, slice, "starts", "ends", "axes"),
  Pad: inputs(1, 4, pad, "mode", "pads", "value"),
  Gather: inputs(2, 2, gather, "axis"),
  GatherElements: inputs(2, 2, gatherElements, "axis"),
  ScatterND: inputs(3, 3, scatterNd, "reduction"),
  ScatterElements: inputs(3, 3, scatterElements, "axis", "reduction"),

  Constant: inputs(0, 0, constantNode, "value", "value_float", "value_floats", "value_int", "value_ints"),
  ConstantOfShape: inputs(1, 1, constantOfShape, "value"),
  Shape: inputs(1, 1, shapeOf, "start", "end"),
  Size: inputs(1, 1, sizeOf),
  Range: inputs(3, 3, arithmeticRange, "stash_type"),
  Trilu: inputs(1, 2, triangle, "upper"),

  MatMul: inputs(2, 2, matmul),
  Gemm: inputs(2, 3, gemm, "alpha", "beta", "transA", "transB"),
  Conv: inputs(2, 3, conv, ...window, "group"),
  ConvTranspose: inputs(2, 3, convTranspose, ...window, "group", "output_padding", "output_shape"),
  MaxPool: inputs(1, 1, maxPool, ...window, "ceil_mode", "storage_order"),
  AveragePool: inputs(1, 1, averagePool, ...window, "ceil_mode", "count_include_pad"),
  BatchNormalization: inputs(5, 5, batchNormalization, "epsilon", "momentum", "training_mode", "spatial"),
  LayerNormalization: inputs(2, 3, normalization("LayerNormalization"), ...normalizing),
  RMSNormalization: inputs(2, 2, normalization("RMSNormalization"), ...normalizing),
  Attention: inputs(3, 7, attention, "is_causal", "scale", "softcap", "softmax_precision", "qk_matmul_output_mode"),
};

const runtime: Table = {
  FusedMatMul: inputs(2, 2, fusedMatMul, "alpha", "transA", "transB", "transBatchA", "transBatchB"),
  Gelu: inputs(1, 1, gelu),
};

const domains: Readonly<Record<string, Table>> = { "": standard, "ai.onnx": standard, "com.microsoft": runtime };

/** How the operator of this name in this domain is imported. */
export function operatorImport(domain: string, opType: string): OperatorImport | undefined {
  const table = Object.hasOwn(domains, domain) ? domains[domain] : undefined;
  return table && Object.hasOwn(table, opType) ? table[opType] : undefined;
}
