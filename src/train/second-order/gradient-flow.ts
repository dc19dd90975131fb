import { check } from "../../errors.ts";
import { norm } from "../../tensor/index.ts";
import { channelWatch } from "./channel-watch.ts";
import { cholesky, choleskySolve } from "./cholesky.ts";
import { type Arrival, defaults, type SearchOptions } from "./critical-point.ts";
import type { LocalCurvature, Objective } from "./objective.ts";
import { runTogether, type Search } from "./search.ts";
import { plus } from "./vectors.ts";

interface FlowTolerances {
  /** Defaults to 1e-7. */
  readonly relativeTolerance?: number;
  /** Defaults to 1e-9. */
  readonly absoluteTolerance?: number;
}

export interface FlowOptions extends FlowTolerances {
  /** Ascending times at which the flow is recorded; it starts at 0 and ends at the last. */
  readonly times: readonly number[];
  /** Most steps, rejected ones included; defaults to 10000. */
  readonly steps?: number;
  readonly signal?: AbortSignal;
}

export interface FlowSample {
  readonly time: number;
  readonly point: Float64Array;
  readonly loss: number;
}

/** One trajectory. */
export interface Flow {
  /** One per time that was reached. */
  readonly samples: readonly FlowSample[];
  readonly steps: number;
  readonly stopped: "finished" | "steps" | "diverged";
}

/**
 * The gradient flow dx/dt = -grad f from many starts at once, by the stiffly accurate Rosenbrock method RODAS of order 4
 * with its embedded error estimate (Hairer and Wanner, Solving Ordinary Differential Equations II).
 */
export async function gradientFlow(
  objective: Objective,
  starts: readonly Float64Array[],
  options: FlowOptions,
): Promise<readonly Flow[]> {
  const { times } = options;
  check(times.length > 0 && times.every((time, i) => time > (times[i - 1] ?? 0)), () => ({
    code: "bad-option",
    where: "gradient flow",
    message: `expected ascending positive times, got ${times.join(", ") || "none"}`,
  }));
  return runTogether(
    objective,
    starts.map((start) => flowSearch(start, options)),
    options.signal,
  );
}

const gamma = 0.25;

/** Where stage i is evaluated: x + sum_j a_ij U_j. */
const a: readonly (readonly number[])[] = [
  [],
  [1.544],
  [0.9466785280815826, 0.2557011698983284],
  [3.314825187068521, 2.896124015972201, 0.9986419139977817],
  [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895],
  [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895, 1],
];

/** What earlier stages add to the right-hand side: sum_j c_ij U_j / h. */
const c: readonly (readonly number[])[] = [
  [],
  [-5.6688],
  [-2.430093356833875, -0.2063599157091915],
  [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
  [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616],
  [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
];

function* flowSearch(start: Float64Array, options: FlowOptions): Search<Flow> {
  const { times, steps: most = 10_000 } = options;
  const samples: FlowSample[] = [];
  let state = yield* begun(start, times[0] as number);
  for (let steps = 0; ; steps++) {
    if (samples.length === times.length) return { samples, steps, stopped: "finished" };
    if (!Number.isFinite(state.at.loss)) return { samples, steps, stopped: "diverged" };
    if (steps === most) return { samples, steps, stopped: "steps" };
    const time = times[samples.length] as number;
    state = yield* advanced(state, time, options);
    if (state.time === time) samples.push({ time, point: state.point, loss: state.at.loss });
  }
}

/** The gradient flow until the gradient is small, whatever time that takes. */
export function* flowDown(start: Float64Array, options: SearchOptions): Search<Arrival> {
  const { gradientTolerance, iterations } = { ...defaults, ...options };
  const isInChannel = channelWatch(start);
  let state = yield* begun(start, Number.POSITIVE_INFINITY);
  for (let done = 0; ; done++) {
    const { point, at } = state;
    const arrive = (stopped: Arrival["stopped"]): Arrival => ({ point, iterations: done, stopped });
    if (!Number.isFinite(at.loss)) return arrive("diverged");
    if (norm(at.gradient) <= gradientTolerance) return arrive("converged");
    if (isInChannel(point, at.loss)) return arrive("channel");
    if (done === iterations) return arrive("iterations");
    state = yield* advanced(state, Number.POSITIVE_INFINITY, {});
  }
}

/** Where a trajectory is, and the length of the step to try next. */
interface FlowState {
  readonly point: Float64Array;
  readonly at: LocalCurvature;
  readonly time: number;
  readonly h: number;
}

function* begun(start: Float64Array, end: number): Search<FlowState> {
  const at = yield { kind: "curvature", point: start };
  return { point: start, at, time: 0, h: firstStep(at, end) };
}

/** The state after a step to `end` at most; with a shorter one to try next where that was in vain. */
function* advanced(state: FlowState, end: number, tolerances: FlowTolerances): Search<FlowState> {
  const { point, at, time } = state;
  const isLast = state.h >= end - time;
  const length = isLast ? end - time : state.h;
  const trial = yield* rodasStep(point, at, length);
  // An indefinite matrix means a step longer than the time in which the flow leaves a saddle.
  const error = trial ? errorOf(trial, point, tolerances) : Number.POSITIVE_INFINITY;
  const h = length * (error > 0 ? Math.min(6, Math.max(0.2, 0.9 * error ** -0.25)) : 6);
  if (!trial || !(error <= 1)) return { ...state, h };
  return {
    point: trial.point,
    at: yield { kind: "curvature", point: trial.point },
    time: isLast ? end : time + length,
    h,
  };
}

function firstStep({ gradient, hessian }: LocalCurvature, most: number): number {
  const n = gradient.length;
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(hessian[i * n + i] as number));
  return Math.min(most, 0.01 / Math.max(largest, Number.MIN_VALUE));
}

interface FlowStep {
  readonly point: Float64Array;
  readonly error: Float64Array;
}

/** (H + 1 / (h gamma)) U_i = -grad f(x + sum_j a_ij U_j) + sum_j c_ij U_j / h; null where the matrix is indefinite. */
function* rodasStep(point: Float64Array, at: LocalCurvature, h: number): Search<FlowStep | null> {
  const factor = cholesky(at.hessian, point.length, 1 / (h * gamma));
  if (!factor) return null;
  const stages: Float64Array[] = [];
  let stagePoint = point;
  for (const [i, weights] of a.entries()) {
    stagePoint = weights.reduce((sum: Float64Array, weight, j) => plus(sum, stages[j] as Float64Array, weight), point);
    const { gradient } = i === 0 ? at : yield { kind: "slope", point: stagePoint };
    const pull = (c[i] as readonly number[]).reduce(
      (sum: Float64Array, weight, j) => plus(sum, stages[j] as Float64Array, weight / h),
      gradient.map((g) => -g),
    );
    stages.push(choleskySolve(factor, pull));
  }
  const error = stages.at(-1) as Float64Array;
  return { point: plus(stagePoint, error), error };
}

/** The largest error in units of what is tolerated; infinite where the step has left all numbers. */
function errorOf(
  { point, error }: FlowStep,
  before: Float64Array,
  { relativeTolerance = 1e-7, absoluteTolerance = 1e-9 }: FlowTolerances,
): number {
  let largest = 0;
  for (const [i, e] of error.entries()) {
    const size = Math.max(Math.abs(point[i] as number), Math.abs(before[i] as number));
    const share = Math.abs(e) / (absoluteTolerance + relativeTolerance * size);
    if (Number.isNaN(share)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, share);
  }
  return largest;
}
