import { norm } from "../../tensor/index.ts";
import {
  type HeldPair,
  heldPairChart,
  heldPairCoordinates,
  type Index,
  inChart,
  indexOf,
  type LocalCurvature,
  type Objective,
  symmetricEigen,
} from "../../train/index.ts";
import { apart, freeGradientNorm, type UnitPair } from "./unit-pair.ts";

/** A critical point at a held distance of two units, and how the branch through it goes on. */
export interface Branch {
  readonly x: Float64Array;
  readonly distance: number;
  readonly loss: number;
  /** Of what is free at this distance. */
  readonly gradientNorm: number;
  /** Eigenvalues of the Hessian along what is free, lengths measured in x, ascending. */
  readonly eigenvalues: Float64Array;
  readonly index: Index;
  /** The pair held at this distance around its own direction, and the coordinates of x in that chart. */
  readonly held: HeldPair;
  readonly y: Float64Array;
  /** dy / dd and dx / dd along the branch. */
  readonly slope: Float64Array;
  readonly velocity: Float64Array;
}

/** The pair held at a distance, in a chart around the direction of e. */
export function heldAt({ size, incoming: [i, j] }: UnitPair, distance: number, direction: Float64Array): HeldPair {
  return { size, i, j, distance, direction };
}

/**
 * The branch of critical points F(y, d) = dL/dy = 0 through x, by the implicit function theorem: with H the Hessian in
 * the chart and v = dx/dd at fixed y, H dy/dd = -J' (d2L/dx2) v. At a critical point J changes with d along J alone, which
 * adds nothing.
 */
export async function branchAt(objective: Objective, pair: UnitPair, x: Float64Array): Promise<Branch> {
  const difference = apart(pair, x);
  const distance = norm(difference);
  const direction = difference.map((value) => value / distance);
  const held = heldAt(pair, distance, direction);
  const chart = heldPairChart([held]);
  const y = heldPairCoordinates(held, x);
  const [at] = (await objective.curvatures([x])) as [LocalCurvature];
  const known = { ...objective, curvatures: async () => [at] };
  const [inside] = (await inChart(known, chart).curvatures([y])) as [LocalCurvature];
  const [n, k] = [pair.size, chart.size];
  const jacobian = chart.jacobian(y, 0);
  const pull = pairPull(pair, direction);
  const force = transposedTimes(jacobian, symmetricTimes(at.hessian, pull), k);
  const lengths = columnLengths(jacobian, n, k);
  const scaled = inside.hessian.map(
    (h, place) => h / (lengths[Math.floor(place / k)] as number) / (lengths[place % k] as number),
  );
  const { values, vectors } = symmetricEigen(scaled, k);
  const index = indexOf(values);
  const slope = new Float64Array(k);
  for (const [row, value] of values.entries()) {
    if (Math.abs(value) <= index.tolerance) continue;
    const vector = vectors.subarray(row * k, (row + 1) * k);
    const weight = vector.reduce((sum, v, a) => sum - (v * (force[a] as number)) / (lengths[a] as number), 0) / value;
    for (let a = 0; a < k; a++)
      slope[a] = (slope[a] as number) + (weight * (vector[a] as number)) / (lengths[a] as number);
  }
  return {
    x,
    distance,
    loss: at.loss,
    gradientNorm: freeGradientNorm(pair, at.gradient, { distance, direction }),
    eigenvalues: values,
    index,
    held,
    y,
    slope,
    velocity: pull.map((v, i) => slope.reduce((sum, s, a) => sum + (jacobian[i * k + a] as number) * s, v)),
  };
}

/** dx/dd where mu, e and all else stay. */
function pairPull({ size, incoming: [i, j] }: UnitPair, direction: Float64Array): Float64Array {
  const pull = new Float64Array(size);
  for (const [c, e] of direction.entries()) {
    pull[i[c] as number] = e / 2;
    pull[j[c] as number] = -e / 2;
  }
  return pull;
}

/** H x for a symmetric H, over the entries of x that are not zero. */
function symmetricTimes(matrix: Float64Array, x: Float64Array): Float64Array {
  const n = x.length;
  const result = new Float64Array(n);
  for (const [row, factor] of x.entries()) {
    if (factor === 0) continue;
    for (let i = 0; i < n; i++) result[i] = (result[i] as number) + factor * (matrix[row * n + i] as number);
  }
  return result;
}

/** J' x for a matrix J with k columns. */
function transposedTimes(jacobian: Float64Array, x: Float64Array, k: number): Float64Array {
  const result = new Float64Array(k);
  for (const [i, factor] of x.entries()) {
    for (let a = 0; a < k; a++) result[a] = (result[a] as number) + factor * (jacobian[i * k + a] as number);
  }
  return result;
}

function columnLengths(jacobian: Float64Array, n: number, k: number): Float64Array {
  const squares = new Float64Array(k);
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < k; a++) squares[a] = (squares[a] as number) + (jacobian[i * k + a] as number) ** 2;
  }
  return squares.map(Math.sqrt);
}
