import { dot } from "../../tensor/index.ts";
import type { LocalCurvature, Objective, Slope } from "./objective.ts";

/** Smooth coordinates y in R^k on a part of the space of an objective: x(y, member) in R^n. */
export interface Chart {
  /** k */
  readonly size: number;
  toPoint(y: Float64Array, member: number): Float64Array;
  /** dx/dy [n, k], row-major. */
  jacobian(y: Float64Array, member: number): Float64Array;
  /** sum_i covector_i d2 x_i / dy dy [k, k]; null where the chart is affine. */
  bend(y: Float64Array, covector: Float64Array, member: number): Float64Array | null;
}

/** The objective in the coordinates of a chart: gradient J' g, Hessian J' H J + sum_i g_i x_i''. */
export function inChart(objective: Objective, chart: Chart): Objective {
  const toPoints = (points: readonly Float64Array[], members: readonly number[] | undefined) =>
    points.map((y, i) => chart.toPoint(y, members?.[i] ?? i));
  const gaussNewton = objective.gaussNewton?.bind(objective);
  const curved = async (ys: readonly Float64Array[], members: readonly number[] | undefined, whole: boolean) => {
    const points = toPoints(ys, members);
    const found = await (whole || !gaussNewton ? objective.curvatures(points, members) : gaussNewton(points, members));
    return found.map((at, i) =>
      pullBackCurvature(chart, { y: ys[i] as Float64Array, member: members?.[i] ?? i, at, whole }),
    );
  };
  return {
    size: chart.size,
    async slopes(ys, members) {
      const found = await objective.slopes(toPoints(ys, members), members);
      return found.map((at, i) => {
        const jacobian = chart.jacobian(ys[i] as Float64Array, members?.[i] ?? i);
        return pullBackSlope(jacobian, at, chart.size);
      });
    },
    curvatures: (ys, members) => curved(ys, members, true),
    ...(gaussNewton && {
      gaussNewton: (ys: readonly Float64Array[], members?: readonly number[]) => curved(ys, members, false),
    }),
  };
}

function pullBackSlope(jacobian: Float64Array, { loss, gradient }: Slope, k: number): Slope {
  const pulled = new Float64Array(k);
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i] as number;
    for (let a = 0; a < k; a++) pulled[a] = (pulled[a] as number) + g * (jacobian[i * k + a] as number);
  }
  return { loss, gradient: pulled };
}

interface PullBack {
  readonly y: Float64Array;
  readonly member: number;
  readonly at: LocalCurvature;
  readonly whole: boolean;
}

function pullBackCurvature(chart: Chart, { y, member, at, whole }: PullBack): LocalCurvature {
  const k = chart.size;
  const n = at.gradient.length;
  const jacobian = chart.jacobian(y, member);
  const pull = transposed(jacobian, n, k);
  const half = product(pull, at.hessian, { rows: k, inner: n, columns: n });
  const hessian = product(pull, transposed(half, k, n), { rows: k, inner: n, columns: k });
  const bend = whole ? chart.bend(y, at.gradient, member) : null;
  if (bend) for (let i = 0; i < hessian.length; i++) hessian[i] = (hessian[i] as number) + (bend[i] as number);
  return { ...pullBackSlope(jacobian, at, k), hessian };
}

interface Sizes {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

/** Skips zeros of the left factor, which most Jacobians of charts are full of. */
function product(left: Float64Array, right: Float64Array, { rows, inner, columns }: Sizes): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < inner; j++) {
      const factor = left[i * inner + j] as number;
      if (factor === 0) continue;
      for (let c = 0; c < columns; c++) {
        result[i * columns + c] = (result[i * columns + c] as number) + factor * (right[j * columns + c] as number);
      }
    }
  }
  return result;
}

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(
    { length: matrix.length },
    (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] as number,
  );
}

/** The affine subspace origin + sum_a y_a basis[a]. */
export function subspaceChart(origin: Float64Array, basis: readonly Float64Array[]): Chart {
  const k = basis.length;
  const jacobian = Float64Array.from(
    { length: origin.length * k },
    (_, i) => (basis[i % k] as Float64Array)[Math.floor(i / k)] as number,
  );
  return {
    size: k,
    toPoint: (y) => origin.map((x, i) => basis.reduce((sum, b, a) => sum + (y[a] as number) * (b[i] as number), x)),
    jacobian: () => jacobian,
    bend: () => null,
  };
}

/** Two units held at a distance: where their coordinates lie in the point, and the direction from j to i around which the chart is made. */
export interface HeldPair {
  readonly size: number;
  readonly i: readonly number[];
  readonly j: readonly number[];
  readonly distance: number;
  /** A unit vector; the chart covers the half sphere around it. */
  readonly direction: Float64Array;
}

