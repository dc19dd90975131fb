import { comparisonOperators, type Operator } from "../../graph/index.ts";
import type { Importer } from "../imported-node.ts";
import {
  celu,
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  prelu,
  selu,
  shrink,
  softsign,
  swish,
  thresholdedRelu,
} from "./activations.ts";
import { expand, flatten, join, reshape, slice, split, squeeze, tile, transpose, unsqueeze } from "./arrangement.ts";
import { attention } from "./attention.ts";
import { depthToSpace, spaceToDepth } from "./blocks.ts";
import { arithmeticRange, constantNode, constantOfShape, shapeOf, sizeOf, triangle } from "./constants.ts";
import { einsum } from "./einsum.ts";
import {
  cast,
  castLike,
  ceil,
  chain,
  clip,
  differsFromItself,
  dropout,
  floor,
  identity,
  mean,
  plain,
  power,
  remainder,
} from "./elementwise.ts";
import { gather, gatherElements, gatherNd, scatterElements, scatterNd } from "./indexing.ts";
import { cumulativeSum, fusedMatMul, gemm, matmul } from "./linear.ts";
import {
  batchNormalization,
  groupNormalization,
  instanceNormalization,
  layerNormalization,
  localResponseNormalization,
} from "./normalization.ts";
import { pad } from "./padding.ts";
import { firstExtremum, globalPool, logSumExp, product, reduction, softmax } from "./reductions.ts";
import { resize } from "./resize.ts";
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
const searching = ["axis", "keepdims", "select_last_index"];
const resizing = [
  "coordinate_transformation_mode",
  "nearest_mode",
  "antialias",
  "exclude_outside",
  "extrapolation_value",
];
const window = ["kernel_shape", "strides", "pads", "dilations", "auto_pad"];

const standard: Table = {
  ...plainOperators(["Neg", "Abs", "Sign", "Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos", "Relu"], 1),
  ...plainOperators(["Sigmoid", "Tanh", "Erf", "Softplus", "Not"], 1),
  ...plainOperators(["Add", "Sub", "Mul", "Div", "And", "Or", ...comparisonOperators], 2),
  ...plainOperators(["Where"], 3),
  LeakyRelu: inputs(1, 1, leakyRelu, "alpha"),
  HardSigmoid: inputs(1, 1, hardSigmoid, "alpha", "beta"),
  Gelu: inputs(1, 1, gelu, "approximate"),
  Elu: inputs(1, 1, elu, "alpha"),
  Selu: inputs(1, 1, selu, "alpha", "gamma"),
  Celu: inputs(1, 1, celu, "alpha"),
  Swish: inputs(1, 1, swish, "alpha"),
  HardSwish: inputs(1, 1, hardSwish),
  Mish: inputs(1, 1, mish),
  Softsign: inputs(1, 1, softsign),
  ThresholdedRelu: inputs(1, 1, thresholdedRelu, "alpha"),
  Shrink: inputs(1, 1, shrink, "lambd", "bias"),
  PRelu: inputs(2, 2, prelu),
  Floor: inputs(1, 1, floor),
  Ceil: inputs(1, 1, ceil),
  Mod: inputs(2, 2, remainder, "fmod"),
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
  ReduceL1: inputs(
    1,
    2,
    reduction("ReduceSum", 18, (x) => x.abs()),
    ...reducing,
  ),
  ReduceL2: inputs(
    1,
    2,
    reduction(
      "ReduceSum",
      18,
      (x) => x.square(),
      (sum) => sum.sqrt(),
    ),
    ...reducing,
  ),
  ReduceSumSquare: inputs(
    1,
    2,
    reduction("ReduceSum", 18, (x) => x.square()),
    ...reducing,
  ),
  ReduceLogSum: inputs(
    1,
    2,
    reduction(
      "ReduceSum",
      18,
      (x) => x,
      (sum) => sum.log(),
    ),
    ...reducing,
  ),
  ReduceProd: inputs(1, 2, product, ...reducing),
  ReduceLogSumExp: inputs(1, 2, logSumExp(18), ...reducing),
  CumSum: inputs(2, 2, cumulativeSum, "exclusive", "reverse"),
  ArgMax: inputs(
    1,
    1,
    firstExtremum((x) => x),
    ...searching,
  ),
  ArgMin: inputs(
    1,
    1,
    firstExtremum((x) => x.neg()),
    ...searching,
  ),
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
  DepthToSpace: inputs(1, 1, depthToSpace, "blocksize", "mode"),
  SpaceToDepth: inputs(1, 1, spaceToDepth, "blocksize"),
  Resize: inputs(1, 4, resize, "mode", "axes", "cubic_coeff_a", "keep_aspect_ratio_policy", ...resizing),
  Upsample: inputs(1, 2, resize, "mode", "scales"),
  Concat: inputs(1, any, join, "axis"),
  Split: inputs(1, 2, split, "axis", "split", "num_outputs"),
  Slice: inputs(1, 5, slice, "starts", "ends", "axes"),
  Pad: inputs(1, 4, pad, "mode", "pads", "value"),
  Gather: inputs(2, 2, gather, "axis"),
  GatherND: inputs(2, 2, gatherNd, "batch_dims"),
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
  Einsum: inputs(1, any, einsum, "equation"),
  Gemm: inputs(2, 3, gemm, "alpha", "beta", "transA", "transB"),
  Conv: inputs(2, 3, conv, ...window, "group"),
  ConvTranspose: inputs(2, 3, convTranspose, ...window, "group", "output_padding", "output_shape"),
  MaxPool: inputs(1, 1, maxPool, ...window, "ceil_mode", "storage_order"),
  AveragePool: inputs(1, 1, averagePool, ...window, "ceil_mode", "count_include_pad"),
  BatchNormalization: inputs(5, 5, batchNormalization, "epsilon", "momentum", "training_mode", "spatial"),
  LayerNormalization: inputs(2, 3, layerNormalization("LayerNormalization"), ...normalizing),
  RMSNormalization: inputs(2, 2, layerNormalization("RMSNormalization"), ...normalizing),
  InstanceNormalization: inputs(3, 3, instanceNormalization, "epsilon"),
  GroupNormalization: inputs(3, 3, groupNormalization, "epsilon", "num_groups", "stash_type"),
  LRN: inputs(1, 1, localResponseNormalization, "alpha", "beta", "bias", "size"),
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
