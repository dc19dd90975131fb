import { describe, expect, it } from "vitest";
import { caseInputs, caseTensors, type OperatorCase, operatorCases } from "../../test/operator-cases.ts";
import { referenceEngine } from "../engine/index.ts";
import {
  convert,
  elementCount,
  fold,
  fromNumbers,
  isFloat,
  normal,
  rngKey,
  type Tensor,
  tensor,
  toNumbers,
} from "../tensor/index.ts";
import { constant, crossEntropy, ensemble, grad, input, inputsOf, maxPool, range, type Value } from "./index.ts";

const engine = referenceEngine();
const key = rngKey(11);
const members = 3;

/** Sums may be taken in another order; everything here is of size 1. */
const tolerance = 1e-12;

async function evaluate(values: readonly Value[], feeds: Record<string, Tensor>): Promise<Tensor[]> {
  const program = await engine.compile(Object.fromEntries(values.map((value, i) => [`y${i}`, value])));
  return Object.values(await program.run(feeds));
}

/** One tensor of all members, along a new first axis. */
function stack(singles: readonly Tensor[]): Tensor {
  const { dtype, shape } = singles[0] as Tensor;
  const elements = singles.flatMap((single) => [...toNumbers(single)]);
  return fromNumbers(dtype, elements, [singles.length, ...shape]);
}

function expectClose(got: Tensor, expected: Tensor): void {
  expect(got.shape).toEqual(expected.shape);
  const [a, b] = [toNumbers(got), toNumbers(expected)];
  const error = a.reduce(
    (most, x, i) => Math.max(most, Math.abs(x - (b[i] as number)) / (1 + Math.abs(b[i] as number))),
    0,
  );
  expect(error).toBeLessThan(tolerance);
}

/** The single results of each member, stacked, are those of the ensemble. */
async function expectLaw(
  outputs: readonly Value[],
  perMember: ReadonlySet<Value>,
  draws: readonly Record<string, Tensor>[],
): Promise<void> {
  const inputs = inputsOf(outputs);
  const many = new Map<Value, Value>();
  const feeds: Record<string, Tensor> = {};
  for (const single of inputs.filter((each) => perMember.has(each))) {
    const { name, dtype, shape } = single.attributes;
    many.set(single, input(`${name} of all`, dtype, [draws.length, ...shape]));
    feeds[`${name} of all`] = stack(draws.map((draw) => draw[name] as Tensor));
  }
  for (const { attributes } of inputs.filter((each) => !perMember.has(each))) {
    feeds[attributes.name] = draws[0]?.[attributes.name] as Tensor;
  }
  const got = await evaluate(ensemble(outputs, many), feeds);
  const shared = Object.entries(feeds);
  const singles = await Promise.all(draws.map((draw) => evaluate(outputs, { ...draw, ...Object.fromEntries(shared) })));
  for (const [i, result] of got.entries()) expectClose(result, stack(singles.map((single) => single[i] as Tensor)));
}

/** All but the empty one. */
function subsets<T>(items: readonly T[]): T[][] {
  return Array.from({ length: 2 ** items.length - 1 }, (_, i) => items.filter((__, bit) => ((i + 1) >> bit) & 1));
}

function outputsOf(each: OperatorCase, inputs: readonly Value<"Input">[]): Value[] {
  const value = each.build(...inputs);
  const variables = inputs.filter(({ dtype }) => isFloat(dtype));
  return each.flat ? [value] : [value, ...grad(value.square().sum(), variables)];
}

describe("an ensemble of three computes what three graphs do", () => {
  it.each(operatorCases.map((each) => [each.name, each] as const))("%s, value and gradients", async (_, each) => {
    const inputs = caseInputs(each, "float64");
    const outputs = outputsOf(each, inputs);
    const draws = Array.from({ length: members }, (_, draw) => caseTensors(each, "float64", draw));
    const used = inputsOf(outputs);
    for (const some of subsets(inputs.filter((each) => used.includes(each)))) {
      await expectLaw(outputs, new Set(some), draws);
    }
  });
});

