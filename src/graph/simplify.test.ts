import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { caseInputs, caseTensors, operatorCases } from "../../test/operator-cases.ts";
import { referenceEngine } from "../engine/index.ts";
import { InputError } from "../errors.ts";
import { fromNumbers, isFloat, type Tensor, tensor, zeros } from "../tensor/index.ts";
import {
  apply,
  averagePool,
  concat,
  constant,
  fill,
  grad,
  input,
  type Operator,
  scalar,
  simplify,
  stopGradient,
  straightThroughSign,
  surrogate,
  topologicalOrder,
  type Value,
  where,
} from "./index.ts";

const x = input("x", "float64", [2, 3]);
const feeds = { x: fromNumbers("float64", [0.5, -0, Number.NaN, -1.25, Number.POSITIVE_INFINITY, 3e-320], [2, 3]) };

function only(value: Value): Value {
  return (simplify([value]) as [Value])[0];
}

function operatorsOf(...values: Value[]): Operator[] {
  return topologicalOrder(values).map(({ op }) => op);
}

async function evaluate(values: readonly Value[], tensors: Record<string, Tensor>): Promise<Tensor[]> {
  const program = await referenceEngine().compile(Object.fromEntries(values.map((value, i) => [`y${i}`, value])));
  return Object.values(await program.run(tensors));
}

/** Compares element types, shapes and every bit of the elements, but for the payloads of NaN. */
async function expectSameBits(values: readonly Value[], tensors: Record<string, Tensor>): Promise<void> {
  const expected = await evaluate(values, tensors);
  expect(await evaluate(simplify(values), tensors)).toEqual(expected);
}

type Step = (pool: readonly Value[], pick: (i: number) => Value) => Value;

const one = scalar(1, "float64");
const condition = constant(fromNumbers("bool", [1, 0, 1]));

/** Ways to make a further value of those so far; what does not fit is left out. */
const steps: readonly Step[] = [
  (_, pick) => pick(0).neg(),
  (_, pick) => pick(0).neg().neg(),
  (_, pick) => pick(0).tanh(),
  (_, pick) => pick(0).abs(),
  (_, pick) => pick(0).add(pick(1)),
  (_, pick) => pick(0).sub(pick(1)),
  (_, pick) => pick(0).mul(pick(1)),
  (_, pick) => pick(0).div(pick(1)),
  (_, pick) => pick(0).maximum(pick(1)),
  (_, pick) => pick(0).mul(one),
  (_, pick) => fill(1, "float64", pick(1).shape).mul(pick(0)),
  (_, pick) => pick(0).div(fill(1, "float64", [2, 3])),
  (_, pick) => pick(0).add(0),
  (_, pick) => pick(0).add(-0),
  (_, pick) => pick(0).transpose(),
  (_, pick) => pick(0).transpose().transpose(),
  (_, pick) => pick(0).reshape([-1]),
  (_, pick) => pick(0).reshape(pick(1).shape),
  (_, pick) => pick(0).expand([2, 3]),
  (_, pick) => pick(0).expand([2, 2, 3]),
  (_, pick) => pick(0).sum(0, { keepDims: true }),
  (_, pick) => pick(0).mean(),
  (_, pick) => pick(0).sum().expand([2, 3]).reshape([3, 2]),
  (_, pick) => pick(0).sum().reshape([1, 1]).expand([3, 2]).reshape([6]),
  (_, pick) => surrogate(pick(0), pick(1)),
  (_, pick) => stopGradient(pick(0)),
  (_, pick) => where(pick(0).less(pick(1)), pick(0), pick(1).expand([2, 3])),
  (_, pick) => where(condition, pick(0), pick(1)),
  (_, pick) => concat([pick(0), pick(1)], 0).slice(0, 0, 2),
  (_, pick) => constant(fromNumbers("float64", [2, -0, 0.1])).mul(pick(0)),
  (_, pick) => constant(fromNumbers("float64", [1, 2, 3, 4, 5, 6], [3, 2])).reshape(pick(0).shape),
  (_, pick) => pick(0).matmul(pick(1)),
  (pool) => pool.at(-1) as Value,
];

const picks = fc.tuple(fc.nat(steps.length - 1), fc.nat(40), fc.nat(40));

function buildGraph(choices: readonly (readonly [number, number, number])[]): Value[] {
  const pool: Value[] = [x];
  for (const [step, ...at] of choices) {
    try {
      const pick = (i: number) => pool[pool.length - 1 - ((at[i] as number) % pool.length)] as Value;
      pool.push((steps[step] as Step)(pool, pick));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }
  return pool.slice(-4);
}

describe("simplify", () => {
  it("changes no bit of any result", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(picks, { minLength: 1, maxLength: 30 }), (choices) =>
        expectSameBits(buildGraph(choices), feeds),
      ),
      { numRuns: 500 },
    );
  });

  it("keeps shapes, adds no node and leaves nothing to a second pass", () => {
    fc.assert(
      fc.property(fc.array(picks, { minLength: 1, maxLength: 30 }), (choices) => {
        const values = buildGraph(choices);
        const once = simplify(values);
        const twice = simplify(once);
        expect(once.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(
          values.map(({ dtype, shape }) => ({ dtype, shape })),
        );
        expect(operatorsOf(...once).length).toBeLessThanOrEqual(operatorsOf(...values).length);
        expect(operatorsOf(...twice).sort()).toEqual(operatorsOf(...once).sort());
      }),
      { numRuns: 500 },
    );
  });

  it.each(operatorCases.map((each) => [each.name, each] as const))("keeps %s and its gradient", async (_, each) => {
    const inputs = caseInputs(each, "float64");
    const value = each.build(...inputs);
    const variables = inputs.filter(({ dtype }) => isFloat(dtype));
    const gradients = each.flat ? [] : grad(value.square().sum(), variables);
    await expectSameBits([value, ...gradients], caseTensors(each, "float64"));
  });
});

