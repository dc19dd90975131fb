import { describe, expect, it } from "vitest";
import { referenceEngine } from "../../engine/index.ts";
import { grad, input, type Value } from "../../graph/index.ts";
import { fold, normal, rngKey, type Tensor, tensor, toNumbers } from "../../tensor/index.ts";
import { sinkhorn, sinkhornGradient } from "./sinkhorn.ts";

const key = rngKey(12);

function drawn(name: string, size: number): Float64Array<ArrayBuffer> {
  return normal(fold(key, name), [size * size], { dtype: "float64" }).data;
}

function sums(plan: Float64Array, size: number): number[] {
  const indices = Array.from({ length: size }, (_, i) => i);
  const total = (entry: (k: number) => number) => indices.reduce((sum, k) => sum + (plan[entry(k)] as number), 0);
  return indices.flatMap((i) => [total((k) => i * size + k), total((k) => k * size + i)]);
}

const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, each, i) => sum + each * (y[i] as number), 0);

/** Relative to the largest entry of the gradient. */
const AGREEMENT = 1e-6;

function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance = AGREEMENT): void {
  const scale = Math.max(...Array.from(expected, Math.abs));
  const apart = Array.from(got, (x, i) => Math.abs(x - (expected[i] as number)));
  expect(scale).toBeGreaterThan(0);
  expect(Math.max(...apart)).toBeLessThan(tolerance * scale);
}

describe("a soft permutation", () => {
  const cases = [1, 2, 5, 40].flatMap((size) => [3, 1, 0.2].map((temperature) => [size, temperature] as const));

  it.each(cases)("of %d units at temperature %d is doubly stochastic", (size, temperature) => {
    const { plan, deviation } = sinkhorn(drawn("logits", size), size, { temperature });
    expect(deviation).toBeLessThanOrEqual(1e-9);
    for (const sum of sums(plan, size)) expect(Math.abs(sum - 1)).toBeLessThan(2e-9);
    expect(plan.every((entry) => entry >= 0)).toBe(true);
  });

  it("has the cross ratios of its logits, which with the sums fix it", () => {
    const [size, temperature] = [6, 0.7];
    const logits = drawn("logits", size);
    const { plan } = sinkhorn(logits, size, { temperature });
    const ratio = (of: (k: number) => number, i: number, j: number) => of(0) + of(i * size + j) - of(i * size) - of(j);
    for (let i = 1; i < size; i++) {
      for (let j = 1; j < size; j++) {
        const expected = ratio((k) => (logits[k] as number) / temperature, i, j);
        expect(ratio((k) => Math.log(plan[k] as number), i, j)).toBeCloseTo(expected, 10);
      }
    }
  });

  it("is the best assignment at low temperature, from logits whose exponentials overflow", () => {
    const size = 3;
    const logits = Float64Array.of(900, 1000, 0, 0, 990, 900, 800, 0, -1000);
    // Where entries vanish, rows and columns approach 1 as slowly as one over the number of iterations.
    const { plan, deviation } = sinkhorn(logits, size, { temperature: 1, tolerance: 1e-4 });
    expect(deviation).toBeLessThanOrEqual(1e-4);
    expect(Array.from(plan, Math.round)).toEqual([0, 1, 0, 0, 0, 1, 1, 0, 0]);
  });

  it("is found at once from the potentials of an earlier solve", () => {
    const [size, temperature] = [20, 0.3];
    const logits = drawn("logits", size);
    const { plan, columns } = sinkhorn(logits, size, { temperature });
    const again = sinkhorn(logits, size, { temperature, columns, iterations: 1 });
    expect(again.deviation).toBeLessThan(2e-9);
    expectClose(again.plan, plan);
    expect(sinkhorn(logits, size, { temperature, iterations: 1 }).deviation).toBeGreaterThan(1e-3);
  });
});

describe("the implicit gradient of a soft permutation", () => {
  it.each([1, 0.3])("is that of finite differences at temperature %d", (temperature) => {
    const size = 6;
    const [logits, gradient] = [drawn("logits", size), drawn("gradient", size)];
    const valueAt = (k: number, shift: number) => {
      const { plan } = sinkhorn(logits.with(k, (logits[k] as number) + shift), size, { temperature, tolerance: 1e-14 });
      return dot(gradient, plan);
    };
    // Fourth-order central differences.
    const h = 1e-3;
    const slopes = Array.from(logits, (_, k) => {
      const [near, far] = [h, 2 * h].map((shift) => valueAt(k, shift) - valueAt(k, -shift)) as [number, number];
      return (8 * near - far) / (12 * h);
    });
    const { plan } = sinkhorn(logits, size, { temperature, tolerance: 1e-14 });
    expectClose(sinkhornGradient(plan, gradient, { temperature }), slopes);
  });

  it("is that of the unrolled iterations", async () => {
    const [size, temperature] = [5, 0.5];
    const [logits, gradient] = [drawn("logits", size), drawn("gradient", size)];
    const x = input("x", "float64", [size, size]);
    let logPlan: Value = x.div(temperature);
    for (let step = 0; step < 60; step++) logPlan = logPlan.logSoftmax(0).logSoftmax(1);
    const total = logPlan
      .exp()
      .mul(input("g", "float64", [size, size]))
      .sum();
    await using engine = referenceEngine();
    await using program = await engine.compile({ slope: grad(total, [x])[0] as Value });
    const square = (data: Float64Array<ArrayBuffer>) => tensor("float64", [size, size], data);
    const { slope } = await program.run({ x: square(logits), g: square(gradient) });
    const { plan } = sinkhorn(logits, size, { temperature, tolerance: 1e-14 });
    expectClose(sinkhornGradient(plan, gradient, { temperature }), toNumbers(slope as Tensor));
  });

  it("does not see what shifts whole rows and columns", () => {
    const size = 30;
    const { plan } = sinkhorn(drawn("logits", size), size, { temperature: 0.1 });
    const gradient = drawn("gradient", size);
    const shifted = gradient.map((g, k) => g + Math.floor(k / size) - 3 * (k % size));
    const slope = sinkhornGradient(plan, gradient, { temperature: 0.1 });
    expectClose(sinkhornGradient(plan, shifted, { temperature: 0.1 }), slope);
    for (const sum of sums(slope, size)) expect(Math.abs(sum)).toBeLessThan(1e-9);
  });

  it("vanishes at a permutation", () => {
    const plan = Float64Array.of(0, 1, 0, 0, 0, 1, 1, 0, 0);
    expect(sinkhornGradient(plan, drawn("gradient", 3), { temperature: 1 }).every((x) => Math.abs(x) < 1e-15)).toBe(
      true,
    );
  });
});
