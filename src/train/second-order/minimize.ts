import { check } from "../../errors.ts";
import { bfgsSearch } from "./bfgs.ts";
import {
  type Arrival,
  type CriticalPoint,
  defaults,
  hasSettled,
  polishSearch,
  type SearchOptions,
} from "./critical-point.ts";
import { flowDown } from "./gradient-flow.ts";
import { levenbergMarquardtSearch } from "./levenberg-marquardt.ts";
import type { Objective } from "./objective.ts";
import { runTogether, type Search } from "./search.ts";
import { trustRegionSearch } from "./trust-region.ts";

const methods = {
  newton: (start, options) => trustRegionSearch(start, { ...options, saddleFree: false }),
  "saddle-free": (start, options) => trustRegionSearch(start, { ...options, saddleFree: true }),
  bfgs: (start, options) => finishedByNewton(bfgsSearch, start, options),
  "levenberg-marquardt": (start, options) => finishedByNewton(levenbergMarquardtSearch, start, options),
  "gradient-flow": (start, options) => finishedByNewton(flowDown, start, options),
} satisfies Readonly<Record<string, (start: Float64Array, options: SearchOptions) => Search<Arrival>>>;

/** The name of a minimiser. */
export type Method = keyof typeof methods;

export interface MinimizeOptions extends SearchOptions {
  /** Defaults to "newton". */
  readonly method?: Method;
  readonly signal?: AbortSignal;
}

/**
 * Minimises from many starts at once, each member until it is done. The methods of first order, of Gauss and Newton,
 * and the gradient flow are followed by Newton's as soon as they are close or get stuck.
 */
export async function minimize(
  objective: Objective,
  starts: readonly Float64Array[],
  options: MinimizeOptions = {},
): Promise<readonly CriticalPoint[]> {
  const { method = "newton", signal } = options;
  check(Object.hasOwn(methods, method), () => ({
    code: "bad-option",
    where: "minimize",
    message: `expected a method among ${Object.keys(methods).join(", ")}, got ${JSON.stringify(method)}`,
  }));
  check(method !== "levenberg-marquardt" || objective.gaussNewton, () => ({
    code: "bad-option",
    where: "minimize",
    message: "expected an objective with a Gauss-Newton matrix for levenberg-marquardt, got one without",
    remedy: "use newton",
  }));
  checkStarts(objective, starts);
  return runTogether(
    objective,
    starts.map((start) => completed(methods[method](start, options), options)),
    signal,
  );
}

/** The critical points close by, of whatever index, by Newton's method alone. */
export async function polish(
  objective: Objective,
  starts: readonly Float64Array[],
  options: SearchOptions & { readonly signal?: AbortSignal } = {},
): Promise<readonly CriticalPoint[]> {
  checkStarts(objective, starts);
  const searches = starts.map((point) => polishSearch({ point, iterations: 0, stopped: "stalled" }, options));
  return runTogether(objective, searches, options.signal);
}

function checkStarts({ size }: Objective, starts: readonly Float64Array[]): void {
  const wrong = starts.find(({ length }) => length !== size);
  check(!wrong, () => ({
    code: "bad-point",
    where: "minimize",
    message: `expected starts of ${size} parameters, got one of ${wrong?.length}`,
  }));
}

function* completed(search: Search<Arrival>, options: SearchOptions): Search<CriticalPoint> {
  return yield* polishSearch(yield* search, options);
}

/** From gradients of this size on Newton's method is faster. */
const handOver = 1e-8;

function* finishedByNewton(
  method: (start: Float64Array, options: SearchOptions) => Search<Arrival>,
  start: Float64Array,
  options: SearchOptions,
): Search<Arrival> {
  const { gradientTolerance, iterations } = { ...defaults, ...options };
  const near = yield* method(start, { ...options, gradientTolerance: Math.max(gradientTolerance, handOver) });
  if (!hasSettled(near)) return near;
  const left = iterations - near.iterations;
  const arrival = yield* trustRegionSearch(near.point, { ...options, iterations: left, saddleFree: false });
  return { ...arrival, iterations: near.iterations + arrival.iterations };
}
