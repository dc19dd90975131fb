import { check } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { allocate, convert, formatShape, isFloat, sameShape, type Tensor, tensor } from "../tensor/index.ts";
import { arcsBetween, checkArcs, type Entries, moveAlong, moveStraight, squaredLength } from "./arcs.ts";
import type { Spheres } from "./spheres.ts";

/** The parameters at every t from 0 to 1. Each call computes new tensors, but for the ends and where both are equal. */
export type Path = (t: number) => Parameters;

/** The straight line from a to b, in float64 if either has a float64 tensor and in float32 otherwise. */
export function linearPath(a: Parameters, b: Parameters): Path {
  return pathThrough(pairsOf(a, b), () => moveStraight);
}

/**
 * The geodesic from a to b on a product of spheres, all of them passed at the same pace (arXiv 2202.03038, section 3);
 * whatever lies on no sphere moves on a straight line. Bring both to the spheres first, with `onSpheres`. Throws where two
 * ends lie opposite each other.
 */
export function geodesicPath(a: Parameters, b: Parameters, spheres: readonly Spheres[]): Path {
  const pairs = pairsOf(a, b);
  const arcs = new Map(arcsOf(pairs, spheres).map((each) => [each.spheres.tensor, each]));
  for (const each of arcs.values()) checkArcs(each);
  return pathThrough(pairs, (name) => {
    const own = arcs.get(name);
    return own ? (t, tensors) => moveAlong(own, t, tensors) : moveStraight;
  });
}

/** How far apart two networks are. */
export interface Distances {
  /** |a - b| over all parameters. */
  readonly chord: number;
  /** |a - b| / sqrt(N) for N parameters. */
  readonly perParameter: number;
  /** Along the spheres, sqrt(sum (n phi)^2); what lies on no sphere does not count. Null without spheres. */
  readonly geodesic: number | null;
}

/** Distances between two sets of parameters; the geodesic one between points on the spheres. */
export function distances(a: Parameters, b: Parameters, spheres: readonly Spheres[] = []): Distances {
  const pairs = pairsOf(a, b);
  let [squares, count] = [0, 0];
  for (const { x, y } of pairs.moving) {
    for (let i = 0; i < x.length; i++) squares += ((x[i] as number) - (y[i] as number)) ** 2;
    count += x.length;
  }
  const chord = Math.sqrt(squares);
  const arcs = arcsOf(pairs, spheres).reduce((sum, each) => sum + squaredLength(each), 0);
  return { chord, perParameter: chord / Math.sqrt(count), geodesic: spheres.length > 0 ? Math.sqrt(arcs) : null };
}

interface Pairs {
  readonly dtype: "float32" | "float64";
  /** Both ends, in one type. */
  readonly ends: readonly [Parameters, Parameters];
  readonly moving: readonly Pair[];
}

interface Pair {
  readonly name: string;
  readonly shape: readonly number[];
  readonly x: Entries;
  readonly y: Entries;
}

function pairsOf(a: Parameters, b: Parameters): Pairs {
  checkSameTensors(a, b);
  const isDouble = [a, b].some((each) => Object.values(each).some(({ dtype }) => dtype === "float64"));
  const dtype = isDouble ? "float64" : "float32";
  const inType = (parameters: Parameters) =>
    Object.fromEntries(
      Object.entries(parameters).map(([name, each]) => [name, isFloat(each.dtype) ? convert(each, dtype) : each]),
    );
  const ends = [inType(a), inType(b)] as const;
  const moving = Object.entries(ends[0]).flatMap(([name, { shape, dtype: own, data }]) =>
    own === dtype ? [{ name, shape, x: data as Entries, y: (ends[1][name] as Tensor).data as Entries }] : [],
  );
  return { dtype, ends, moving };
}

function checkSameTensors(a: Parameters, b: Parameters): void {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  const describe = (each: Tensor | undefined) => (each ? formatShape(each.shape) : "none");
  for (const name of names) {
    const [x, y] = [a[name], b[name]];
    check(x && y && sameShape(x.shape, y.shape) && isFloat(x.dtype) === isFloat(y.dtype), () => ({
      code: "different-networks",
      where: `tensor ${JSON.stringify(name)}`,
      message: `expected two networks of one architecture, got ${describe(x)} in the first and ${describe(y)} in the second`,
      remedy: "take two checkpoints of one architecture",
    }));
  }
}

type Move = (t: number, tensors: readonly [Entries, Entries, Entries]) => void;

function pathThrough({ dtype, ends, moving }: Pairs, moveOf: (name: string) => Move): Path {
  if (moving.every(({ x, y }) => x.every((value, i) => value === y[i]))) return () => ends[0];
  const moves = moving.map((pair) => ({ ...pair, move: moveOf(pair.name) }));
  return (t) => {
    if (t === 0 || t === 1) return ends[t];
    const moved = moves.map(({ name, shape, x, y, move }) => {
      const data = allocate(dtype, x.length);
      move(t, [x, y, data]);
      return [name, tensor(dtype, shape, data)] as const;
    });
    return { ...ends[0], ...Object.fromEntries(moved) };
  };
}

function arcsOf({ moving }: Pairs, spheres: readonly Spheres[]) {
  const pairs = new Map(moving.map((pair) => [pair.name, pair]));
  return spheres.flatMap((each) => {
    const pair = pairs.get(each.tensor);
    return pair ? [arcsBetween(each, pair.x, pair.y)] : [];
  });
}
