import { describe, expect, it } from "vitest";
import { dot, norm, normal, rngKey } from "../../tensor/index.ts";
import { gradientFlow } from "./gradient-flow.ts";
import { type Method, minimize, polish } from "./minimize.ts";
import type { LocalCurvature, Objective } from "./objective.ts";
import { modelStep } from "./trust-region.ts";
import { plus, times } from "./vectors.ts";

/** The objective of a function of two variables, from its value and derivatives. */
function objectiveOf(
  f: (x: number, y: number) => readonly [number, number, number, number, number, number],
): Objective {
  const at = ([x, y]: Float64Array): LocalCurvature => {
    const [loss, gx, gy, hxx, hxy, hyy] = f(x as number, y as number);
    return { loss, gradient: Float64Array.of(gx, gy), hessian: Float64Array.of(hxx, hxy, hxy, hyy) };
  };
  const all = async (points: readonly Float64Array[]) => points.map(at);
  return { size: 2, slopes: all, curvatures: all, gaussNewton: all };
}

/** (1 - x)^2 + 100 (y - x^2)^2, with its one minimum at (1, 1). */
const rosenbrock = objectiveOf((x, y) => {
  const [a, b] = [1 - x, y - x * x];
  return [a * a + 100 * b * b, -2 * a - 400 * x * b, 200 * b, 2 - 400 * b + 800 * x * x, -400 * x, 200];
});

/** x^4 / 4 - x^2 / 2 + y^2 / 2: minima at (-1, 0) and (1, 0) with value -1/4, a saddle at the origin. */
const doubleWell = objectiveOf((x, y) => [x ** 4 / 4 - x ** 2 / 2 + y ** 2 / 2, x ** 3 - x, y, 3 * x ** 2 - 1, 0, 1]);

const methods: readonly Method[] = ["newton", "saddle-free", "bfgs", "gradient-flow"];

describe.each(methods)("minimize by %s", (method) => {
  it("finds the minimum at the end of a curved valley", async () => {
    const [found] = await minimize(rosenbrock, [Float64Array.of(-1.2, 1)], { method });
    expect(found?.stopped).toBe("converged");
    expect(found?.gradientNorm).toBeLessThanOrEqual(1e-14);
    expect(norm(plus(found?.point ?? new Float64Array(2), Float64Array.of(1, 1), -1))).toBeLessThan(1e-13);
    expect(found?.index).toMatchObject({ negative: 0, zero: 0, positive: 2 });
    // Of [[802, -400], [-400, 200]].
    expect(found?.eigenvalues[0]).toBeCloseTo(501 - Math.sqrt(501 ** 2 - 400), 10);
  });

  it("leaves a saddle in the direction in which it was pushed", async () => {
    const found = await minimize(doubleWell, [Float64Array.of(1e-3, 1), Float64Array.of(-1e-3, 1)], { method });
    expect(found.map(({ point }) => Math.round(point[0] as number))).toEqual([1, -1]);
    for (const { loss, stopped } of found) {
      expect(loss).toBeCloseTo(-0.25, 14);
      expect(stopped).toBe("converged");
    }
  });

  it("gives each member what it gives it alone", async () => {
    const starts = [Float64Array.of(-1.2, 1), Float64Array.of(3, -2), Float64Array.of(1, 1), Float64Array.of(0, 5)];
    const together = await minimize(rosenbrock, starts, { method });
    const alone = await Promise.all(starts.map((start) => minimize(rosenbrock, [start], { method })));
    expect(together).toEqual(alone.flat());
  });

  it("says that it ran out of iterations, and where it got to", async () => {
    const [found] = await minimize(rosenbrock, [Float64Array.of(-1.2, 1)], { method, iterations: 3 });
    expect(found).toMatchObject({ stopped: "iterations", iterations: 3 });
    expect(found?.gradientNorm).toBeGreaterThan(1e-3);
    expect(found?.loss).toBeLessThan(24.2);
  });

  it("never goes up", async () => {
    const narrow = objectiveOf((x, y) => [
      Math.sqrt(1 + 1e4 * x * x) + y * y,
      (1e4 * x) / Math.sqrt(1 + 1e4 * x * x),
      2 * y,
      1e4 / (1 + 1e4 * x * x) ** 1.5,
      0,
      2,
    ]);
    // The flow takes steps of its own accuracy.
    const stride = method === "gradient-flow" ? 16 : 1;
    const runs = Array.from({ length: 25 }, (_, i) =>
      minimize(narrow, [Float64Array.of(0.3, 1)], { method, iterations: stride * i }),
    );
    const losses = (await Promise.all(runs)).map(([found]) => found?.loss as number);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    expect(losses.at(-1)).toBeCloseTo(1, 6);
  });

  it("says that a function without a minimum has none", async () => {
    const falling = objectiveOf((x, y) => [-x + y * y, -1, 2 * y, 0, 0, 2]);
    const [found] = await minimize(falling, [Float64Array.of(0, 1)], { method });
    expect(found?.stopped).not.toBe("converged");
  });
});

