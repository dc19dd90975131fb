import { describe, expect, it } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import {
  adjoint,
  apply,
  crossEntropy,
  grad,
  hessianVectorProduct,
  input,
  meanSquaredError,
  scalar,
  simplify,
  stopGradient,
  straightThroughSign,
  sumTo,
  surrogate,
  topologicalOrder,
  type Value,
  where,
} from "./index.ts";

const key = rngKey(5);
const x = input("x", "float64", [3]);
const y = input("y", "float64", [3]);
const feeds = { x: fromNumbers("float64", [0.5, -1.5, 2]), y: fromNumbers("float64", [2, 0.25, -1]) };
const [xs, ys] = [toNumbers(feeds.x), toNumbers(feeds.y)];

async function evaluate(value: Value, tensors: Record<string, Tensor> = feeds): Promise<number[]> {
  const program = await referenceEngine().compile({ value });
  return [...toNumbers((await program.run(tensors)).value as Tensor)];
}

function gradient(output: Value, ...wrt: Value[]): Promise<number[][]> {
  return Promise.all(grad(output, wrt).map((g) => evaluate(g)));
}

function expectClose(got: readonly number[], expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  for (const [i, value] of got.entries()) expect(value).toBeCloseTo(expected[i] as number, 12);
}

describe("grad", () => {
  it("adds up all uses of a value", async () => {
    const uses = x.mul(y).add(x.square()).sub(x).add(x).add(x.div(y));
    const [g] = (await gradient(uses.sum(), x)) as [number[]];
    expectClose(
      g,
      [...xs].map((a, i) => (ys[i] as number) + 2 * a + 1 / (ys[i] as number)),
    );
  });

  it("is zero in what the output does not use", async () => {
    const unused = input("unused", "float64", [2, 2]);
    const labels = input("labels", "int64", [3]);
    const [a, b, c] = grad(x.sum(), [unused, labels, y]) as [Value, Value, Value];
    expect([a, b, c].map(({ dtype, shape }) => [dtype, shape])).toEqual([
      ["float64", [2, 2]],
      ["int64", [3]],
      ["float64", [3]],
    ]);
    expect(await evaluate(a)).toEqual([0, 0, 0, 0]);
    expect(await evaluate(c)).toEqual([0, 0, 0]);
  });

  it("is one in the output itself", async () => {
    const output = x.sum();
    expect(await gradient(output, output, x)).toEqual([[1], [1, 1, 1]]);
  });

  it("in a value inside the graph is that of what follows, and does not hide what comes before", async () => {
    const hidden = x.mul(y);
    const [h, g] = (await gradient(hidden.square().sum().add(x.sum()), hidden, x)) as [number[], number[]];
    expectClose(
      h,
      [...xs].map((a, i) => 2 * a * (ys[i] as number)),
    );
    expectClose(
      g,
      [...xs].map((a, i) => 2 * a * (ys[i] as number) ** 2 + 1),
    );
  });

  it("is given once for every time a variable is listed", async () => {
    const [a, b, c] = await gradient(x.square().mul(y).sum(), x, y, x);
    expect(a).toEqual(c);
    expectClose(
      a as number[],
      [...xs].map((v, i) => 2 * v * (ys[i] as number)),
    );
    expectClose(
      b as number[],
      [...xs].map((v) => v * v),
    );
  });

  it("stops at integers", async () => {
    const floor = x.cast("int64").cast("float64");
    expect(await gradient(floor.mul(y).sum(), x)).toEqual([[0, 0, 0]]);
  });

  it("is that of the stand-in at a surrogate", async () => {
    expect(await gradient(surrogate(x.exp(), x.mul(y)).sum(), x, y)).toEqual([[...ys], [...xs]]);
    expect(await gradient(straightThroughSign(x).mul(y).sum(), x)).toEqual([[2, 0, 0]]);
    expect(await gradient(stopGradient(x).mul(x).sum(), x)).toEqual([[...xs]]);
    expect(await evaluate(stopGradient(x))).toEqual([...xs]);
    expect(await evaluate(straightThroughSign(input("x", "float64", [3])))).toEqual([1, -1, 1]);
  });

  it("computes nothing for a stopped gradient", () => {
    const [g] = simplify(grad(stopGradient(x.exp()).sum().add(x.sum()), [x]));
    expect(topologicalOrder([g as Value]).map(({ op }) => op)).not.toContain("Exp");
  });

  it("is shared between equal extrema", async () => {
    const twice = input("x", "float64", [3]);
    expect(await gradient(x.maximum(twice).sum(), x, twice)).toEqual([
      [0.5, 0.5, 0.5],
      [0.5, 0.5, 0.5],
    ]);
    const [g] = (await gradient(where(x.greater(0), scalar(1, "float64"), x.mul(0)).max(), x)) as [number[]];
    expect(g.every((each) => each === 0)).toBe(true);
  });

  it("is zero, not infinity times zero, where the other operand is larger", async () => {
    const infinite = x.maximum(y).mul(Number.POSITIVE_INFINITY).sum();
    expect(await gradient(infinite, x, y)).toEqual([
      [0, 0, Number.POSITIVE_INFINITY],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0],
    ]);
  });

  it.each([
    ["a tensor", x, "grad: expected a scalar to differentiate, got float64 [3]; reduce it with sum() or mean()"],
    [
      "an integer",
      x.argMax(),
      "grad: expected a scalar to differentiate, got int64 []; reduce it with sum() or mean()",
    ],
  ])("refuses %s", (_, output, message) => {
    expect(() => grad(output, [x])).toThrow(expect.objectContaining({ name: "InputError", message }));
  });
});

