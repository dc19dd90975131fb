import {
  apply,
  averagePool,
  binaryCrossEntropy,
  concat,
  constant,
  conv,
  crossEntropy,
  globalAveragePool,
  input,
  maxPool,
  meanSquaredError,
  straightThroughSign,
  type Value,
  where,
} from "../src/graph/index.ts";
import { type DType, fold, fromNumbers, rngKey, type Shape, type Tensor, uniform } from "../src/tensor/index.ts";

interface CaseInput {
  readonly shape: Shape;
  readonly low?: number;
  readonly high?: number;
  /** Whole numbers below this, instead of real numbers. */
  readonly below?: number;
}

/** One small use of an operator: the material of the engine matrix, the gradient checks and the ensemble laws. */
export interface OperatorCase {
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly build: (...values: Value[]) => Value;
  /** The result is flat or jumps: no derivative is to be checked. */
  readonly flat?: boolean;
}

const real = (...shape: number[]): CaseInput => ({ shape });
const positive = (...shape: number[]): CaseInput => ({ shape, low: 0.3, high: 2 });
const index = (below: number, ...shape: number[]): CaseInput => ({ shape, below });

function unary(name: string, build: (x: Value) => Value, x: CaseInput = real(3, 5), flat = false): OperatorCase {
  return { name, inputs: [x], build: build as OperatorCase["build"], flat };
}

function two(
  name: string,
  a: CaseInput,
  b: CaseInput,
  build: (a: Value, b: Value) => Value,
  flat = false,
): OperatorCase {
  return { name, inputs: [a, b], build: build as OperatorCase["build"], flat };
}

function three(
  name: string,
  inputs: readonly [CaseInput, CaseInput, CaseInput],
  build: (a: Value, b: Value, c: Value) => Value,
): OperatorCase {
  return { name, inputs, build: build as OperatorCase["build"] };
}

const window = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] };

