import { describe, expect, it } from "vitest";
import { norm } from "../../tensor/index.ts";
import { type Chart, heldPairChart, heldPairCoordinates, inChart, subspaceChart } from "./chart.ts";
import type { LocalCurvature, Objective } from "./objective.ts";

const n = 7;

/** sum_i sin(w_i . x) with w_ij = sin(i + 2 j): smooth, with every derivative by hand. */
function at(x: Float64Array): LocalCurvature {
  const weight = (i: number, j: number) => Math.sin(i + 2 * j);
  const gradient = new Float64Array(n);
  const hessian = new Float64Array(n * n);
  let loss = 0;
  for (let i = 0; i < 9; i++) {
    const z = x.reduce((sum, value, j) => sum + value * weight(i, j), 0);
    loss += Math.sin(z);
    for (let j = 0; j < n; j++) {
      gradient[j] = (gradient[j] as number) + Math.cos(z) * weight(i, j);
      for (let k = 0; k < n; k++)
        hessian[j * n + k] = (hessian[j * n + k] as number) - Math.sin(z) * weight(i, j) * weight(i, k);
    }
  }
  return { loss, gradient, hessian };
}

const all = async (points: readonly Float64Array[]) => points.map(at);
const objective: Objective = { size: n, slopes: all, curvatures: all, gaussNewton: all };

const direction = Float64Array.of(-0.6, 0, 0.8);
const pair = { size: n, i: [0, 2, 5], j: [1, 3, 6], distance: 0.7, direction };
const unit = (k: number) => Float64Array.from({ length: n }, (_, i) => (i === k ? 1 : 0));
const charts: readonly (readonly [string, Chart])[] = [
  [
    "a subspace",
    subspaceChart(
      Float64Array.from({ length: n }, (_, i) => i / 3),
      [unit(1), unit(4), Float64Array.from({ length: n }, (_, i) => Math.cos(i))],
    ),
  ],
  ["a pair held at a distance", heldPairChart([pair, pair])],
];

describe.each(charts)("the chart of %s", (_, chart) => {
  it("pulls back gradients and Hessians as differences do", async () => {
    const inside = inChart(objective, chart);
    const y = Float64Array.from({ length: chart.size }, (_, a) => 0.3 * Math.sin(a + 1));
    const [here] = await inside.curvatures([y], [1]);
    const [slope] = await inside.slopes([y], [1]);
    expect(slope?.gradient).toEqual(here?.gradient);
    const h = 1e-5;
    for (let a = 0; a < chart.size; a++) {
      const moved = [h, -h].map((step) => y.map((x, i) => (i === a ? x + step : x)));
      const [after, before] = await inside.slopes(moved, [1, 1]);
      expect(here?.gradient[a]).toBeCloseTo(((after?.loss as number) - (before?.loss as number)) / (2 * h), 8);
      for (let b = 0; b < chart.size; b++) {
        const difference = ((after?.gradient[b] as number) - (before?.gradient[b] as number)) / (2 * h);
        expect(here?.hessian[a * chart.size + b]).toBeCloseTo(difference, 7);
      }
    }
  });

  it("leaves the bend out of the Gauss-Newton matrix", async () => {
    const y = new Float64Array(chart.size).fill(0.2);
    const [whole] = await inChart(objective, chart).curvatures([y]);
    const [part] = (await inChart(objective, chart).gaussNewton?.([y])) ?? [];
    const bend = chart.bend(y, at(chart.toPoint(y, 0)).gradient, 0);
    const expected = whole?.hessian.map((value, i) => value - (bend?.[i] ?? 0));
    for (const [i, value] of expected?.entries() ?? []) expect(part?.hessian[i]).toBeCloseTo(value, 12);
  });
});

describe("heldPairChart", () => {
  it("keeps the distance and finds its coordinates again", () => {
    const chart = heldPairChart([pair]);
    const x = Float64Array.from({ length: n }, (_, i) => Math.sin(i));
    for (const [c, e] of direction.entries())
      x[pair.i[c] as number] = (x[pair.j[c] as number] as number) + pair.distance * e;
    const y = heldPairCoordinates(pair, x);
    for (const [i, value] of chart.toPoint(y, 0).entries()) expect(value).toBeCloseTo(x[i] as number, 14);
    const elsewhere = chart.toPoint(
      y.map((value, a) => value + (a < 2 ? 1.5 : 0)),
      0,
    );
    const apart = Float64Array.from(
      pair.i,
      (place, c) => (elsewhere[place] as number) - (elsewhere[pair.j[c] as number] as number),
    );
    expect(norm(apart)).toBeCloseTo(pair.distance, 14);
  });
});
