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

/** How many inputs an operator takes, and how its values are made of them. */
export interface OperatorImport {
  readonly fewest: number;
  readonly most: number;
  readonly importer: Importer;
}

type Table = Readonly<Record<string, OperatorImport>>;

function inputs(fewest: number, most: number, importer: Importer): OperatorImport {
  return { fewest, most, importer };
}

function plainOperators(names: readonly Operator[], count: number): Table {
  return Object.fromEntries(names.map((op) => [op, inputs(count, count, plain(op))]));
}

const any = Number.POSITIVE_INFINITY;

const standard: Table = {
  ...plainOperators(["Neg", "Abs", "Sign", "Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos", "Relu"], 1),
  ...plainOperators(["Sigmoid", "Tanh", "Erf", "Softplus", "Not"], 1),
  ...plainOperators(["Add", "Sub", "Mul", "Div", "And", "Or", ...comparisonOperators], 2),
  ...plainOperators(["Where"], 3),
  LeakyRelu: inputs(1, 1, leakyRelu),
  HardSigmoid: inputs(1, 1, hardSigmoid),
  Gelu: inputs(1, 1, gelu),
  Clip: inputs(1, 3, clip),
  Pow: inputs(2, 2, power),
  Max: inputs(
    1,
    any,
    chain((a, b) => a.maximum(b)),
  ),
  Min: inputs(
    1,
    any,
    chain((a, b) => a.minimum(b)),
  ),
  Sum: inputs(
    1,
    any,
    chain((a, b) => a.add(b)),
  ),
  Mean: inputs(1, any, mean),
  Cast: inputs(1, 1, cast),
  CastLike: inputs(2, 2, castLike),
  IsNaN: inputs(1, 1, differsFromItself),
  Identity: inputs(1, 1, identity),
  Dropout: inputs(1, 3, dropout),

  ReduceSum: inputs(1, 2, reduction("ReduceSum", 13)),
  ReduceMean: inputs(1, 2, reduction("ReduceMean", 18)),
  ReduceMax: inputs(1, 2, reduction("ReduceMax", 18)),
  ReduceMin: inputs(1, 2, reduction("ReduceMin", 18)),
  ArgMax: inputs(1, 1, argMax),
  Softmax: inputs(1, 1, softmax("Softmax")),
  LogSoftmax: inputs(1, 1, softmax("LogSoftmax")),
  GlobalAveragePool: inputs(1, 1, globalPool("ReduceMean")),
  GlobalMaxPool: inputs(1, 1, globalPool("ReduceMax")),

  Reshape: inputs(2, 2, reshape),
  Flatten: inputs(1, 1, flatten),
  Squeeze: inputs(1, 2, squeeze),
  Unsqueeze: inputs(1, 2, unsqueeze),
  Transpose: inputs(1, 1, transpose),
  Expand: inputs(2, 2, expand),
  Tile: inputs(2, 2, tile),
  Concat: inputs(1, any, join),
  Split: inputs(1, 2, split),
  Slice: inputs(1, 5, slice),
  Pad: inputs(1, 4, pad),
  Gather: inputs(2, 2, gather),
  GatherElements: inputs(2, 2, gatherElements),
  ScatterND: inputs(3, 3, scatterNd),
  ScatterElements: inputs(3, 3, scatterElements),

  Constant: inputs(0, 0, constantNode),
  ConstantOfShape: inputs(1, 1, constantOfShape),
  Shape: inputs(1, 1, shapeOf),
  Size: inputs(1, 1, sizeOf),
  Range: inputs(3, 3, arithmeticRange),
  Trilu: inputs(1, 2, triangle),

  MatMul: inputs(2, 2, matmul),
  Gemm: inputs(2, 3, gemm),
  Conv: inputs(2, 3, conv),
  ConvTranspose: inputs(2, 3, convTranspose),
  MaxPool: inputs(1, 1, maxPool),
  AveragePool: inputs(1, 1, averagePool),
  BatchNormalization: inputs(5, 5, batchNormalization),
  LayerNormalization: inputs(2, 3, normalization("LayerNormalization")),
  RMSNormalization: inputs(2, 2, normalization("RMSNormalization")),
  Attention: inputs(3, 7, attention),
};

const runtime: Table = {
  FusedMatMul: inputs(2, 2, fusedMatMul),
  Gelu: inputs(1, 1, gelu),
};

const domains: Readonly<Record<string, Table>> = { "": standard, "ai.onnx": standard, "com.microsoft": runtime };

/** How the operator of this name in this domain is imported. */
export function operatorImport(domain: string, opType: string): OperatorImport | undefined {
  const table = Object.hasOwn(domains, domain) ? domains[domain] : undefined;
  return table && Object.hasOwn(table, opType) ? table[opType] : undefined;
}
