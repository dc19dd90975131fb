import {
  actOnTensor,
  type Factor,
  type GroupElement,
  identity,
  type SymmetryGroup,
  unfold,
} from "../../symmetry/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";
import { solveAssignment } from "../assignment/index.ts";
import { inFloats, type Matching } from "../matching/index.ts";
import type { HeadSet, HeadShare } from "./heads.ts";

/** Which heads of b come to each place, and which queries in each. */
export interface HeadAssignment {
  readonly heads: Int32Array;
  /** [heads, queries of one]. */
  readonly queries: Int32Array;
}

/**
 * Assigns the heads of b to those of a by what no matrix inside a head changes: the inner products of W_i' R_i, where W are
 * the weights that write its units and R those that read them (queries and keys, values and outputs), both shares
 * weighted alike. Queries that share a key are assigned inside every pair of heads.
 */
export async function assignHeads(matching: Matching, set: HeadSet, element: GroupElement): Promise<HeadAssignment> {
  const { count, queryCount } = set;
  const pairs = await pairGains(matching, set, element);
  const width = count * queryCount;
  const gains = new Float64Array(count * count);
  const inside = Array.from({ length: count * count }, (_, pair) => {
    const [i, j] = [Math.floor(pair / count), pair % count];
    const own = Float64Array.from({ length: queryCount ** 2 }, (_, at) => {
      const [p, q] = [Math.floor(at / queryCount), at % queryCount];
      return pairs[(i * queryCount + p) * width + j * queryCount + q] as number;
    });
    const solved = solveAssignment(own, { rows: queryCount, columns: queryCount });
    gains[pair] = solved.objective;
    return solved.columnOf;
  });
  const heads = Int32Array.from(solveAssignment(gains, { rows: count, columns: count }).columnOf);
  const queries = new Int32Array(width);
  for (const [i, j] of heads.entries()) queries.set(inside[i * count + j] as Int32Array, i * queryCount);
  return { heads, queries };
}

/** The inner products of what every head of a and of b computes, queries told apart, summed over all shares. */
async function pairGains(matching: Matching, set: HeadSet, element: GroupElement): Promise<Float64Array> {
  const total = new Float64Array((set.count * set.queryCount) ** 2);
  for (const share of set.shares) {
    const own = await productGains(matching, set, { share, element: withoutSet(matching.group, set, element) });
    const norm = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0));
    if (norm > 0) for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (own[i] as number) / norm;
  }
  return total;
}

/** An element with the units of a set of heads left in their places. */
function withoutSet(group: SymmetryGroup, { heads, queries, shares }: HeadSet, element: GroupElement): GroupElement {
  const own = new Set([heads, queries, ...shares.map(({ factor }) => factor)]);
  const still = identity(group).permutations;
  return {
    ...element,
    permutations: element.permutations.map((units, factor) =>
      own.has(factor) ? (still[factor] as Int32Array) : units,
    ),
  };
}

/** One share of a set of heads. */
interface Share {
  readonly share: HeadShare;
  /** What moves all other units of b. */
  readonly element: GroupElement;
}

/**
 * <W_i' R_i, V_j' S_j> = sum over k, l of (W_i V_j')[k, l] (R_i S_j')[k, l] for heads i of a (W, R) and j of b (V, S); in
 * planes units are complex, and only k = l remain.
 */
export async function productGains(matching: Matching, set: HeadSet, own: Share): Promise<Float64Array> {
  const { matrix, size } = matching.group.factors[own.share.factor] as Factor;
  const isPlane = matrix === "rotary";
  const written = await crossGrams(matching, own, false);
  const read = await crossGrams(matching, own, true);
  const width = set.count * set.queryCount;
  const at = ({ inner }: CrossGram, [i, k]: Unit, [j, l]: Unit) => {
    const skipped = set.queryCount / inner;
    const [p, q] = [Math.floor(i / skipped), Math.floor(j / skipped)];
    const blocks = set.count * inner;
    return isPlane ? (k * blocks + p) * blocks + q : (p * size + k) * blocks * size + q * size + l;
  };
  return Float64Array.from({ length: width * width }, (_, pair) => {
    const [i, j] = [Math.floor(pair / width), pair % width];
    let sum = 0;
    for (let k = 0; k < size; k++) {
      for (let l = isPlane ? k : 0; l < (isPlane ? k + 1 : size); l++) {
        const [x, y] = [at(written, [i, k], [j, l]), at(read, [i, k], [j, l])];
        for (const [part, values] of written.parts.entries()) {
          sum += (values[x] as number) * (read.parts[part]?.[y] as number);
        }
      }
    }
    return sum;
  });
}

/** A head with its query, and a unit in it. */
type Unit = readonly [block: number, unit: number];

/** The inner products of the units of a with those of b: of every two, or in planes of those of the same plane. */
interface CrossGram {
  /** The real part, and in planes the imaginary one. */
  readonly parts: readonly Float64Array[];
  /** Queries told apart in each head. */
  readonly inner: number;
}

async function crossGrams({ a, b, grams }: Matching, { share, element }: Share, isRead: boolean): Promise<CrossGram> {
  // Of what is added to keys the softmax sees nothing.
  const sites = share.sites.filter((site) => site.isRead === isRead && !(isRead && site.layout.shape.length === 1));
  const sums: Float64Array[] = [];
  const add = async (part: number, sign: number, rows: readonly [Tensor, Tensor]) => {
    const { data } = (await grams.gram(...rows)) as { readonly data: Float64Array };
    const sum = sums[part] ?? new Float64Array(data.length);
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + sign * (data[i] as number);
    sums[part] = sum;
  };
  for (const { tensor: name, layout, parts } of sites) {
    const [x, y] = [inFloats(a[name] as Tensor), actOnTensor(layout, element, inFloats(b[name] as Tensor))];
    const [[real, imaginary], [otherReal, otherImaginary]] = [x, y].map((value) =>
      parts.map((part) => (parts.length > 1 ? unfold(part, value) : asOneCopy(unfold(part, value)))),
    ) as [[Tensor, Tensor?], [Tensor, Tensor?]];
    await add(0, 1, [real, otherReal]);
    if (!imaginary || !otherImaginary) continue;
    await add(0, 1, [imaginary, otherImaginary]);
    await add(1, 1, [imaginary, otherReal]);
    await add(1, -1, [real, otherImaginary]);
  }
  return { parts: sums, inner: sites[0]?.inner ?? 1 };
}

function asOneCopy({ dtype, shape, data }: Tensor): Tensor {
  const [copies, units, length] = shape as [number, number, number];
  return tensor(dtype, [1, copies * units, length], data as Float64Array<ArrayBuffer>);
}
