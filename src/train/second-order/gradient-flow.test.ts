import { expect, it } from "vitest";
import { gradientFlow } from "./gradient-flow.ts";
import type { Objective } from "./objective.ts";

const e = 0.01;

/** x - 2 e sqrt(x), with its minimum at e^2 and nothing left of 0. */
const edged: Objective = (() => {
  const all = async (points: readonly Float64Array[]) =>
    points.map(([x = 0]) => ({
      loss: x - 2 * e * Math.sqrt(x),
      gradient: Float64Array.of(1 - e / Math.sqrt(x)),
      hessian: Float64Array.of((e * x ** -1.5) / 2),
    }));
  return { size: 1, slopes: all, curvatures: all };
})();

it("takes shorter steps where one has led out of the numbers", async () => {
  const loose = { relativeTolerance: 1, absoluteTolerance: 1 };
  const [flow] = await gradientFlow(edged, [Float64Array.of(1)], { times: [10], ...loose });
  expect(flow?.stopped).toBe("finished");
  expect(flow?.samples[0]?.point[0]).toBeCloseTo(e * e, 8);
});
