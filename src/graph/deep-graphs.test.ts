import { describe, expect, it } from "vitest";
import {
  concat,
  ensemble,
  expandDefinitions,
  grad,
  input,
  inputsOf,
  simplify,
  substitute,
  topologicalOrder,
  type Value,
} from "./index.ts";

/** Deeper than any call stack, and long enough that quadratic work would not end within a test's time. */
const depth = 100_000;

const x = input("x", "float32", [2]);
const y = input("y", "float32", [2]);

function chain(length: number, step: (value: Value) => Value): Value {
  let value: Value = x;
  for (let i = 0; i < length; i++) value = step(value);
  return value;
}

describe("a chain of 100 000 values", () => {
  const end = chain(depth, (value) => value.tanh());

  it("is put in order", () => {
    expect(topologicalOrder([end])).toHaveLength(depth + 1);
    expect(topologicalOrder([end])[0]).toBe(x);
    expect(inputsOf([end])).toEqual([x]);
  });

  it("is rewritten", () => {
    expect(topologicalOrder(expandDefinitions([end]))).toHaveLength(depth + 1);
    expect(inputsOf(substitute([end], new Map([[x, y]])))).toEqual([y]);
  });

  it("is simplified", () => {
    expect(topologicalOrder(simplify([end, chain(depth, (value) => value.tanh())]))).toHaveLength(depth + 1);
    expect(simplify([chain(depth, (value) => value.neg())])).toEqual([x]);
  });

  it("is differentiated", () => {
    const [g] = grad(end.sum(), [x]) as [Value];
    expect(topologicalOrder([g]).length).toBeGreaterThan(2 * depth);
  });

  it("becomes an ensemble", () => {
    const many = input("many", "float32", [3, 2]);
    const [result] = ensemble([end], new Map([[x, many]])) as [Value];
    expect(topologicalOrder([result])).toHaveLength(depth + 1);
    expect(inputsOf([result])).toEqual([many]);
  });
});

describe("a chain of 10 000 operators that are defined by others", () => {
  const end = chain(10_000, (value) => value.gelu());

  it("is expanded", () => {
    const expanded = topologicalOrder(expandDefinitions([end]));
    expect(expanded.some(({ op }) => op === "Gelu")).toBe(false);
    expect(expanded.filter(({ op }) => op === "Erf")).toHaveLength(10_000);
  });

  it("is differentiated", () => {
    expect(topologicalOrder(grad(end.sum(), [x])).length).toBeGreaterThan(100_000);
  });

  it("becomes an ensemble", () => {
    const [result] = ensemble([end], new Map([[x, input("many", "float32", [3, 2])]])) as [Value];
    expect(topologicalOrder([result]).filter(({ op }) => op === "Erf")).toHaveLength(10_000);
  });

  it("is left alone where it is the same for all members", () => {
    const [result] = ensemble([end.add(y)], new Map([[y, input("many", "float32", [3, 2])]])) as [Value];
    expect(topologicalOrder([result]).filter(({ op }) => op === "Gelu")).toHaveLength(10_000);
  });
});

describe("a value that is used 50 000 times", () => {
  it("is differentiated", () => {
    const uses = Array.from({ length: 50_000 }, () => x.mul(y));
    const total = uses.reduce((sum, use) => sum.add(use));
    expect(topologicalOrder(grad(total.sum(), [x, y])).length).toBeGreaterThan(100_000);
    expect(topologicalOrder(simplify([concat(uses, 0)]))).toHaveLength(4);
  });

  it("doubles at every step without being visited twice", () => {
    const doubled = chain(1000, (value) => value.add(value));
    expect(topologicalOrder([doubled])).toHaveLength(1001);
    expect(topologicalOrder(grad(doubled.sum(), [x])).length).toBeLessThan(3000);
  });
});
