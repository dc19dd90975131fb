import type { Model } from "../../nets/index.ts";
import { dot, norm } from "../../tensor/index.ts";
import { hiddenLayer } from "../expansion/index.ts";
import { incomingVectors, outgoingVectors } from "./unit-vectors.ts";

/**
 * Two units in a channel that leads to infinity at ever less slope: as their incoming weights w + e D and w - e D, with
 * |D| = 1, come together, their outgoing weights grow without bound, and a_i f(..) + a_j f(..) goes to
 * c f(w . x) + a f'(w . x) D . x, a unit with a gate (arXiv 2506.14951). Where f is odd, the second unit is turned round
 * if that brings it closer to the first.
 */
export interface FlatChannel {
  readonly units: readonly [i: number, j: number];
  /** Of all weights of both. */
  readonly norm: number;
  /** 1 - cosine of their incoming weights, the bias among them. */
  readonly cosineDistance: number;
  /** (w_i + w_j) / 2 */
  readonly w: Float64Array;
  /** |w_i - w_j| / 2 */
  readonly eps: number;
  /** (w_i - w_j) / (2 eps) */
  readonly delta: Float64Array;
  /** a_i + a_j */
  readonly c: Float64Array;
  /** eps (a_i - a_j) */
  readonly a: Float64Array;
}

export interface FlatChannelOptions {
  readonly layer: string | number;
  /** Least norm of the weights of both units; defaults to 1e3. */
  readonly norm?: number;
  /** Bound on the cosine distance of their incoming weights; defaults to 1e-3. */
  readonly cosineDistance?: number;
}

/** Pairs of units that have gone into a flat channel, the closest first. */
export function flatChannels({ network, parameters }: Model, options: FlatChannelOptions): readonly FlatChannel[] {
  const { norm: least = 1e3, cosineDistance = 1e-3 } = options;
  const layer = hiddenLayer(network, options.layer);
  const isOdd = layer.generators.some(({ kind }) => kind === "sign");
  const [incoming, outgoing] = [incomingVectors(layer, parameters), outgoingVectors(layer, parameters)];
  const pairs = incoming.flatMap((_, i) => incoming.slice(i + 1).map((_, k) => [i, i + 1 + k] as const));
  const channels = pairs.flatMap(([i, j]) => {
    const [u, v, p, q] = [incoming[i], incoming[j], outgoing[i], outgoing[j]] as [Vector, Vector, Vector, Vector];
    const sign = isOdd && dot(u, v) < 0 ? -1 : 1;
    const channel = channelOf([i, j], [u, p], [times(v, sign), times(q, sign)]);
    const isFlat = channel.norm > least && channel.eps > 0 && channel.cosineDistance < cosineDistance;
    return isFlat ? [channel] : [];
  });
  return channels.toSorted((one, next) => one.cosineDistance - next.cosineDistance);
}

type Vector = Float64Array;

function channelOf(
  units: readonly [number, number],
  [u, p]: readonly [incoming: Vector, outgoing: Vector],
  [v, q]: readonly [incoming: Vector, outgoing: Vector],
): FlatChannel {
  const half = combined(u, v, (x, y) => (x - y) / 2);
  const eps = norm(half);
  return {
    units,
    norm: Math.hypot(...[u, v, p, q].map(norm)),
    cosineDistance: cosineDistanceOf(u, v),
    w: combined(u, v, (x, y) => (x + y) / 2),
    eps,
    delta: half.map((x) => x / eps),
    c: combined(p, q, (x, y) => x + y),
    a: combined(p, q, (x, y) => eps * (x - y)),
  };
}

function combined(a: Vector, b: Vector, f: (x: number, y: number) => number): Vector {
  return a.map((x, i) => f(x, b[i] as number));
}

function times(x: Vector, factor: number): Vector {
  return x.map((value) => factor * value);
}

/** |u / |u| - v / |v||^2 / 2, which is 1 - cos without cancellation. */
function cosineDistanceOf(u: Vector, v: Vector): number {
  const [a, b] = [norm(u), norm(v)];
  return combined(u, v, (x, y) => x / a - y / b).reduce((sum, x) => sum + x * x, 0) / 2;
}
