import { dot, norm } from "../../tensor/index.ts";
import { channelWatch } from "./channel-watch.ts";
import { type Arrival, defaults, type SearchOptions } from "./critical-point.ts";
import type { LocalCurvature } from "./objective.ts";
import type { Search } from "./search.ts";
import { plus, times } from "./vectors.ts";

/** Quasi-Newton descent with the dense inverse Hessian of Broyden, Fletcher, Goldfarb and Shanno. */
export function* bfgsSearch(start: Float64Array, options: SearchOptions): Search<Arrival> {
  const { gradientTolerance, iterations } = { ...defaults, ...options };
  const n = start.length;
  let point = start;
  let at = yield { kind: "slope", point };
  let inverse = scaledIdentity(n, 1 / Math.max(1, norm(at.gradient)));
  let isFresh = true;
  const isInChannel = channelWatch(start);
  for (let done = 0; ; done++) {
    const arrive = (stopped: Arrival["stopped"]): Arrival => ({ point, iterations: done, stopped });
    if (!Number.isFinite(at.loss)) return arrive("diverged");
    if (norm(at.gradient) <= gradientTolerance) return arrive("converged");
    if (isInChannel(point, at.loss)) return arrive("channel");
    if (done === iterations) return arrive("iterations");
    const direction = times(inverse, at.gradient).map((x) => -x);
    const found = yield* strongWolfe(point, direction, at);
    if (!found) {
      if (isFresh) return arrive("stalled");
      inverse = scaledIdentity(n, 1 / Math.max(1, norm(at.gradient)));
      isFresh = true;
      continue;
    }
    const s = direction.map((x) => found.length * x);
    const y = plus(found.at.gradient, at.gradient, -1);
    const curvature = dot(s, y);
    if (curvature > 0) {
      if (isFresh) inverse = scaledIdentity(n, curvature / dot(y, y));
      update(inverse, s, y);
      isFresh = false;
    }
    point = plus(point, s);
    at = found.at;
  }
}

function scaledIdentity(n: number, scale: number): Float64Array {
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) matrix[i * n + i] = scale;
  return matrix;
}

/** B <- (1 - s y' / sy) B (1 - y s' / sy) + s s' / sy, in place. */
function update(inverse: Float64Array, s: Float64Array, y: Float64Array): void {
  const n = s.length;
  const sy = dot(s, y);
  const by = times(inverse, y);
  const scale = (1 + dot(y, by) / sy) / sy;
  for (let i = 0; i < n; i++) {
    const si = s[i] as number;
    const bi = by[i] as number;
    for (let j = 0; j < n; j++) {
      const sj = s[j] as number;
      const change = scale * si * sj - (bi * sj + si * (by[j] as number)) / sy;
      inverse[i * n + j] = (inverse[i * n + j] as number) + change;
    }
  }
}

interface Found {
  readonly length: number;
  readonly at: LocalCurvature;
}

/** A place on the line: its length, and the loss and slope there. */
interface Place extends Found {
  readonly loss: number;
  readonly slope: number;
}

const sufficientDecrease = 1e-4;
const curvatureCondition = 0.9;
const mostTrials = 40;
/** Changes of the loss below so many of its last digits are rounding; there the slopes decide (Hager and Zhang 2005). */
const noiseDigits = 8;

/** A length that satisfies the strong Wolfe conditions: bracket, then zoom (Nocedal and Wright, algorithms 3.5 and 3.6). */
function* strongWolfe(point: Float64Array, direction: Float64Array, origin: LocalCurvature): Search<Found | null> {
  const start: Place = { length: 0, at: origin, loss: origin.loss, slope: dot(origin.gradient, direction) };
  if (!(start.slope < 0)) return null;
  const noise = noiseDigits * Number.EPSILON * Math.abs(start.loss);
  const falls = ({ length, loss, slope }: Place) =>
    loss <= start.loss + sufficientDecrease * length * start.slope ||
    (loss <= start.loss + noise && slope <= (2 * sufficientDecrease - 1) * start.slope);
  const isFlat = ({ slope }: Place) => Math.abs(slope) <= -curvatureCondition * start.slope;
  let low = start;
  let high: Place | null = null;
  let length = 1;
  for (let trial = 0; trial < mostTrials; trial++) {
    const at = yield { kind: "slope", point: plus(point, direction, length) };
    const place: Place = { length, at, loss: at.loss, slope: dot(at.gradient, direction) };
    const isHigher: boolean = !falls(place) || (place.loss >= low.loss + noise && low.length > 0);
    if (isHigher || !Number.isFinite(place.slope)) high = place;
    else if (isFlat(place)) return place;
    else {
      if (place.slope * ((high?.length ?? Number.POSITIVE_INFINITY) - low.length) >= 0) high = low;
      low = place;
    }
    length = high ? between(low, high) : 2.5 * length;
    if (length === low.length) return null;
  }
  return low.length > 0 ? low : null;
}

/** The minimum of the cubic through two places, kept off the ends of the interval. */
function between(low: Place, high: Place): number {
  const width = high.length - low.length;
  const cubic = low.slope + high.slope - (3 * (high.loss - low.loss)) / width;
  const root = Math.sign(width) * Math.sqrt(cubic ** 2 - low.slope * high.slope);
  const minimum = high.length - (width * (high.slope + root - cubic)) / (high.slope - low.slope + 2 * root);
  const share = (minimum - low.length) / width;
  return low.length + width * (share > 0.1 && share < 0.9 ? share : share >= 0.9 ? 0.9 : share <= 0.1 ? 0.1 : 0.5);
}