describe("minimize", () => {
  it("takes a point that is critical already for what it is", async () => {
    const [saddle] = await minimize(doubleWell, [Float64Array.of(0, 0)]);
    expect(saddle).toMatchObject({ stopped: "converged", iterations: 0, index: { negative: 1, zero: 0, positive: 1 } });
  });

  it("counts eigenvalues as zero up to the tolerance it is given", async () => {
    const flat = objectiveOf((x, y) => [x * x + 1e-9 * y * y, 2 * x, 2e-9 * y, 2, 0, 2e-9]);
    const start = [Float64Array.of(1, 1)];
    const [strict] = await minimize(flat, start);
    const [loose] = await minimize(flat, start, { zeroTolerance: 1e-8 });
    expect(strict?.index).toMatchObject({ zero: 0, positive: 2 });
    expect(loose?.index).toEqual({ negative: 0, zero: 1, positive: 1, tolerance: 1e-8 });
  });

  it("refuses unknown methods, starts of another length, and Gauss-Newton steps without a matrix for them", async () => {
    await expect(minimize(rosenbrock, [], { method: "adam" as Method })).rejects.toThrow(
      /^minimize: expected a method among newton/,
    );
    await expect(minimize(rosenbrock, [new Float64Array(3)])).rejects.toThrow(
      /^minimize: expected starts of 2 parameters, got one of 3/,
    );
    const { gaussNewton: _, ...without } = rosenbrock;
    await expect(minimize(without, [], { method: "levenberg-marquardt" })).rejects.toThrow(/Gauss-Newton/);
  });
});

describe("polish", () => {
  it("goes to the saddle close by", async () => {
    const [found] = await polish(doubleWell, [Float64Array.of(0.02, 0.01)]);
    expect(found).toMatchObject({ stopped: "converged", index: { negative: 1, zero: 0, positive: 1 } });
    expect(norm(found?.point ?? new Float64Array(2))).toBeLessThan(1e-14);
  });
});

describe("modelStep", () => {
  const key = rngKey(3);
  const [a, b] = [normal(key, [5, 5], { dtype: "float64" }).data, normal(rngKey(4), [5], { dtype: "float64" }).data];
  const indefinite = Float64Array.from(a, (value, at) => value + (a[(at % 5) * 5 + Math.floor(at / 5)] as number));
  const modelAt = (at: LocalCurvature, s: Float64Array) => dot(at.gradient, s) + dot(s, times(at.hessian, s)) / 2;

  it.each([
    ["an indefinite Hessian", { loss: 0, gradient: b, hessian: indefinite }],
    [
      "a gradient without a part along the lowest direction",
      { loss: 0, gradient: Float64Array.of(0, 1), hessian: Float64Array.of(-2, 0, 0, 3) },
    ],
    ["no gradient at all", { loss: 0, gradient: Float64Array.of(0, 0), hessian: Float64Array.of(1, 0, 0, -1) }],
    ["a singular Hessian", { loss: 0, gradient: Float64Array.of(1, 1), hessian: Float64Array.of(0, 0, 0, 1) }],
  ])("is no worse than any point of the ball: %s", (_, at) => {
    const n = at.gradient.length;
    for (const radius of [0.1, 1, 10]) {
      const { step, predicted } = modelStep(at, radius);
      expect(norm(step)).toBeCloseTo(radius, 8);
      expect(-modelAt(at, step)).toBeCloseTo(predicted, 8);
      for (let trial = 0; trial < 500; trial++) {
        const drawn = normal(rngKey(trial), [n], { dtype: "float64" }).data;
        const other = drawn.map((x) => (x * radius) / norm(drawn));
        expect(modelAt(at, other)).toBeGreaterThan(-predicted - 1e-8);
      }
    }
  });
});

