import { describe, expect, it } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { fromNumbers, type Shape, tensor, toNumbers } from "../tensor/index.ts";
import {
  concat,
  constant,
  conv,
  fill,
  globalAveragePool,
  input,
  maxPool,
  oneHot,
  range,
  scalar,
  type Value,
  where,
} from "./index.ts";

async function evaluate(value: Value): Promise<number[]> {
  const program = await referenceEngine().compile({ value });
  return [...toNumbers((await program.run({})).value as never)];
}

/** The numbers 0, 1, 2, ... of a shape. */
function counting(...shape: number[]): Value {
  const count = shape.reduce((a, b) => a * b, 1);
  return constant(
    fromNumbers(
      "float64",
      Array.from({ length: count }, (_, i) => i),
      shape,
    ),
  );
}

const x = counting(2, 3);

describe("axes", () => {
  it.each<[string, Value, Value]>([
    ["sum", x.sum(-1), x.sum(1)],
    ["mean of several", counting(2, 3, 4).mean([-1, 0]), counting(2, 3, 4).mean([0, 2])],
    ["arg max", x.argMax(-2), x.argMax(0)],
    ["softmax", x.softmax(-2), x.softmax(0)],
    ["gather", x.gather(range(2), -1), x.gather(range(2), 1)],
    ["gather elements", x.gatherElements(range(2).reshape([2, 1]), -1), x.gatherElements(range(2).reshape([2, 1]), 1)],
    ["concat", concat([x, x], -1), concat([x, x], 1)],
    ["slice", x.slice(-1, 1), x.slice(1, 1)],
    ["flatten", counting(2, 3, 4).flatten(-2), counting(2, 3, 4).flatten(1)],
  ])("count from the end when negative: %s", async (_, negative, positive) => {
    expect(negative.shape).toEqual(positive.shape);
    expect(await evaluate(negative)).toEqual(await evaluate(positive));
  });
});

describe("reshape", () => {
  it.each<[Shape, Shape, Shape]>([
    [[2, 3], [-1], [6]],
    [
      [2, 3, 4],
      [4, -1, 2],
      [4, 3, 2],
    ],
    [
      [0, 3],
      [-1, 3],
      [0, 3],
    ],
    [[], [-1, 1], [1, 1]],
  ])("of %j to %j is %j", (from, to, expected) => {
    expect(counting(...from).reshape(to).shape).toEqual(expected);
  });

  it("flattens the axes behind the samples, even without samples", () => {
    expect(counting(2, 3, 4).flatten().shape).toEqual([2, 12]);
    expect(counting(0, 3, 4).flatten().shape).toEqual([0, 12]);
    expect(counting(2, 3).flatten(0).shape).toEqual([6]);
  });
});

describe("slice", () => {
  it.each<[[number, number, number?, number?], number[]]>([
    [
      [1, 1],
      [1, 2, 4, 5],
    ],
    [
      [1, 0, -1],
      [0, 1, 3, 4],
    ],
    [
      [1, -2],
      [1, 2, 4, 5],
    ],
    [
      [1, -3, -2],
      [0, 3],
    ],
    [
      [1, 0, 3, 2],
      [0, 2, 3, 5],
    ],
    [
      [0, -1],
      [3, 4, 5],
    ],
    [[1, 2, 2], []],
  ])("(%j) takes %j", async (bounds, expected) => {
    expect(await evaluate(x.slice(...bounds))).toEqual(expected);
  });
});

describe("a number as an operand", () => {
  it("takes the type of the other operand", () => {
    for (const dtype of ["float16", "float64", "int8", "int64"] as const) {
      const value = input("x", dtype, [2]);
      expect(value.add(1).dtype).toBe(dtype);
      expect(where(value.less(3), 1, value).dtype).toBe(dtype);
      expect(where(value.less(3), value, 1).dtype).toBe(dtype);
    }
  });

  it("is exact beside integers, or refused", () => {
    const value = input("x", "int64", [2]);
    expect((value.mul(2 ** 60).operands[1] as Value<"Constant">).attributes.value.data[0]).toBe(2n ** 60n);
    expect(() => value.mul(0.5)).toThrow("scalar: expected a whole number beside int64 [2], got 0.5");
    expect(() => input("x", "int8", [2]).add(128)).toThrow("convert: 128 does not fit int8");
    expect(() => where(input("c", "bool", []), 1, 2)).toThrow(
      "Where: expected a value for at least one branch, got two",
    );
  });
});

describe("what has nothing to do is left out", () => {
  it("a sum over no axes, a cast to the same type, a join of one value", () => {
    expect(x.sum([])).toBe(x);
    expect(scalar(2).sum()).toEqual(scalar(2));
    expect(x.cast("float64")).toBe(x);
    expect(concat([x], 0)).toBe(x);
  });
});

describe("constants", () => {
  it("fill, range and one-hot labels", async () => {
    expect(await evaluate(fill(7, "int8", [2, 2]))).toEqual([7, 7, 7, 7]);
    expect(fill(7, "int8", []).op).toBe("Constant");
    expect(await evaluate(range(3, "float32"))).toEqual([0, 1, 2]);
    expect(range(0).shape).toEqual([0]);
    const labels = constant(tensor("int64", [2, 1], BigInt64Array.of(2n, 0n)));
    expect(await evaluate(oneHot(labels, 3))).toEqual([0, 0, 1, 1, 0, 0]);
    expect(oneHot(labels, 3).shape).toEqual([2, 1, 3]);
  });
});

describe("windows", () => {
  const images = input("x", "float32", [2, 3, 8, 6]);

  it("take one number for all axes, one per axis, or all begins and all ends", () => {
    const w = input("w", "float32", [4, 3, 3, 3]);
    expect(conv(images, w).shape).toEqual([2, 4, 6, 4]);
    expect(conv(images, w, { pads: 1 }).shape).toEqual([2, 4, 8, 6]);
    expect(conv(images, w, { pads: [1, 0] }).shape).toEqual([2, 4, 8, 4]);
    expect(conv(images, w, { pads: [0, 1, 2, 0] }).shape).toEqual([2, 4, 8, 5]);
    expect(conv(images, w, { strides: [2, 3], pads: 1 }).shape).toEqual([2, 4, 4, 2]);
  });

  it("of pools move on by the kernel", () => {
    expect(maxPool(images, [4, 3]).shape).toEqual([2, 3, 2, 2]);
    expect(maxPool(images, [4, 3], { strides: 1 }).shape).toEqual([2, 3, 5, 4]);
  });

  it("of a global pool are whole images", async () => {
    expect(await evaluate(globalAveragePool(counting(1, 2, 2, 2)))).toEqual([1.5, 5.5]);
  });
});
