import { dot, norm } from "../../tensor/index.ts";
import { channelWatch } from "./channel-watch.ts";
import { cholesky, choleskySolve } from "./cholesky.ts";
import { type Arrival, defaults, type SearchOptions } from "./critical-point.ts";
import type { Search } from "./search.ts";
import { gainRatio } from "./trust-region.ts";
import { plus } from "./vectors.ts";

/** Damped Gauss-Newton steps, with the damping of Nielsen 1999. */
export function* levenbergMarquardtSearch(start: Float64Array, options: SearchOptions): Search<Arrival> {
  const { gradientTolerance, iterations } = { ...defaults, ...options };
  const n = start.length;
  let point = start;
  let at = yield { kind: "gauss-newton", point };
  let damping = 1e-3 * largestDiagonal(at.hessian, n);
  let growth = 2;
  const isInChannel = channelWatch(start);
  for (let done = 0; ; done++) {
    const arrive = (stopped: Arrival["stopped"]): Arrival => ({ point, iterations: done, stopped });
    if (!Number.isFinite(at.loss)) return arrive("diverged");
    if (norm(at.gradient) <= gradientTolerance) return arrive("converged");
    if (isInChannel(point, at.loss)) return arrive("channel");
    if (done === iterations) return arrive("iterations");
    const factor = cholesky(at.hessian, n, damping);
    if (factor) {
      const step = choleskySolve(factor, at.gradient).map((x) => -x);
      const trial = plus(point, step);
      const there = yield { kind: "gauss-newton", point: trial };
      const ratio = gainRatio(at, there, (damping * dot(step, step) - dot(step, at.gradient)) / 2);
      if (ratio > 0) {
        [point, at] = [trial, there];
        damping *= Math.max(1 / 3, 1 - (2 * ratio - 1) ** 3);
        growth = 2;
        continue;
      }
      if (norm(step) < Number.EPSILON * norm(point)) return arrive("stalled");
    }
    damping *= growth;
    growth *= 2;
  }
}

function largestDiagonal(matrix: Float64Array, n: number): number {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, matrix[i * n + i] as number);
  return largest;
}
