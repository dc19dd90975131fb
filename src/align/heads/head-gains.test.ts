import { afterAll, expect, it } from "vitest";
import { randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { llama } from "../../nets/index.ts";
import { discoverSymmetry, identity } from "../../symmetry/index.ts";
import { rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { matchingOf } from "../matching/gains.ts";
import { gramEngine } from "../matching/gram-engine.ts";
import { productGains } from "./head-gains.ts";
import { type HeadShare, headSets } from "./heads.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

const [width, queries, groups, size] = [6, 2, 2, 4];
const network = llama({
  vocabulary: 5,
  context: 3,
  width,
  depth: 1,
  hidden: 4,
  heads: 4,
  kvHeads: groups,
  headSize: size,
});
const group = discoverSymmetry(network);
const [a, b] = [1, 2].map((seed) => randomParameters(network, rngKey(seed))) as [
  ReturnType<typeof randomParameters>,
  ReturnType<typeof randomParameters>,
];

type Complex = readonly [number, number];
type Weights = typeof a;

function entry(weights: Weights, name: string, row: number, column: number): number {
  const { shape } = weights[`model.layers.0.self_attn.${name}.weight`] as Tensor;
  return toNumbers(weights[`model.layers.0.self_attn.${name}.weight`] as Tensor)[
    row * (shape[1] as number) + column
  ] as number;
}

/** q_p conj(k_p)' of every plane of a head, as complex numbers. */
function scores(weights: Weights, head: number): Complex[] {
  const plane = (name: string, block: number, p: number, column: number): Complex => [
    entry(weights, name, block * size + p, column),
    entry(weights, name, block * size + size / 2 + p, column),
  ];
  return Array.from({ length: (size / 2) * width * width }, (_, at): Complex => {
    const [p, x, y] = [Math.floor(at / width ** 2), Math.floor(at / width) % width, at % width];
    const [q, k] = [plane("q_proj", head, p, x), plane("k_proj", Math.floor(head / queries), p, y)];
    return [q[0] * k[0] + q[1] * k[1], q[1] * k[0] - q[0] * k[1]];
  });
}

/** The matrix that values and outputs of a head make. */
function passed(weights: Weights, head: number): Complex[] {
  return Array.from({ length: width * width }, (_, at): Complex => {
    const [x, y] = [Math.floor(at / width), at % width];
    let sum = 0;
    for (let k = 0; k < size; k++) {
      const value = entry(weights, "v_proj", Math.floor(head / queries) * size + k, x);
      sum += value * entry(weights, "o_proj", y, head * size + k);
    }
    return [sum, 0];
  });
}

it.each([
  ["rotary", scores],
  ["general-linear", passed],
] as const)("gains of heads are the inner products of what they compute: %s", async (matrix, product) => {
  await using grams = gramEngine(engine);
  const matching = matchingOf(group, [a, b], { grams });
  const [set] = headSets(group);
  const share = set?.shares.find(({ factor }) => group.factors[factor]?.matrix === matrix) as HeadShare;
  if (!set) throw new Error("no heads");
  const gains = await productGains(matching, set, { share, element: identity(group) });
  const heads = groups * queries;
  expect(gains).toHaveLength(heads * heads);
  for (const [at, gain] of gains.entries()) {
    const [x, y] = [product(a, Math.floor(at / heads)), product(b, at % heads)];
    const expected = x.reduce((sum, [real, imaginary], i) => {
      const [r, s] = y[i] as Complex;
      return sum + real * r + imaginary * s;
    }, 0);
    expect(gain).toBeCloseTo(expected, 10);
  }
});
