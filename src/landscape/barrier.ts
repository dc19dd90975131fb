import { check } from "../errors.ts";
import { endsOf, overChord, type Profile } from "./sampling.ts";

/** What a barrier is measured from. */
export type BarrierDefinition = "absolute" | "mid" | "chord";

/** What is measured at every point: the loss, or the fraction of wrong answers. */
export type Measure = "loss" | "error";

/**
 * The barrier on a path with values L(t), by one of three definitions in use:
 *
 *     absolute  max L(t)                               (Pittorino 2022, arXiv 2202.03038)
 *     mid       max L(t) - (L(0) + L(1)) / 2           (Frankle 2020, arXiv 1912.05671)
 *     chord     max (L(t) - [(1 - t) L(0) + t L(1)])   (Entezari 2021, arXiv 2110.06296)
 *
 * The last is never negative. Where a value is NaN, so is the barrier.
 */
export function barrier({ points }: Profile, definition: BarrierDefinition, of: Measure = "loss"): number {
  const curve = points.map((point) => [point.t, measured(point, of)] as const);
  const heights = definition === "chord" ? overChord(curve) : curve.map(([, value]) => value);
  const highest = heights.reduce((most, height) => Math.max(most, height), Number.NEGATIVE_INFINITY);
  if (definition !== "mid") return highest;
  const [start, end] = endsOf(curve);
  return highest - (start / 2 + end / 2);
}

function measured({ loss, error }: Profile["points"][number], of: Measure): number {
  const value = of === "loss" ? loss : error;
  check(value !== null, () => ({
    code: "no-error",
    where: "barrier",
    message: "expected a classification, got a regression, which has no error",
    remedy: "take the barrier of the loss",
  }));
  return value;
}
