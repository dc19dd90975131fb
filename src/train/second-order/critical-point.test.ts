import { describe, expect, it } from "vitest";
import { minimize, polish } from "./minimize.ts";
import type { LocalCurvature, Objective } from "./objective.ts";

/** exp(1000 x) + y^2: finite for x up to 0.7. */
const steep: Objective = (() => {
  const at = ([x = 0, y = 0]: Float64Array): LocalCurvature => {
    const e = Math.exp(1000 * x);
    return { loss: e + y * y, gradient: Float64Array.of(1e3 * e, 2 * y), hessian: Float64Array.of(1e6 * e, 0, 0, 2) };
  };
  const all = async (points: readonly Float64Array[]) => points.map(at);
  return { size: 2, slopes: all, curvatures: all, gaussNewton: all };
})();

const unknown = { stopped: "diverged", newtonResidual: Number.POSITIVE_INFINITY, index: { negative: 0, zero: 0 } };

describe("a start at which the loss is not finite", () => {
  it.each(["newton", "saddle-free", "bfgs", "levenberg-marquardt"] as const)(
    "is where %s ends, beside members that go on",
    async (method) => {
      const starts = [Float64Array.of(1, 1), Float64Array.of(Number.NaN, 1), Float64Array.of(-1, 1)];
      const [overflow, nan, fine] = await minimize(steep, starts, { method });
      for (const lost of [overflow, nan]) {
        expect(lost).toMatchObject(unknown);
        expect(lost?.eigenvalues).toHaveLength(0);
      }
      expect(fine).toMatchObject({ stopped: "converged", loss: 0 });
    },
  );

  it("is told apart from one where the gradient alone is finite", async () => {
    // 1e6 exp(700) overflows, 1e3 exp(700) does not.
    const [found] = await minimize(steep, [Float64Array.of(0.7, 1)]);
    expect(found).toMatchObject(unknown);
    expect((await polish(steep, [Float64Array.of(1, 1)]))[0]).toMatchObject(unknown);
  });
});