/**
 * x_i = mu + (d/2) e and x_j = mu - (d/2) e with |e| = 1, all else free (one pair per member). The coordinates y are
 * those of x, except that mu stands at the places of i and e at those of j: there t, of which the component along the
 * chart's direction e0 is left out, gives e = (e0 + T t) / |e0 + T t| with an orthonormal basis T of the tangent space.
 */
export function heldPairChart(pairs: readonly HeldPair[]): Chart {
  const [{ size: n }] = pairs as readonly [HeldPair];
  const made = pairs.map(heldPair);
  const of = (member: number) => made[member] as ReturnType<typeof heldPair>;
  return {
    size: n - 1,
    toPoint: (y, member) => of(member).toPoint(y),
    jacobian: (y, member) => of(member).jacobian(y),
    bend: (y, covector, member) => of(member).bend(y, covector),
  };
}

function heldPair({ size: n, i, j, distance, direction }: HeldPair) {
  const half = distance / 2;
  const tangents = tangentBasis(direction);
  const D = direction.length;
  const k = n - 1;
  const pair = new Set([...i, ...j]);
  const others = Array.from({ length: n }, (_, place) => place).filter((place) => !pair.has(place));
  const sphere = (y: Float64Array) => {
    const q = direction.map((e, c) => tangents.reduce((sum, t, a) => sum + (y[a] as number) * (t[c] as number), e));
    const r = Math.sqrt(dot(q, q));
    const e = q.map((x) => x / r);
    const turns = tangents.map((t) => t.map((x, c) => (x - (e[c] as number) * dot(e, t)) / r));
    return { r, e, turns };
  };
  return {
    toPoint(y: Float64Array): Float64Array {
      const { e } = sphere(y);
      const x = new Float64Array(n);
      for (let c = 0; c < D; c++) {
        const mean = y[D - 1 + c] as number;
        x[i[c] as number] = mean + half * (e[c] as number);
        x[j[c] as number] = mean - half * (e[c] as number);
      }
      for (const [at, place] of others.entries()) x[place] = y[2 * D - 1 + at] as number;
      return x;
    },
    jacobian(y: Float64Array): Float64Array {
      const { turns } = sphere(y);
      const J = new Float64Array(n * k);
      for (let c = 0; c < D; c++) {
        const [rowI, rowJ] = [(i[c] as number) * k, (j[c] as number) * k];
        J[rowI + D - 1 + c] = 1;
        J[rowJ + D - 1 + c] = 1;
        for (const [a, turn] of turns.entries()) {
          J[rowI + a] = half * (turn[c] as number);
          J[rowJ + a] = -half * (turn[c] as number);
        }
      }
      for (const [at, place] of others.entries()) J[place * k + 2 * D - 1 + at] = 1;
      return J;
    },
    bend(y: Float64Array, covector: Float64Array): Float64Array {
      const { r, e, turns } = sphere(y);
      const g = direction.map(
        (_, c) => half * ((covector[i[c] as number] as number) - (covector[j[c] as number] as number)),
      );
      const [across, turned] = [tangents.map((t) => dot(e, t)), turns.map((turn) => dot(g, turn))];
      const along = dot(g, e) / r;
      const bend = new Float64Array(k * k);
      for (const [a, ea] of across.entries()) {
        for (const [b, eb] of across.entries()) {
          const [ga, gb] = [turned[a] as number, turned[b] as number];
          bend[a * k + b] = -(ea * gb + eb * ga + along * ((a === b ? 1 : 0) - ea * eb)) / r;
        }
      }
      return bend;
    },
  };
}

/** The coordinates in the chart of a pair, at its own direction, of a point. */
export function heldPairCoordinates({ size, i, j }: HeldPair, point: Float64Array): Float64Array {
  const D = i.length;
  const y = new Float64Array(size - 1);
  for (let c = 0; c < D; c++)
    y[D - 1 + c] = ((point[i[c] as number] as number) + (point[j[c] as number] as number)) / 2;
  const pair = new Set([...i, ...j]);
  const others = Array.from(point.keys()).filter((place) => !pair.has(place));
  for (const [at, place] of others.entries()) y[2 * D - 1 + at] = point[place] as number;
  return y;
}

/** Orthonormal vectors orthogonal to a unit vector: the other columns of the reflection that sends an axis to it. */
function tangentBasis(direction: Float64Array): Float64Array[] {
  const sign = (direction[0] as number) < 0 ? -1 : 1;
  const v = direction.map((e, c) => e + (c === 0 ? sign : 0));
  const squares = dot(v, v);
  return Array.from({ length: direction.length - 1 }, (_, a) =>
    direction.map((_, c) => (c === a + 1 ? 1 : 0) - (2 * (v[a + 1] as number) * (v[c] as number)) / squares),
  );
}
