import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  broadcastShapes,
  checkShape,
  elementCount,
  formatShape,
  normalizeAxis,
  sameShape,
  stridesOf,
} from "./index.ts";

const shapes = fc.array(fc.array(fc.constantFrom(0, 1, 1, 2, 3), { maxLength: 4 }), { maxLength: 3 });

/** NumPy's rule, axis by axis from the right. */
function broadcastOracle(all: readonly (readonly number[])[]): number[] | null {
  const rank = Math.max(0, ...all.map(({ length }) => length));
  const result: number[] = [];
  for (let back = 1; back <= rank; back++) {
    const sizes = new Set(all.map((shape) => shape.at(-back) ?? 1).filter((size) => size !== 1));
    if (sizes.size > 1) return null;
    result.unshift([...sizes][0] ?? 1);
  }
  return result;
}

describe("broadcastShapes", () => {
  it("follows NumPy's rule", () => {
    fc.assert(
      fc.property(shapes, (all) => {
        expect(broadcastShapes(...all)).toEqual(broadcastOracle(all));
      }),
    );
  });

  it.each([
    [[[0], [1]], [0]],
    [[[0], [2]], null],
    [[[], [3]], [3]],
    [[], []],
    [
      [[2, 1], [1, 3], [1]],
      [2, 3],
    ],
  ])("of %j is %j", (all, expected) => {
    expect(broadcastShapes(...all)).toEqual(expected);
  });
});

it("strides count the elements of the axes behind", () => {
  expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
  expect(stridesOf([])).toEqual([]);
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 5 }), (shape) => {
      expect(stridesOf(shape)).toEqual(shape.map((_, axis) => elementCount(shape.slice(axis + 1))));
    }),
  );
});

it("a scalar has one element, an empty axis none", () => {
  expect(elementCount([])).toBe(1);
  expect(elementCount([3, 0, 2])).toBe(0);
});

it("shapes are the same when they have the same axes", () => {
  expect(sameShape([2, 3], [2, 3])).toBe(true);
  expect(sameShape([2, 3], [2, 3, 1])).toBe(false);
  expect(sameShape([2, 3, 1], [2, 3])).toBe(false);
  expect(sameShape([2, 3], [3, 2])).toBe(false);
  expect(formatShape([2, 3])).toBe("[2, 3]");
});

describe("normalizeAxis", () => {
  it("counts negative axes from the end", () => {
    expect([-3, -1, 0, 2].map((axis) => normalizeAxis(axis, 3, "Sum"))).toEqual([0, 2, 0, 2]);
  });

  it.each([
    [3, 3],
    [-4, 3],
    [0, 0],
    [-1, 0],
    [0.5, 2],
    [Number.NaN, 2],
  ])("refuses axis %s of %s", (axis, rank) => {
    expect(() => normalizeAxis(axis, rank, "Sum")).toThrow(`Sum: axis ${axis} is outside a tensor of ${rank} axes`);
  });
});

describe("checkShape", () => {
  it.each([[[]], [[0]], [[2, 3]], [[2 ** 40, 2 ** 40, 0]], [[2 ** 52]]])("accepts %j", (shape) => {
    expect(() => checkShape(shape, "w")).not.toThrow();
  });

  it.each([[[-1]], [[1.5]], [[Number.NaN]], [[2, Number.POSITIVE_INFINITY]], [[2 ** 53]]])("refuses %j", (shape) => {
    const message = `w: expected a shape of non-negative whole numbers, got [${shape.join(", ")}]`;
    expect(() => checkShape(shape, "w")).toThrow(expect.objectContaining({ name: "InputError", message }));
  });

  it("refuses more elements than can be counted", () => {
    const message = "w: expected a shape of non-negative whole numbers, fewer than 2^53 elements in all, got ";
    expect(() => checkShape([2 ** 30, 2 ** 30], "w")).toThrow(message);
  });
});