describe("equal expressions", () => {
  it("are shared, however deep", () => {
    const make = () => input("x", "float64", [2, 3]).add(1).tanh().sum([0, 1]);
    const [a, b] = simplify([make(), make()]);
    expect(a).toBe(b);
    const { operands } = only(make().mul(make()));
    expect(operands[0]).toBe(operands[1]);
  });

  it("are shared when their attributes were written in another order", () => {
    const image = input("x", "float32", [1, 1, 4, 4]);
    const attributes = {
      countIncludePad: false,
      dilations: [1, 1],
      kernel: [2, 2],
      pads: [0, 0, 0, 0],
      strides: [2, 2],
    };
    expect(new Set(simplify([averagePool(image, 2), apply("AveragePool", [image], attributes)])).size).toBe(1);
  });

  it("are shared below a reshape of something repeated", () => {
    const repeated = () => x.sum(0).sum(0, { keepDims: true }).expand([2, 3]).reshape([6]);
    expect(new Set(simplify([repeated(), repeated()])).size).toBe(1);
  });

  it("are not shared where operands, attributes or inputs differ", () => {
    const values = [
      x.sub(1),
      scalar(1, "float64").sub(x),
      x.add(1),
      x.sum(0),
      x.sum(1),
      x.sum(0, { keepDims: true }),
      input("y", "float64", [2, 3]).sub(1),
      x.leakyRelu(0),
      x.leakyRelu(-0),
      x.leakyRelu(Number.NaN),
      x.leakyRelu(Number.POSITIVE_INFINITY),
      x.leakyRelu(Number.NEGATIVE_INFINITY),
    ];
    expect(new Set(simplify(values)).size).toBe(values.length);
  });
});

describe("constants", () => {
  it("of the same content are one", () => {
    const twice = [fromNumbers("int8", [1, 2]), fromNumbers("int8", [1, 2])].map(constant);
    expect(new Set(simplify(twice)).size).toBe(1);
  });

  it("stay apart where a bit, the shape or the type differs", () => {
    const nan = (low: number) => tensor("float32", [1], new Float32Array(Uint32Array.of(0x7fc00000 + low).buffer));
    const values = [
      fromNumbers("float64", [0]),
      fromNumbers("float64", [-0]),
      fromNumbers("float64", [0], [1, 1]),
      fromNumbers("int64", [0]),
      fromNumbers("uint64", [0]),
      fromNumbers("float32", [0]),
      nan(0),
      nan(1),
    ].map(constant);
    expect(new Set(simplify(values)).size).toBe(values.length);
  });

  it("that are large are one when they share memory", () => {
    const large = zeros("float32", [100, 100]);
    const [a, b, other] = simplify([constant(large), constant({ ...large }), constant(zeros("float32", [100, 100]))]);
    expect(a).toBe(b);
    expect(other).not.toBe(a);
  });
});

describe("what differentiation leaves behind is removed", () => {
  const y = input("y", "float64", [3]);

  it.each<[string, Value, Value]>([
    ["a surrogate", straightThroughSign(x).neg(), where(x.less(0), scalar(-1, "float64"), 1).neg()],
    ["two transpositions", x.transpose().transpose(), x],
    ["a transposition of nothing", x.transpose([0, 1]), x],
    [
      "two permutations",
      x.reshape([1, 2, 3]).transpose([0, 2, 1]).transpose([1, 2, 0]),
      x.reshape([1, 2, 3]).transpose([2, 1, 0]),
    ],
    ["two reshapes", x.reshape([6]).reshape([3, 2]), x.reshape([3, 2])],
    ["a way back", x.reshape([6]).reshape([2, 3]), x],
    ["a reshape of a constant", fill(2, "float64", []).reshape([1, 1]), constant(fromNumbers("float64", [2], [1, 1]))],
    ["two negations", x.neg().neg(), x],
    ["a factor of one", x.mul(1), x],
    ["ones of the whole shape", fill(1, "float64", [2, 3]).mul(x), x],
    ["a division by one", x.div(fill(1, "float64", [3])), x],
    ["repetition before an operator that repeats", y.expand([2, 3]).add(x), y.add(x)],
    ["repetition in steps", y.expand([2, 3]).expand([4, 2, 3]), y.expand([4, 2, 3])],
    [
      "repetition in steps before an operator",
      y
        .expand([2, 3])
        .expand([4, 2, 3])
        .add(input("z", "float64", [4, 2, 1])),
      y.add(input("z", "float64", [4, 2, 1])),
    ],
    ["repetition of nothing", x.expand([2, 3]), x],
    ["a repeated condition", where(y.less(0).expand([2, 3]), x, 0), where(y.less(0), x, 0)],
  ])("%s", (_, value, expected) => {
    expect(only(value)).toEqual(only(expected));
    expect(operatorsOf(only(value))).toEqual(operatorsOf(only(expected)));
  });

  it.each<[string, Value]>([
    ["a factor of one that repeats", y.mul(fill(1, "float64", [2, 3]))],
    ["a division of one", scalar(1, "float64").div(x)],
    ["repetition that gives the shape", y.expand([2, 3]).mul(y)],
    ["integer ones", input("n", "int64", [2]).mul(1)],
    ["a sum with zero, which changes -0", x.add(0)],
  ])("but not %s", (_, value) => {
    expect(only(value).op).toBe(value.op);
    expect(only(value).shape).toEqual(value.shape);
  });

  it("with all that only it needed", () => {
    const dead = surrogate(x.neg(), x.exp().matmul(input("unused", "float64", [3, 3])));
    expect(operatorsOf(only(dead))).toEqual(["Input", "Neg"]);
  });
});
