import { describe, expect, test } from "vitest";
import { toNumbers } from "../tensor/index.ts";
import { type ToyActivation, teacherStudent, toyGrid, toyTeacher } from "./toy.ts";

/** The published values are given to 13 digits. */
const publishedDigits = 13;

function moments(values: Float64Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}

describe("toyGrid", () => {
  test("is {-5, -4.75, .., 5} squared", () => {
    const { data, shape } = toyGrid();
    expect(shape).toEqual([1681, 2]);
    expect([...data.slice(0, 4)]).toEqual([-5, -5, -5, -4.75]);
    expect([...data.slice(-4)]).toEqual([5, 4.75, 5, 5]);
    expect(new Set(Array.from({ length: 1681 }, (_, i) => `${data[2 * i]},${data[2 * i + 1]}`)).size).toBe(1681);
  });
});

describe("teacherStudent", () => {
  test("has the published mean and variance for sigmoid", () => {
    const { train, ...dataset } = teacherStudent();
    const { mean, variance } = moments(toNumbers(train.targets));
    expect(dataset).toMatchObject({ task: "regression", classes: 0, sampleShape: [2] });
    expect(train.inputs.dtype).toBe("float64");
    expect(train.targets).toMatchObject({ dtype: "float64", shape: [1681, 1] });
    expect(mean).toBeCloseTo(2, publishedDigits);
    expect(variance).toBeCloseTo(0.05037162354142, publishedDigits);
  });

  test.each<[ToyActivation, (x: number) => number]>([
    ["exp", (x) => Math.E ** x],
    ["tanh", (x) => (Math.exp(2 * x) - 1) / (Math.exp(2 * x) + 1)],
    ["softplus", (x) => Math.log(1 + Math.exp(x))],
    ["g", (x) => 1 / (1 + Math.exp(-4 * x)) + Math.log(1 + Math.exp(x))],
  ])("computes the teacher with %s", (activation, f) => {
    const { inputs, targets } = teacherStudent({ activation }).train;
    for (const i of [0, 5, 840, 1680]) {
      const [x, y] = [Number(inputs.data[2 * i]), Number(inputs.data[2 * i + 1])];
      const expected = toyTeacher.incoming.reduce((sum, [u, v]) => sum + f(u * x + v * y), 0);
      expect(targets.data[i]).toBeCloseTo(expected, 10);
    }
  });

  test("weighs the neurons of another teacher, and survives large weights", () => {
    const teacher = { incoming: [[1000, 0]], outgoing: [-2] } as const;
    const { targets } = teacherStudent({ activation: "softplus", teacher }).train;
    expect(targets.data[0]).toBeCloseTo(0, 12);
    expect(targets.data[1680]).toBe(-10000);
  });

  test.each([
    ["no neurons", { incoming: [], outgoing: [] }],
    ["unequal lists", { incoming: [[1, 2]], outgoing: [1, 2] }],
    ["an infinite weight", { incoming: [[1, Number.POSITIVE_INFINITY]], outgoing: [1] }],
  ] as const)("refuses a teacher with %s", (_, teacher) => {
    expect(() => teacherStudent({ teacher })).toThrow(/^toy: expected two finite incoming weights/);
  });

  test("refuses an unknown activation", () => {
    expect(() => teacherStudent({ activation: "relu" as ToyActivation })).toThrow(
      'toy: expected an activation among sigmoid, exp, tanh, softplus, g, got "relu"',
    );
  });
});