describe("the saddle-free step", () => {
  it("goes against the gradient by the size of each eigenvalue", () => {
    const at = { loss: 0, gradient: Float64Array.of(0.1, 0.1), hessian: Float64Array.of(-2, 0, 0, 1) };
    const { step } = modelStep(at, 10, true);
    expect(step[0]).toBeCloseTo(-0.05, 15);
    expect(step[1]).toBeCloseTo(-0.1, 15);
  });

  it("is what its method takes, and not what Newton's does", async () => {
    const start = Float64Array.of(0.4, 0.02);
    const at = (await doubleWell.curvatures([start]))[0] as LocalCurvature;
    for (const [method, isSaddleFree] of [
      ["newton", false],
      ["saddle-free", true],
    ] as const) {
      const [found] = await minimize(doubleWell, [start], { method, iterations: 1 });
      const { step } = modelStep(at, 0.1 * (1 + norm(start)), isSaddleFree);
      expect(found?.point).toEqual(plus(start, step));
    }
    expect(modelStep(at, 0.1, true).step).not.toEqual(modelStep(at, 0.1, false).step);
  });
});

describe("gradientFlow", () => {
  it("decays as the exponential does, however stiff", async () => {
    const stiff = objectiveOf((x, y) => [(x * x) / 2 + 5e5 * y * y, x, 1e6 * y, 1, 0, 1e6]);
    const [flow] = await gradientFlow(stiff, [Float64Array.of(1, 1)], { times: [1, 2] });
    expect(flow?.stopped).toBe("finished");
    expect(flow?.samples.map(({ time }) => time)).toEqual([1, 2]);
    for (const { time, point } of flow?.samples ?? []) {
      expect(Math.abs((point[0] as number) - Math.exp(-time))).toBeLessThan(1e-7);
      expect(Math.abs(point[1] as number)).toBeLessThan(1e-9);
    }
    // An explicit method would need a million.
    expect(flow?.steps).toBeLessThan(1000);
  });

  it("has order four", async () => {
    const errors = await Promise.all(
      [1e-4, 1e-8].map(async (tolerance) => {
        const options = { times: [1], relativeTolerance: tolerance, absoluteTolerance: tolerance };
        const [flow] = await gradientFlow(doubleWell, [Float64Array.of(0.1, 1)], options);
        // x' = x - x^3 is solved by x^2 = 1 / (1 + (1 / x0^2 - 1) exp(-2 t)).
        const exact = 1 / Math.sqrt(1 + 99 * Math.exp(-2));
        return { error: Math.abs((flow?.samples[0]?.point[0] as number) - exact), steps: flow?.steps as number };
      }),
    );
    const [coarse, fine] = errors as [(typeof errors)[0], (typeof errors)[0]];
    const order = Math.log(coarse.error / fine.error) / Math.log(fine.steps / coarse.steps);
    expect(fine.error).toBeLessThan(1e-7);
    expect(order).toBeGreaterThan(3.5);
  });

  it("says that it ran out of steps", async () => {
    const [flow] = await gradientFlow(rosenbrock, [Float64Array.of(-1.2, 1)], { times: [1e-9, 100], steps: 5 });
    expect(flow?.stopped).toBe("steps");
    expect(flow?.samples).toHaveLength(1);
  });

  it("refuses times that do not ascend", async () => {
    await expect(gradientFlow(rosenbrock, [], { times: [2, 1] })).rejects.toThrow(
      /^gradient flow: expected ascending positive times, got 2, 1/,
    );
  });
});