export const operatorCases: readonly OperatorCase[] = [
  unary("neg", (x) => x.neg()),
  unary("abs", (x) => x.abs()),
  unary("sign", (x) => x.sign(), real(7), true),
  unary("exp", (x) => x.exp()),
  unary("log", (x) => x.log(), positive(3, 5)),
  unary("sqrt", (x) => x.sqrt(), positive(3, 5)),
  unary("reciprocal", (x) => x.reciprocal(), positive(3, 5)),
  unary("sin", (x) => x.sin()),
  unary("cos", (x) => x.cos()),
  unary("relu", (x) => x.relu()),
  unary("leaky relu", (x) => x.leakyRelu(0.2)),
  unary("sigmoid", (x) => x.mul(6).sigmoid()),
  unary("tanh", (x) => x.tanh()),
  unary("erf", (x) => x.mul(2.5).erf(), real(4, 40)),
  unary("softplus", (x) => x.mul(9).softplus()),
  unary("hard sigmoid", (x) => apply("HardSigmoid", [x], { alpha: 1.5, beta: 0.5 })),
  unary("gelu", (x) => x.gelu()),
  unary("gelu by tanh", (x) => x.gelu("tanh")),
  unary("silu", (x) => x.silu()),
  unary("straight-through sign", (x) => straightThroughSign(x), real(9), true),
  two("not, and, or", real(6), real(6), (a, b) => a.less(0).not().and(b.less(0)).or(a.greater(b)).cast(a.dtype), true),
  two("add", real(3, 4), real(4), (a, b) => a.add(b)),
  two("sub", real(2, 1, 4), real(3, 1), (a, b) => a.sub(b)),
  two("mul", real(3, 1), real(1, 4), (a, b) => a.mul(b)),
  two("div", real(3, 4), positive(3, 1), (a, b) => a.div(b)),
  two("pow", positive(3, 4), real(4), (a, b) => a.pow(b)),
  two("maximum", real(3, 4), real(3, 4), (a, b) => a.maximum(b)),
  two("minimum", real(3, 4), real(4), (a, b) => a.minimum(b)),
  two("equal", index(3, 9), index(3, 9), (a, b) => a.equal(b), true),
  two("less", real(9), real(9), (a, b) => a.less(b), true),
  two("less or equal", index(3, 9), index(3, 9), (a, b) => a.lessOrEqual(b), true),
  two("greater", real(9), real(9), (a, b) => a.greater(b), true),
  two("greater or equal", index(3, 9), index(3, 9), (a, b) => a.greaterOrEqual(b), true),
  two("where", real(3, 4), real(4), (a, b) => where(a.less(b), a.mul(2), b.square())),
  unary("sum of all", (x) => x.sum()),
  unary("sum along an axis", (x) => x.square().sum(1), real(2, 3, 4)),
  unary("sum of scaled rows", (x) => x.mul(0.3).sum(0), real(4, 3)),
  unary("mean, axes kept", (x) => x.square().mean([0, 2], { keepDims: true }), real(2, 3, 4)),
  unary("max along an axis", (x) => x.max(1), real(3, 5)),
  unary("min along axes", (x) => x.min([0, 2]), real(2, 3, 4)),
  unary("arg max", (x) => x.argMax(1), real(4, 6), true),
  unary("softmax", (x) => x.softmax(), real(3, 5)),
  unary("softmax along axis 0", (x) => x.mul(3).softmax(0), real(3, 5)),
  unary("log softmax", (x) => x.mul(4).logSoftmax(), real(3, 5)),
  unary("reshape", (x) => x.square().reshape([4, -1]), real(2, 6)),
  unary("transpose", (x) => x.square().transpose([2, 0, 1]), real(2, 3, 4)),
  unary("expand", (x) => x.square().expand([2, 3, 4]), real(3, 1)),
  two("concat", real(2, 3), real(2, 2), (a, b) => concat([a.square(), b], 1)),
  unary("slice", (x) => x.square().slice(1, 1, -1), real(2, 5)),
  unary("strided slice", (x) => x.square().slice(1, 1, 6, 2), real(2, 7)),
  unary("pad", (x) => x.square().pad([1, 0, 0, 2]), real(2, 3)),
  two("gather rows", real(5, 3), index(5, 4), (x, i) => x.square().gather(i)),
  two("gather inside", real(2, 5, 3), index(5, 2, 2), (x, i) => x.square().gather(i, 1)),
  two("gather repeatedly", real(3, 2), index(3, 6), (x, i) => x.square().gather(i).square()),
  two("gather elements", real(3, 4), index(4, 3, 2), (x, i) => x.square().gatherElements(i, 1)),
  two("matmul", real(3, 4), real(4, 2), (a, b) => a.matmul(b)),
  two("matmul of stacks", real(2, 3, 4), real(2, 4, 2), (a, b) => a.matmul(b)),
  two("matmul, stack by matrix", real(2, 3, 4), real(4, 2), (a, b) => a.matmul(b)),
  two("matmul, matrix by stack", real(3, 4), real(2, 4, 2), (a, b) => a.matmul(b)),
  two("matmul, broadcast stacks", real(2, 1, 3, 4), real(5, 4, 2), (a, b) => a.matmul(b)),
  two("fused matmul", real(2, 4, 3), real(2, 5, 4), (a, b) =>
    apply("FusedMatMul", [a, b], { transA: true, transB: true, alpha: 0.5 }),
  ),
  three("gemm", [real(4, 3), real(5, 4), real(5)], (a, b, c) =>
    apply("Gemm", [a, b, c], { transA: true, transB: true, alpha: 2, beta: 0.5 }),
  ),
  three("convolution", [real(2, 3, 5, 6), real(4, 3, 3, 2), real(4)], (x, w, bias) => conv(x, w, { bias })),
  two("padded convolution", real(2, 2, 5, 5), real(3, 2, 3, 3), (x, w) => conv(x, w, { pads: 1 })),
  two("strided convolution", real(2, 2, 7, 6), real(3, 2, 3, 3), (x, w) => conv(x, w, { strides: 2, pads: 1 })),
  two("dilated convolution", real(1, 2, 7, 7), real(2, 2, 3, 3), (x, w) => conv(x, w, { dilations: 2, pads: [1, 2] })),
  two("grouped convolution", real(2, 4, 5, 5), real(6, 2, 3, 3), (x, w) => conv(x, w, { group: 2, pads: 1 })),
  two("depth-wise convolution", real(2, 3, 5, 5), real(3, 1, 3, 3), (x, w) => conv(x, w, { group: 3, strides: 2 })),
  two("convolution of signals", real(2, 3, 9), real(4, 3, 4), (x, w) => conv(x, w, { pads: [2, 1] })),
  unary("max pool", (x) => maxPool(x, 2), real(2, 3, 6, 4)),
  unary("overlapping max pool", (x) => maxPool(x, 3, { strides: 2, pads: 1 }), real(2, 2, 7, 6)),
  unary("max pool that leaves a rest", (x) => maxPool(x, 2), real(1, 2, 5, 7)),
  unary("average pool", (x) => averagePool(x.square(), 2), real(2, 3, 6, 4)),
  unary("padded average pool", (x) => averagePool(x, 3, { strides: 2, pads: 1 }), real(2, 2, 7, 6)),
  unary(
    "average pool with padding counted",
    (x) => averagePool(x, 3, { pads: 1, countIncludePad: true }),
    real(1, 2, 4, 9),
  ),
  unary("global average pool", (x) => globalAveragePool(x.square()), real(2, 3, 4, 5)),
  {
    name: "batch norm",
    inputs: [real(4, 3, 2, 2), real(3), real(3), real(3), positive(3)],
    build: (x, scale, bias, mean, variance) =>
      apply("BatchNormalization", [x, scale, bias, mean, variance] as Value[], { epsilon: 1e-5 }),
  },
  three("layer norm", [real(3, 6), real(6), real(6)], (x, scale, bias) =>
    apply("LayerNormalization", [x, scale, bias], { axis: 1, epsilon: 1e-5 }),
  ),
  two("layer norm of blocks", real(2, 3, 4), real(3, 4), (x, scale) =>
    apply("LayerNormalization", [x, scale], { axis: 1, epsilon: 1e-5 }),
  ),
  two("rms norm", real(3, 6), real(6), (x, scale) => apply("RMSNormalization", [x, scale], { axis: 1, epsilon: 1e-6 })),
  two("cross-entropy", real(6, 4), index(4, 6), (x, labels) => crossEntropy(x.mul(3), labels)),
  two("cross-entropy of probabilities", real(6, 4), { shape: [6, 4], low: 0, high: 1 }, crossEntropy),
  two("mean squared error", real(6, 2), real(6, 2), meanSquaredError),
  two("binary cross-entropy", real(6), { shape: [6], low: 0, high: 1 }, (x, y) => binaryCrossEntropy(x.mul(5), y)),
  {
    name: "attention",
    inputs: [real(2, 2, 3, 4), real(2, 2, 3, 4), real(2, 2, 3, 4)],
    build: (q, k, v) =>
      (q as Value)
        .matmul((k as Value).transpose([0, 1, 3, 2]))
        .mul(0.3)
        .softmax()
        .matmul(v as Value),
  },
  two("input gradient of a convolution", real(2, 3, 3, 4), real(3, 2, 3, 3), (g, w) =>
    apply("ConvInputGrad", [g, w], { ...window, group: 1, inputShape: [2, 2, 5, 6] }),
  ),
  two("weight gradient of a convolution", real(2, 2, 5, 6), real(2, 3, 3, 4), (x, g) =>
    apply("ConvWeightGrad", [x, g], { ...window, group: 1, weightShape: [3, 2, 3, 3] }),
  ),
  two("gradient of a max pool", real(1, 2, 4, 4), real(1, 2, 2, 2), (x, g) =>
    apply("MaxPoolGrad", [constantLike(x), g], { ...window, strides: [2, 2], kernel: [2, 2] }),
  ),
  two("gather at the maxima", real(1, 2, 4, 4), real(1, 2, 4, 4), (x, s) =>
    apply("MaxPoolGather", [constantLike(x), s], { ...window, strides: [2, 2], kernel: [2, 2] }),
  ),
  unary(
    "gradient of an average pool",
    (g) =>
      apply("AveragePoolGrad", [g], { ...window, kernel: [2, 2], countIncludePad: false, inputShape: [1, 2, 4, 4] }),
    real(1, 2, 3, 3),
  ),
  two("gradient of gather", real(2, 4, 3), index(5, 4), (g, i) => apply("GatherGrad", [g, i], { axis: 1, size: 5 })),
  two("gradient of gather elements", real(3, 4), index(5, 3, 4), (g, i) =>
    apply("GatherElementsGrad", [g, i], { axis: 1, size: 5 }),
  ),
];

/** A constant of the same shape, so that no derivative is asked for in it. */
function constantLike({ dtype, shape }: Value): Value {
  return constant(drawInput({ shape }, dtype, "constant"));
}

/** Fresh input values of a case. */
export function caseInputs({ inputs }: OperatorCase, dtype: DType): Value<"Input">[] {
  return inputs.map(({ shape, below }, i) => input(`x${i}`, below ? "int64" : dtype, shape));
}

/** Reproducible tensors for the inputs of a case. */
export function caseTensors({ name, inputs }: OperatorCase, dtype: DType, draw = 0): Record<string, Tensor> {
  return Object.fromEntries(inputs.map((each, i) => [`x${i}`, drawInput(each, dtype, name, i, draw)]));
}

function drawInput(
  { shape, low = -1, high = 1, below }: CaseInput,
  dtype: DType,
  ...path: (string | number)[]
): Tensor {
  const key = fold(rngKey(1), ...path);
  const draws = uniform(key, shape, { dtype: "float64", low, high });
  if (!below) return fromNumbers(dtype, draws.data, shape);
  return fromNumbers("int64", uniform(key, shape, { dtype: "float64", high: below }).data.map(Math.floor), shape);
}