describe("an ensemble", () => {
  const x = input("x", "float64", [4, 3]);
  const w = input("w", "float64", [3, 2]);
  const labels = input("labels", "int64", [4]);
  const loss = crossEntropy(x.matmul(w).tanh(), labels);
  const feeds = {
    x: normal(fold(key, "x"), [4, 3], { dtype: "float64" }),
    labels: fromNumbers("int64", [0, 1, 1, 0]),
  };
  const weights = Array.from({ length: 6 }, (_, i) => normal(fold(key, "w", i), [3, 2], { dtype: "float64" }));

  it("of one member is the graph with one more axis", async () => {
    const draws = [{ ...feeds, w: weights[0] as Tensor }];
    await expectLaw([loss, ...grad(loss, [w])], new Set([w]), draws);
  });

  it("may be one of ensembles", async () => {
    const three = input("three", "float64", [3, 3, 2]);
    const six = input("six", "float64", [2, 3, 3, 2]);
    const [inner] = ensemble([loss], new Map([[w, three]])) as [Value];
    const outputs = ensemble([inner, ...grad(inner.sum(), [three])], new Map([[three, six]]));
    const [losses, gradients] = (await evaluate(outputs, {
      ...feeds,
      six: fromNumbers(
        "float64",
        weights.flatMap(({ data }) => [...data]),
        [2, 3, 3, 2],
      ),
    })) as [Tensor, Tensor];
    expect(losses.shape).toEqual([2, 3]);
    const singles = await Promise.all(
      weights.map((each) => evaluate([loss, ...grad(loss, [w])], { ...feeds, w: each })),
    );
    const stacked = (i: number) => ({ ...stack(singles.map((single) => single[i] as Tensor)) });
    expectClose({ ...losses, shape: [6] }, stacked(0));
    expectClose({ ...gradients, shape: [6, 3, 2] }, stacked(1));
  });

  it("commutes with differentiation", async () => {
    const all = input("all", "float64", [6, 3, 2]);
    const map = new Map([[w, all]]);
    const [first] = ensemble(grad(loss, [w]), map) as [Value];
    const [second] = grad((ensemble([loss], map)[0] as Value).sum(), [all]) as [Value];
    const [a, b] = await evaluate([first, second], { ...feeds, all: stack(weights) });
    expectClose(a as Tensor, b as Tensor);
  });

  it("leaves what members share as it was, so that it can be differentiated in", async () => {
    const all = input("all", "float64", [6, 3, 2]);
    const [losses] = ensemble([loss], new Map([[w, all]])) as [Value];
    expect(inputsOf([losses])).toContain(x);
    const [got] = await evaluate(grad(losses.sum(), [x]), { ...feeds, all: stack(weights) });
    const singles = await Promise.all(weights.map((each) => evaluate(grad(loss, [x]), { ...feeds, w: each })));
    const total = singles
      .map(([g]) => toNumbers(g as Tensor))
      .reduce((sum, g) => sum.map((s, i) => s + (g[i] as number)));
    expectClose(got as Tensor, tensor("float64", [4, 3], total));
  });

  it("repeats what does not depend on a member", async () => {
    const outputs = ensemble([x.sum(), x, range(2), loss], new Map([[w, input("all", "float64", [6, 3, 2])]]));
    expect(outputs.map(({ shape }) => shape)).toEqual([[6], [6, 4, 3], [6, 2], [6]]);
    const [, repeated, counts] = (await evaluate(outputs, { ...feeds, all: stack(weights) })) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    expect(repeated.data).toEqual(stack(weights.map(() => feeds.x)).data);
    expect([...toNumbers(counts)]).toEqual(weights.flatMap(() => [0, 1]));
  });

  it("replaces values inside a graph, and outputs", async () => {
    const hidden = x.matmul(w);
    const all = input("all", "float64", [2, 4, 2]);
    const [replaced, sum] = ensemble([hidden, hidden.sum()], new Map([[hidden, all]])) as [Value, Value];
    expect(replaced).toBe(all);
    expect(inputsOf([sum])).toEqual([all]);
  });

  it("may share a value that is a member elsewhere", async () => {
    const all = input("all", "float64", [6, 3, 2]);
    const [result] = ensemble([w.sum().add(all.sum())], new Map([[w, all]])) as [Value];
    const [got] = await evaluate([result], { all: stack(weights) });
    const sums = weights.map(({ data }) => data.reduce((a, b) => a + b));
    const total = sums.reduce((a, b) => a + b);
    expectClose(
      got as Tensor,
      fromNumbers(
        "float64",
        sums.map((sum) => sum + total),
      ),
    );
  });

  it("folds members into samples where an operator treats samples alike", () => {
    const image = input("image", "float32", [2, 3, 4, 4]);
    const [pooled] = ensemble([maxPool(image, 2)], new Map([[image, input("images", "float32", [5, 2, 3, 4, 4])]])) as [
      Value,
    ];
    expect(pooled.operands[0]?.op).toBe("MaxPool");
    expect(pooled.operands[0]?.shape).toEqual([10, 3, 2, 2]);
  });

  it("computes with integers and booleans", async () => {
    const n = input("n", "int64", [3]);
    const all = constant(fromNumbers("int64", [5, 0, 7, 1, 2, 3], [2, 3]));
    const [picked] = ensemble([range(9).gather(n.less(4).not().cast("int64").add(n))], new Map([[n, all]])) as [Value];
    const [got] = await evaluate([picked], {});
    expect(convert(got as Tensor, "int32").data).toEqual(Int32Array.of(6, 0, 8, 1, 2, 3));
    expect(elementCount((got as Tensor).shape)).toBe(6);
  });
});

describe("what cannot be an ensemble is refused", () => {
  const a = input("a", "float32", [2, 3]);
  const b = input("b", "float32", []);

  it.each<[string, [Value, Value][]]>([
    ["expected float32 [members, 2, 3], got float32 [4, 3, 2]", [[a, input("x", "float32", [4, 3, 2])]]],
    ["expected float32 [members, 2, 3], got float32 [2, 3]", [[a, a]]],
    ["expected float32 [members, 2, 3], got float64 [4, 2, 3]", [[a, input("x", "float64", [4, 2, 3])]]],
    ["expected float32 [members], got float32 []", [[b, b]]],
    [
      "expected one number of members, got 4 and 5",
      [
        [a, input("x", "float32", [4, 2, 3])],
        [b, input("y", "float32", [5])],
      ],
    ],
    ["expected one number of members, got none", []],
  ])("%s", (message, map) => {
    expect(() => ensemble([a.sum().add(b)], new Map(map))).toThrow(
      expect.objectContaining({ name: "InputError", message: `ensemble: ${message}` }),
    );
  });
});
