import { describe, expect, it } from "vitest";
import { probe, relativeDifference, small, type Weight } from "../../test/symmetry/probe.ts";
import { referenceEngine } from "../engine/index.ts";
import { input, type Value } from "../graph/index.ts";
import { fold, fromNumbers, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { act, discoverSymmetry, randomElement } from "./index.ts";

const key = rngKey(35);

/** Kinds and numbers of scales and signs of a network with 4 hidden units. */
function found(forward: (x: Value, weight: Weight) => Value): Record<"scale" | "sign", number> {
  const { factors, generators } = discoverSymmetry(small([3], 3, forward));
  const count = (kind: string) =>
    generators.reduce((sum, each) => {
      const factor = factors[each.factor];
      return sum + (each.kind === kind && factor ? factor.size * factor.copies : 0);
    }, 0);
  return { scale: count("scale"), sign: count("sign") };
}

const functions: Readonly<Record<string, (x: Value) => Value>> = {
  identity: (x) => x,
  relu: (x) => x.relu(),
  leakyRelu: (x) => x.leakyRelu(0.1),
  abs: (x) => x.abs(),
  neg: (x) => x.neg(),
  square: (x) => x.square(),
  cube: (x) => x.pow(3),
  "square root of the absolute value": (x) => x.abs().sqrt(),
  reciprocal: (x) => x.reciprocal(),
  sign: (x) => x.sign(),
  tanh: (x) => x.tanh(),
  erf: (x) => x.erf(),
  sin: (x) => x.sin(),
  cos: (x) => x.cos(),
  exp: (x) => x.exp(),
  sigmoid: (x) => x.sigmoid(),
  softplus: (x) => x.softplus(),
  gelu: (x) => x.gelu(),
  silu: (x) => x.silu(),
  "hard sigmoid": (x) => x.mul(0.2).add(0.5).maximum(0).minimum(1),
  relu6: (x) => x.maximum(0).minimum(6),
  "x tanh x": (x) => x.mul(x.tanh()),
  "x |x|": (x) => x.mul(x.abs()),
  "the positive part by comparison": (x) => x.mul(x.greater(0).cast(x.dtype)),
  "a shifted ReLU": (x) => x.add(1).relu(),
  "two thirds of a ReLU": (x) => x.relu().mul(2).div(3),
  "x over its absolute value": (x) => x.div(x.abs()),
};

/** Numbers at which the laws are tried. */
const points = [0.3, 0.7, 1.1, 1.9, 2.3, 3.7, 5.1];

async function valuesOf(f: (x: Value) => Value, numbers: readonly number[]): Promise<number[]> {
  await using program = await referenceEngine().compile({ y: f(input("x", "float64", [numbers.length])) });
  const { y } = await program.run({ x: fromNumbers("float64", numbers, [numbers.length]) });
  return [...toNumbers(y as Tensor)];
}

function areAll(ratios: readonly number[], isRight: (ratio: number, first: number) => boolean): boolean {
  const numbers = ratios.filter((ratio) => !Number.isNaN(ratio));
  return numbers.every((ratio) => isRight(ratio, numbers[0] as number));
}

const isClose = (a: number, b: number) => Math.abs(a - b) < 1e-9;

describe("between a writer and a reader", () => {
  it.each(Object.entries(functions))("%s lets scales and signs through as its values say", async (_, f) => {
    const signed = [...points, ...points.map((x) => -x)];
    const [at, doubled, negated] = await Promise.all([
      valuesOf(f, signed),
      valuesOf(
        f,
        signed.map((x) => 2 * x),
      ),
      valuesOf(
        f,
        signed.map((x) => -x),
      ),
    ]);
    const ratios = (other: readonly number[]) => other.map((y, i) => y / (at[i] as number));
    const isHomogeneous = areAll(ratios(doubled), (ratio, first) => isClose(ratio, first));
    const hasParity = areAll(ratios(negated), (ratio, first) => isClose(ratio, first) && isClose(Math.abs(ratio), 1));
    const { scale, sign } = found((x, weight) => f(x.matmul(weight("in", [3, 4]))).matmul(weight("out", [4, 3])));
    expect(scale).toBe(isHomogeneous ? 4 : 0);
    expect(sign).toBe(hasParity ? 4 : 0);
  });
});

const hidden = (x: Value, weight: Weight, name = "in") => x.matmul(weight(name, [3, 4]));
const read = (h: Value, weight: Weight) => h.matmul(weight("out", [4, 3]));

/** Networks of 4 hidden units with their numbers of scales and signs, worked out by hand. */
const networks: Readonly<Record<string, readonly [(x: Value, weight: Weight) => Value, scale: number, sign: number]>> =
  {
    "a bias that scales along": [
      (x, w) =>
        read(
          hidden(x, w)
            .add(w("b", [4]))
            .relu(),
          w,
        ),
      4,
      0,
    ],
    "a bias that all units share": [
      (x, w) =>
        read(
          hidden(x, w)
            .add(w("b", [1]))
            .relu(),
          w,
        ),
      0,
      0,
    ],
    "a gain for each unit": [
      (x, w) =>
        read(
          hidden(x, w)
            .mul(w("g", [4]))
            .relu(),
          w,
        ),
      8,
      4,
    ],
    "a divisor for each unit": [
      (x, w) =>
        read(
          hidden(x, w)
            .div(w("g", [4]))
            .relu(),
          w,
        ),
      8,
      4,
    ],
    "the product of two layers": [(x, w) => read(hidden(x, w).mul(hidden(x, w, "up")), w), 8, 8],
    "a gated layer": [
      (x, w) =>
        read(
          hidden(x, w)
            .silu()
            .mul(hidden(x, w, "up")),
          w,
        ),
      4,
      4,
    ],
    "the larger of two layers": [(x, w) => read(hidden(x, w).maximum(hidden(x, w, "up")), w), 4, 0],
    "learned bounds": [
      (x, w) =>
        read(
          hidden(x, w)
            .maximum(w("low", [4]))
            .minimum(w("high", [4])),
          w,
        ),
      4,
      0,
    ],
    "a skip past a ReLU": [
      (x, w) =>
        read(
          hidden(x, w)
            .relu()
            .add(hidden(x, w, "skip")),
          w,
        ),
      4,
      0,
    ],
    "a skip from the same units": [(x, w) => read(hidden(x, w).relu().add(hidden(x, w)), w), 4, 0],
    "a matrix multiplied by itself": [
      (x, w) => read(hidden(x, w).matmul(w("m", [4, 4]).matmul(w("m", [4, 4]))), w),
      0,
      0,
    ],
    "the sum over the units": [
      (x, w) =>
        hidden(x, w)
          .tanh()
          .sum(1, { keepDims: true })
          .add(w("b", [3])),
      0,
      0,
    ],
    "a softmax over the units": [(x, w) => read(hidden(x, w).softmax(), w), 0, 0],
    "normalised weights": [
      (x, w) => {
        const v = w("v", [3, 4]);
        return read(x.matmul(v.div(v.square().sum(0, { keepDims: true }).sqrt()).mul(w("g", [4]))).relu(), w);
      },
      8,
      4,
    ],
    "every second unit": [
      (x, w) => {
        const h = x.matmul(w("wide", [3, 8])).relu();
        return read(h.slice(1, 0, 8, 2), w).add(h.slice(1, 1, 8, 2).matmul(w("odd", [4, 3])));
      },
      // Both halves of a pair are one unit, which scales as one.
      4,
      0,
    ],
  };

describe("scales and signs", () => {
  it.each(Object.entries(networks))("of %s", async (_, [forward, scale, sign]) => {
    expect(found(forward)).toEqual({ scale, sign });
    const network = small([3], 3, forward);
    const group = discoverSymmetry(network);
    const { parameters, outputOf } = await probe(network, key);
    const after = act(group, randomElement(group, fold(key, "element"), { spread: 4 }), parameters);
    expect(relativeDifference(await outputOf(parameters), await outputOf(after))).toBeLessThan(1e-10);
  });
});
