import type { Parameters } from "../../nets/index.ts";
import { act, type Factor, type Layout, strandUnfoldings, unfold } from "../../symmetry/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { HeadSet } from "../heads/index.ts";
import { gainsOf, inFloats, type Matching, withSecond } from "../matching/index.ts";
import type { Procrustes } from "./procrustes.ts";
import type { Rotation } from "./rotate.ts";
import type { RotatedTensors } from "./rotated-tensors.ts";

/** What is known of a pair of networks while the second is rotated to the first. */
export interface Rotations {
  readonly matching: Matching;
  readonly sets: readonly HeadSet[];
  readonly procrustes: Procrustes;
  readonly rotated: RotatedTensors;
}

/** The matrices of a factor that do nothing. */
export function identityMatrices({ matrix, size: n, copies }: Factor): Float64Array {
  if (matrix === "rotary") return Float64Array.from({ length: copies * n * 2 }, (_, at) => 1 - (at % 2));
  return Float64Array.from({ length: copies * n * n }, (_, at) => ((at % (n * n)) % (n + 1) === 0 ? 1 : 0));
}

interface CrossGramOptions {
  readonly rotation: Rotation;
  /** The tensors to sum over. */
  readonly names: readonly string[];
}

/** C with <R, C> the objective under matrices R of a factor in their places; a complex number for each plane. */
export async function crossGram(
  { matching, rotated }: Rotations,
  factor: number,
  { rotation: { element, matrices }, names }: CrossGramOptions,
): Promise<Float64Array> {
  const { group, sites } = matching;
  const { matrix, size, copies } = group.factors[factor] as Factor;
  const b = await rotated.of(names, matrices, [factor]);
  if (matrix === "rotary") return planeProducts(matching, factor, act(group, element, b));
  const among = sites.map((each, i) => (i === factor ? each.filter(({ tensor }) => names.includes(tensor)) : each));
  const sum = new Float64Array(copies * size * size);
  for (const { values } of await gainsOf(withSecond({ ...matching, sites: among }, b), factor, element)) {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (values[i] as number);
  }
  return sum;
}

/** Of each plane of each copy the sum of u conj(v) over the entries u of a and v of b. */
function planeProducts({ group, a }: Matching, factor: number, b: Parameters): Float64Array {
  const { size, copies } = group.factors[factor] as Factor;
  const sums = new Float64Array(copies * size * 2);
  for (const name of Object.keys(b)) {
    for (const { parts } of strandUnfoldings(group, factor, group.layouts[name] as Layout)) {
      const rows = [a, b].flatMap((each) => parts.map((part) => unfold(part, inFloats(each[name] as Tensor))));
      const [x, y, z, w] = rows.map(({ data }) => data) as [Float64Array, Float64Array, Float64Array, Float64Array];
      const length = x.length / (size * copies);
      for (let at = 0; at < x.length; at++) {
        const row = Math.floor(at / length);
        const to = 2 * ((row % copies) * size + Math.floor(row / copies));
        const [p, q, r, s] = [x[at], y[at], z[at], w[at]] as [number, number, number, number];
        sums[to] = (sums[to] as number) + p * r + q * s;
        sums[to + 1] = (sums[to + 1] as number) + q * r - p * s;
      }
    }
  }
  return sums;
}

interface Problem {
  readonly cross: Float64Array;
  readonly start: Float64Array;
}

/** The matrices R of a factor with the largest <R, C>: near `start` where several are. */
export async function bestMatrices({ procrustes }: Rotations, factor: Factor, problem: Problem): Promise<Float64Array> {
  const { matrix, size: n } = factor;
  const { cross, start } = problem;
  if (matrix === "rotary") return unitPhases(cross, start);
  return await procrustes.orthogonal(matrix === "orthogonal-mean" ? meanKept(cross, n) : cross, start, n);
}

function unitPhases(cross: Float64Array, start: Float64Array): Float64Array {
  return cross.map((_, at) => {
    const modulus = Math.hypot(cross[at & ~1] as number, cross[at | 1] as number);
    return modulus === 0 ? (start[at] as number) : (cross[at] as number) / modulus;
  });
}

/** P C P + s 1 1' / n with the projection P off the ones: its polar factor sends them to themselves, or to their negatives. */
function meanKept(cross: Float64Array, n: number): Float64Array {
  const kept = cross.slice();
  for (let start = 0; start < cross.length; start += n * n) {
    const own = kept.subarray(start, start + n * n);
    const total = own.reduce((sum, x) => sum + x, 0);
    const [rows, columns] = [new Float64Array(n), new Float64Array(n)];
    for (const [at, x] of own.entries()) {
      rows[Math.floor(at / n)] = (rows[Math.floor(at / n)] as number) + x / n;
      columns[at % n] = (columns[at % n] as number) + x / n;
    }
    const mean = total / (n * n);
    for (const [at, x] of own.entries()) {
      own[at] = x - (rows[Math.floor(at / n)] as number) - (columns[at % n] as number) + mean;
    }
    const size = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0) / n);
    const ones = ((total < 0 ? -1 : 1) * size) / n;
    for (const [at, x] of own.entries()) own[at] = x + ones;
  }
  return kept;
}