describe("an operator that is defined by others", () => {
  const a = input("a", "float64", [2, 2]);
  const tensors = { a: fromNumbers("float64", [0.5, -1, 2, 0.25], [2, 2]) };
  const fused = { transA: false, transB: false, alpha: 1 };

  it.each<[string, (value: Value) => Value, (value: Value) => Value]>([
    ["the same operand twice", (v) => apply("FusedMatMul", [v, v], fused), (v) => v.matmul(v)],
    [
      "an operand that depends on another",
      (v) => apply("FusedMatMul", [v.tanh(), v], fused),
      (v) => v.tanh().matmul(v),
    ],
    [
      "the result of another such operator",
      (v) => apply("FusedMatMul", [v.gelu(), v], fused).gelu(),
      (v) => v.mul(v.mul(Math.SQRT1_2).erf().add(1)).mul(0.5).matmul(v).gelu(),
    ],
    [
      "statistics of its own operand",
      (v) => apply("BatchNormalization", [v, v.sum(1), v.sum(0), v.mean(0), v.square().mean(0)], { epsilon: 1 }),
      (v) =>
        v
          .sub(v.mean(0))
          .mul(v.sum(1).div(v.square().mean(0).add(1).sqrt()))
          .add(v.sum(0)),
    ],
  ])("may have %s", async (_, defined, definition) => {
    for (const loss of [(v: Value) => v.sum(), (v: Value) => v.square().sum()]) {
      const got = await evaluate(grad(loss(defined(a)), [a])[0] as Value, tensors);
      expectClose(got, await evaluate(grad(loss(definition(a)), [a])[0] as Value, tensors));
    }
  });
});

describe("higher derivatives", () => {
  function third(build: (value: Value) => Value): Value {
    const derive = (f: Value) => (grad(f.sum(), [x]) as [Value])[0];
    return derive(derive(derive(build(x))));
  }

  it.each<[string, (value: Value) => Value, (v: number) => number]>([
    ["x^5", (v) => v.pow(5), (v) => 60 * v ** 2],
    ["x x x", (v) => v.mul(v).mul(v), () => 6],
    ["exp 2x", (v) => v.mul(2).exp(), (v) => 8 * Math.exp(2 * v)],
    ["sin", (v) => v.sin(), (v) => -Math.cos(v)],
    ["1 / x", (v) => v.reciprocal(), (v) => -6 / v ** 4],
    ["1 / x as a division", (v) => scalar(1, "float64").div(v), (v) => -6 / v ** 4],
    ["log |x|", (v) => v.abs().log(), (v) => 2 / v ** 3],
    ["tanh", (v) => v.tanh(), (v) => (1 - Math.tanh(v) ** 2) * (6 * Math.tanh(v) ** 2 - 2)],
    ["erf", (v) => v.erf(), (v) => (2 / Math.sqrt(Math.PI)) * (4 * v * v - 2) * Math.exp(-v * v)],
  ])("the third of %s", async (_, build, expected) => {
    const got = await evaluate(third(build));
    for (const [i, v] of xs.entries()) expect(got[i]).toBeCloseTo(expected(v), 9);
  });

  it("the Hessian of a quadratic form times a vector", async () => {
    const matrix = normal(fold(key, "matrix"), [3, 3], { dtype: "float64" });
    const form = x
      .reshape([1, 3])
      .matmul(input("m", "float64", [3, 3]))
      .matmul(x.reshape([3, 1]))
      .sum();
    const [product] = hessianVectorProduct(form, [x], [y]) as [Value];
    const at = (i: number, j: number) => matrix.data[3 * i + j] as number;
    const expected = [0, 1, 2].map((i) =>
      [0, 1, 2].reduce((sum, j) => sum + (at(i, j) + at(j, i)) * (ys[j] as number), 0),
    );
    expectClose(await evaluate(product, { ...feeds, m: matrix }), expected);
  });

  it("the Hessian refuses directions that are not like the variables", () => {
    expect(() => hessianVectorProduct(x.sum(), [x], [])).toThrow(
      "hessianVectorProduct: expected float64 [3], got nothing",
    );
    expect(() => hessianVectorProduct(x.sum(), [x], [input("v", "float64", [2])])).toThrow(
      "hessianVectorProduct: expected float64 [3], got float64 [2]",
    );
  });
});

