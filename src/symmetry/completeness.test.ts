import { describe, expect, it } from "vitest";
import { architectures, randomInput, randomParameters } from "../../test/architectures/index.ts";
import { small } from "../../test/symmetry/probe.ts";
import { referenceEngine } from "../engine/index.ts";
import { conv, grad, input } from "../graph/index.ts";
import { batchNorm, defineNetwork, gpt2, linear, llama, type Network, type Scope, vit } from "../nets/index.ts";
import { elementCount, fold, normal, type RngKey, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { discoverSymmetry, type Factor, type SymmetryGroup } from "./index.ts";

/** A symmetry that the group does not have, and its dimension. */
type Missing = Readonly<Record<string, number>>;

/** Networks, the dimension of their group and what else changes nothing to first order. */
const cases: readonly (readonly [name: string, network: Network, group: number, missing: Missing])[] = [
  ["mlp-relu", gallery("mlp-relu"), 6 + 4, {}],
  ["mlp-tanh", gallery("mlp-tanh"), 0, {}],
  ["mlp-gelu", gallery("mlp-gelu"), 0, {}],
  ["linear-bottleneck", gallery("linear-bottleneck"), 6 + 2 * 2 + 5, { "bias of the bottleneck into the next": 2 }],
  ["mlp-group-norm", gallery("mlp-group-norm"), 8, { "direction of ones in each group of 5 inputs and a bias": 2 * 6 }],
  ["tied-autoencoder", gallery("tied-autoencoder"), 0, {}],
  ["conv-flatten-dense", gallery("conv-flatten-dense"), 4 + 5, {}],
  ["max-pool-tanh", gallery("max-pool-tanh"), 0, {}],
  ["lstm-stacked", gallery("lstm-stacked"), 0, { "two biases of one sum, in four gates": 4 * 5 }],
  ["lstm-separate", gallery("lstm-separate"), 0, { "two biases of one sum, in four gates": 4 * 5 }],
  ["gru-stacked", gallery("gru-stacked"), 0, { "two biases of one sum, in the gates r and z": 2 * 5 }],
  ["gru-separate", gallery("gru-separate"), 0, { "two biases of one sum, in the gates r and z": 2 * 5 }],
  [
    "conv, batch norm, residual",
    convolutional("residual"),
    // Stem: convolution, gain, offset; block: the same; the last convolution and its gain, as its offset is the stem's.
    3 * 3 + 3 * 2 + 2 * 3,
    { "mean into offset": 3 + 2 + 3 },
  ],
  ["conv bias before batch norm", convolutional("bias"), 3 + 3 + 3, { "mean into offset": 3, "bias into mean": 3 }],
  [
    "batch norm without activation",
    convolutional("linear"),
    // Convolution, gain, offset, hidden units.
    3 + 3 + 3 + 5,
    {
      "mean into offset": 3,
      "general linear beyond scales": 3 * 2,
      "offset into the next bias": 3,
    },
  ],
  [
    "gpt2",
    gpt2({ vocabulary: 5, context: 4, width: 4, depth: 1, heads: 2 }),
    // Gains of two norms, queries and keys, values and outputs; the last gain meets the tied embedding.
    2 * 4 + 2 * 4 + 2 * 4,
    {
      "offset of a norm into the biases that read it": 2 * 4,
      "key bias": 4,
      "value bias into output bias": 4,
      "ones in the weights that read a norm": 12 + 16,
      "ones in what writes the stream": 4 + 5 + 17,
    },
  ],
  [
    "vit",
    vit({ input: [1, 4, 4], outputs: 3, patch: 2, width: 4, depth: 2, heads: 2, mlpWidth: 3 }),
    // The stream, gains of five norms, queries and keys, values and outputs.
    3 + 5 * 4 + 2 * 8 + 2 * 8,
    {
      "offset of a norm into the biases that read it": 5 * 4,
      "key bias": 2 * 4,
      "value bias into output bias": 2 * 4,
      "ones in the weights that read a norm": 2 * (12 + 3) + 3,
      "ones in what writes the stream": 4 + 2 * (5 + 4) + 5,
      "class token against its position": 4,
      "patch bias against positions": 4,
      "scale of the stream, up to an epsilon of 1e-12": 1,
    },
  ],
  [
    "llama, a plane per head",
    llama({ vocabulary: 5, context: 4, width: 4, depth: 1, heads: 2, kvHeads: 2, hidden: 3 }),
    // The stream, gains of three norms, values and outputs, planes, `up` and `down`.
    6 + 3 * 4 + 2 * 4 + 2 + 3,
    { "angle of a head's only plane": 2 },
  ],
  [
    "llama, shared keys",
    llama({ vocabulary: 5, context: 4, width: 4, depth: 1, heads: 2, kvHeads: 1, headSize: 4, hidden: 3 }),
    6 + 3 * 4 + 16 + 2 * 2 + 3,
    {},
  ],
  [
    "llama, tied",
    llama({ vocabulary: 5, context: 4, width: 4, depth: 1, heads: 2, kvHeads: 2, hidden: 3, tied: true }),
    2 * 4 + 2 * 4 + 2 + 3,
    { "angle of a head's only plane": 2 },
  ],
  [
    "gram matrix",
    small([3], 3, (x, weight) => x.matmul(weight("a", [3, 4]).matmul(weight("a", [3, 4]).transpose()))),
    6,
    {},
  ],
  [
    "attention with a norm of its queries",
    small([4, 3], 3, (x, weight) => {
      const query = x.matmul(weight("q", [3, 3]));
      const unit = query.div(query.square().mean(2, { keepDims: true }).add(0.1).sqrt()).mul(weight("gain", [3]));
      const scores = unit.matmul(x.matmul(weight("k", [3, 3])).transpose([0, 2, 1])).softmax();
      return scores.matmul(x).matmul(weight("out", [3, 3]));
    }),
    3 + 3,
    {},
  ],
];

function gallery(name: string): Network {
  return (architectures.find((each) => each.name === name) as { network: Network }).network;
}

/** A few pixels, 1x1 convolutions and batch norms. */
function convolutional(kind: "residual" | "bias" | "linear"): Network {
  return defineNetwork({
    description: { net: kind },
    inputShape: [4, 2, 2],
    inputKind: "real",
    outputs: 3,
    forward: (x, scope) => {
      const layer = (scope: Scope, x: Parameters<typeof conv>[0], filters: number) => {
        const shape = [filters, x.shape[1] as number, 1, 1];
        const y = conv(x, scope.weight("weight", shape, { kind: "normal", deviation: 1 }));
        const bias = kind === "bias" ? scope.weight("bias", [filters], { kind: "constant", value: 0 }) : null;
        return batchNorm(scope.within("bn"), bias ? y.add(bias.reshape([filters, 1, 1])) : y);
      };
      const stem = layer(scope.within("stem"), x, 3);
      if (kind === "linear") {
        const hidden = linear(scope.within("hidden"), stem.mean([2, 3]), { outputs: 5 }).relu();
        return linear(scope.within("fc"), hidden, { outputs: 3 });
      }
      if (kind === "bias") return linear(scope.within("fc"), stem.relu().mean([2, 3]), { outputs: 3 });
      const inner = layer(scope.within("1"), stem.relu(), 2).relu();
      const sum = layer(scope.within("2"), inner, 3).add(stem.relu()).relu();
      return linear(scope.within("fc"), sum.mean([2, 3]), { outputs: 3 });
    },
  });
}

/** Parameters at which a unit is dead, or never off, have symmetries of their own; the least of a few draws has none. */
const draws = 20;

describe.each(cases)("%s", (_, network, dimension, missing) => {
  const group = discoverSymmetry(network);

  it("has a group of the dimension that was worked out", () => {
    expect(dimensionOf(group)).toBe(dimension);
  });

  it("has no symmetry but those of the group and those that are named", async () => {
    const expected = Object.values(missing).reduce((sum, each) => sum + each, dimension);
    let least = Number.POSITIVE_INFINITY;
    for (let draw = 0; draw < draws && least !== expected; draw++) {
      const nullity = await nullityAt(network, fold(rngKey(7), draw));
      expect(nullity).toBeGreaterThanOrEqual(expected);
      least = Math.min(least, nullity);
    }
    expect(least).toBe(expected);
  });
});

/** The dimension of the group: its matrix groups and the scales that these do not contain. */
function dimensionOf({ factors, generators }: SymmetryGroup): number {
  const scales = generators.reduce((sum, { kind, factor }) => {
    const { matrix, size, copies } = factors[factor] as Factor;
    const isContained = matrix === "general-linear" || matrix === "rotary";
    return sum + (kind === "scale" && !isContained ? size * copies : 0);
  }, 0);
  return factors.reduce((sum, { matrix, size, copies }) => sum + copies * matrixDimension(matrix, size), scales);
}

function matrixDimension(matrix: Factor["matrix"], size: number): number {
  switch (matrix) {
    case "general-linear":
      return size ** 2;
    case "orthogonal":
      return (size * (size - 1)) / 2;
    case "orthogonal-mean":
      return ((size - 1) * (size - 2)) / 2;
    case "rotary":
      return 2 * size;
    case null:
      return 0;
  }
}

/** Directions in which no output moves to first order, whatever the input: columns that the Jacobian lacks in rank. */
async function nullityAt(network: Network, key: RngKey): Promise<number> {
  const parameters = randomParameters(network, key);
  const columns = await jacobianColumns(network, parameters, key);
  const pivots = pivotsOf(columns);
  // Between rounding and the smallest true derivative lies a gap, or the rank would be a matter of taste.
  expect(pivots.filter((pivot) => pivot > rounding && pivot < nonzero)).toEqual([]);
  return columns.length - pivots.filter((pivot) => pivot >= nonzero).length;
}

const rounding = 1e-9;
const nonzero = 3e-8;

/** Derivatives of random combinations of the outputs, one for each of more inputs than there are parameters. */
async function jacobianColumns(
  network: Network,
  parameters: ReturnType<typeof randomParameters>,
  key: RngKey,
): Promise<Float64Array[]> {
  const names = Object.keys(parameters);
  const count = names.reduce((sum, name) => sum + elementCount((parameters[name] as Tensor).shape), 0);
  const rows = Math.ceil(1.25 * count) + 5;
  const x = input("x", network.inputKind === "tokens" ? "int64" : "float64", [1, ...network.inputShape]);
  const values = names.map((name) => input(name, "float64", (parameters[name] as Tensor).shape));
  const { output } = network.apply(x, Object.fromEntries(names.map((name, i) => [name, values[i] as typeof x])));
  const gradients = grad(output.mul(input("combination", "float64", output.shape)).sum(), values);
  await using program = await referenceEngine().compile(
    Object.fromEntries(gradients.map((gradient, i) => [names[i] as string, gradient])),
  );
  const columns = Array.from({ length: count }, () => new Float64Array(rows));
  for (let row = 0; row < rows; row++) {
    const combination = normal(fold(key, "combination", row), output.shape, { dtype: "float64" });
    const found = await program.run({ x: randomInput(network, fold(key, "x", row), 1), combination, ...parameters });
    let column = 0;
    for (const name of names) {
      for (const slope of toNumbers(found[name] as Tensor)) (columns[column++] as Float64Array)[row] = slope;
    }
  }
  return columns;
}

/** The diagonal of a QR decomposition with column pivoting, of columns scaled to length 1. */
function pivotsOf(columns: readonly Float64Array[]): number[] {
  const lengths = columns.map((column) => Math.sqrt(dot(column, column)));
  const longest = Math.max(...lengths);
  const isLive = (i: number) => (lengths[i] as number) > 1e-11 * longest;
  let rest = columns.flatMap((column, i) => (isLive(i) ? [column.map((x) => x / (lengths[i] as number))] : []));
  const pivots: number[] = [];
  while (rest.length > 0) {
    const squares = rest.map((column) => dot(column, column));
    const best = squares.indexOf(Math.max(...squares));
    const length = Math.sqrt(squares[best] as number);
    pivots.push(length);
    if (length === 0) break;
    const direction = (rest[best] as Float64Array).map((x) => x / length);
    rest = rest.toSpliced(best, 1);
    for (const column of rest) {
      const along = dot(direction, column);
      for (let i = 0; i < column.length; i++) column[i] = (column[i] as number) - along * (direction[i] as number);
    }
  }
  return pivots;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