describe("adjoint", () => {
  it("is the transposed Jacobian, summed over outputs", async () => {
    const [g] = adjoint([x.square(), x.mul(y)], [y, x], [x]) as [Value];
    expectClose(
      await evaluate(g),
      [...xs].map((a, i) => 3 * a * (ys[i] as number)),
    );
  });

  it("refuses cotangents that are not like the outputs", () => {
    expect(() => adjoint([x], [x.sum()], [x])).toThrow("adjoint: expected float64 [3], got float64 []");
  });
});

it("sumTo undoes broadcasting", async () => {
  const wide = input("wide", "float64", [2, 3]);
  const tensors = { wide: fromNumbers("float64", [1, 2, 3, 4, 5, 6], [2, 3]) };
  expect(await evaluate(sumTo(wide, [3]), tensors)).toEqual([5, 7, 9]);
  expect(await evaluate(sumTo(wide, [2, 1]), tensors)).toEqual([6, 15]);
  expect(await evaluate(sumTo(wide, []), tensors)).toEqual([21]);
  expect(sumTo(wide, [2, 3])).toBe(wide);
});

describe("gradients without elements or with partial indices", () => {
  it("a product over an empty axis", () => {
    const [a, b] = [input("a", "float64", [2, 3, 0]), input("b", "float64", [0, 4])];
    expect(grad(a.matmul(b).sum(), [a, b]).map(({ shape }) => shape)).toEqual([
      [2, 3, 0],
      [0, 4],
    ]);
  });

  it("elements gathered from the beginning of the other axes", async () => {
    const a = input("a", "float64", [3, 2]);
    const i = input("i", "int64", [2, 2]);
    const tensors = {
      a: fromNumbers("float64", [1, 2, 3, 4, 5, 6], [3, 2]),
      i: fromNumbers("int64", [0, 0, 1, 0], [2, 2]),
    };
    const loss = a.gatherElements(i, 1).sum();
    expect(await evaluate(loss, tensors)).toEqual([1 + 1 + 4 + 3]);
    expect(await evaluate(grad(loss, [a])[0] as Value, tensors)).toEqual([2, 0, 1, 1, 0, 0]);
  });
});

describe("losses", () => {
  const logits = input("logits", "float64", [4, 3]);
  const labels = input("labels", "int64", [4]);
  const tensors = {
    logits: normal(fold(key, "logits"), [4, 3], { dtype: "float64", deviation: 3 }),
    labels: fromNumbers("int64", [2, 0, 0, 1]),
  };

  it("cross-entropy has the gradient (softmax - one-hot) / n", async () => {
    const got = await evaluate(grad(crossEntropy(logits, labels), [logits])[0] as Value, tensors);
    const expected = [2, 0, 0, 1].flatMap((label, row) => {
      const exponentials = [...tensors.logits.data.subarray(3 * row, 3 * row + 3)].map(Math.exp);
      const total = exponentials.reduce((a, b) => a + b);
      return exponentials.map((e, i) => (e / total - (i === label ? 1 : 0)) / 4);
    });
    expectClose(got, expected);
  });

  it("cross-entropy averages over every axis of labels", async () => {
    const sequences = crossEntropy(logits.reshape([2, 2, 3]), labels.reshape([2, 2]));
    expectClose(await evaluate(sequences, tensors), await evaluate(crossEntropy(logits, labels), tensors));
  });

  it("mean squared error has the gradient 2 (x - y) / n", async () => {
    const [g] = (await gradient(meanSquaredError(x, y), x)) as [number[]];
    expectClose(
      g,
      [...xs].map((a, i) => (2 * (a - (ys[i] as number))) / 3),
    );
  });
});
