import { check } from "../../errors.ts";
import type { Parameters } from "../../nets/index.ts";
import { act, type GroupElement, movedUnits, type SymmetryGroup } from "../../symmetry/index.ts";
import { letGo, type Tensor } from "../../tensor/index.ts";
import type { Matching } from "./gains.ts";
import { inFloats } from "./site-products.ts";

/** How the second of two parameter sets is moved to be like the first. */
export interface Match {
  readonly element: GroupElement;
  /** The parameters that the element makes of the second. */
  readonly parameters: Parameters;
  /** The inner product of both parameter sets; `bound` is what no permutation can exceed. */
  readonly objective: { readonly before: number; readonly after: number; readonly bound: number };
  readonly classes: readonly ClassMatch[];
  /** The objective that each start led to. */
  readonly starts: readonly { readonly start: StartName; readonly objective: number; readonly sweeps: number }[];
}

export type StartName = "fingerprint" | "identity" | "random";

/** How well the units of one factor are matched. */
export interface ClassMatch {
  readonly name: string;
  readonly size: number;
  readonly copies: number;
  /** Units that changed their place. */
  readonly moved: number;
  /** Cosines of the parameters that the units index, as stored and as matched. */
  readonly cosineBefore: number;
  readonly cosineAfter: number;
  /** How much the best assignment of this factor alone, all others as they are, could gain at most. */
  readonly gap: number;
}

/** The sum of the products of all entries. */
export function innerProduct(a: Parameters, b: Parameters, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + dot(entriesOf(a[name] as Tensor), entriesOf(b[name] as Tensor)), 0);
}

type Entries = Float32Array | Float64Array;

/** The numbers of a tensor, without a copy where they are stored as such. */
export function entriesOf(tensor: Tensor): Entries {
  return inFloats(tensor).data as Entries;
}

/** The sum of the products of the entries. */
export function dot(x: Entries, y: Entries): number {
  // Four sums at once, as each addition waits for the one before.
  const whole = x.length - (x.length % 4);
  let [s, t, u, v] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 4) {
    s += (x[i] as number) * (y[i] as number);
    t += (x[i + 1] as number) * (y[i + 1] as number);
    u += (x[i + 2] as number) * (y[i + 2] as number);
    v += (x[i + 3] as number) * (y[i + 3] as number);
  }
  for (let i = whole; i < x.length; i++) s += (x[i] as number) * (y[i] as number);
  return s + t + u + v;
}

/** What an element makes of b, and by tensor its inner product with a. */
export interface Moved {
  readonly parameters: Parameters;
  readonly products: ReadonlyMap<string, number>;
  /** The sum of the products. */
  readonly objective: number;
}

export function movedBy({ group, a, b }: Pick<Matching, "group" | "a" | "b">, element: GroupElement): Moved {
  const parameters = act(group, element, b);
  const products = new Map(
    Object.keys(group.layouts).map((name) => {
      const product = innerProduct(a, parameters, [name]);
      letGo(a[name] as Tensor, b[name] as Tensor, parameters[name] as Tensor);
      return [name, product];
    }),
  );
  return { parameters, products, objective: total([...products.values()]) };
}

interface Found extends Pick<Match, "starts"> {
  readonly gaps: readonly number[];
  readonly moved?: Moved | undefined;
}

/** What an element does for a pair, in numbers. */
export function describeMatch(
  matching: Matching,
  element: GroupElement,
  { starts, gaps, moved = movedBy(matching, element) }: Found,
): Match {
  const { group, a, b, sites } = matching;
  const names = Object.keys(group.layouts);
  // A unit that is flipped is as long as before.
  const isRescaled = element.scales.some((each) => each.some((scale) => Math.abs(scale) !== 1));
  const products = new Map(
    names.map((name): [string, Products] => {
      const own = productsOf(a[name] as Tensor, b[name] as Tensor);
      const square = isRescaled ? innerProduct(moved.parameters, moved.parameters, [name]) : own.second;
      return [name, { ...own, moved: square, after: moved.products.get(name) as number }];
    }),
  );
  const sum = (of: readonly string[], product: keyof Products) =>
    of.reduce((total, name) => total + (products.get(name) as Products)[product], 0);
  const classes = group.factors.map(({ name, size, copies }, factor): ClassMatch => {
    const own = [...new Set((sites[factor] ?? []).map(({ tensor }) => tensor))];
    const units = element.permutations[factor] as Int32Array;
    return {
      name,
      size,
      copies,
      moved: movedUnits(units, size),
      cosineBefore: cosineOf(sum(own, "before"), sum(own, "first"), sum(own, "second")),
      cosineAfter: cosineOf(sum(own, "after"), sum(own, "first"), sum(own, "moved")),
      gap: gaps[factor] as number,
    };
  });
  const objective = { before: sum(names, "before"), after: sum(names, "after"), bound: sum(names, "bound") };
  return { element, parameters: moved.parameters, objective, classes, starts };
}

/** The cosine of two parameter sets, 0 where one is zero. */
export function cosine(a: Parameters, b: Parameters, names: readonly string[]): number {
  return cosineOf(innerProduct(a, b, names), innerProduct(a, a, names), innerProduct(b, b, names));
}

function cosineOf(product: number, ...squares: readonly [number, number]): number {
  const norm = Math.sqrt(squares[0] * squares[1]);
  return norm === 0 ? 0 : product / norm;
}

/** Of one tensor: the squares of both and of the moved one, and the products with the first. */
interface Products {
  readonly first: number;
  readonly second: number;
  readonly moved: number;
  readonly before: number;
  readonly after: number;
  readonly bound: number;
}

/** Of both of one tensor at once, so that one after another can be read. */
function productsOf(a: Tensor, b: Tensor): Pick<Products, "first" | "second" | "before" | "bound"> {
  const [x, y] = [entriesOf(a), entriesOf(b)];
  const [p, q] = [rangesOf(x), rangesOf(y)];
  const before = dot(x, y);
  letGo(a, b);
  return { first: total(p.squares), second: total(q.squares), before, bound: boundOf(p, q) };
}

/** Values are put in order by their exponent and the first 7 bits of their mantissa: ranges less than 1 % wide. */
const DROPPED_BITS = 16;

/**
 * By the rearrangement inequality, no renumbering exceeds the inner product of both sorted, whatever their signs. Values
 * are sorted by ranges: where a whole range meets a whole range their norms are multiplied, elsewhere their upper ends.
 */
export function sortedBound(x: Entries, y: Entries): number {
  return boundOf(rangesOf(x), rangesOf(y));
}

function boundOf(a: Ranges, b: Ranges): number {
  let [i, j, bound] = [-1, -1, 0];
  let [left, right] = [0, 0];
  for (let dealt = 0; dealt < a.count; ) {
    while (left === 0) left = a.counts[++i] as number;
    while (right === 0) right = b.counts[++j] as number;
    const part = Math.min(left, right);
    const isWhole = left === a.counts[i] && right === b.counts[j] && left === right;
    bound += isWhole
      ? Math.sqrt((a.squares[i] as number) * (b.squares[j] as number))
      : part * (upperEnds[i] as number) * (upperEnds[j] as number);
    left -= part;
    right -= part;
    dealt += part;
  }
  return bound;
}

/** How many values there are in each range, and the sum of their squares. */
interface Ranges {
  readonly count: number;
  readonly counts: Int32Array;
  readonly squares: Float64Array;
}

const RANGES = 2 ** (31 - DROPPED_BITS);

const upperEnds = new Float32Array(Uint32Array.from({ length: RANGES }, (_, i) => (i + 1) << DROPPED_BITS).buffer);

function rangesOf(values: Entries): Ranges {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values);
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const counts = new Int32Array(RANGES);
  const squares = new Float64Array(RANGES);
  for (let i = 0; i < bits.length; i++) {
    const range = ((bits[i] as number) & 0x7fffffff) >>> DROPPED_BITS;
    counts[range] = (counts[range] as number) + 1;
    squares[range] = (squares[range] as number) + (values[i] as number) ** 2;
  }
  return { count: values.length, counts, squares };
}

function total(numbers: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i] as number;
  return sum;
}

/** Refuses parameters that are missing or not finite. */
export function checkSame(a: Parameters, b: Parameters, group: SymmetryGroup): void {
  checkFinite(a, group, "the first of both");
  checkFinite(b, group, "the second of both");
}

/** Refuses parameters of a network, named as said, that are missing or not finite. */
export function checkFinite(parameters: Parameters, group: SymmetryGroup, which: string): void {
  for (const name of Object.keys(group.layouts)) {
    const tensor = parameters[name];
    const isWhole = tensor && areFinite(entriesOf(tensor));
    if (tensor) letGo(tensor);
    check(isWhole, () => ({
      code: "bad-parameters",
      where: name,
      message: `expected finite numbers in ${which}, got ${tensor ? "NaN or infinity" : "none"}`,
      remedy: "match checkpoints of one architecture",
    }));
  }
}

function areFinite(values: Entries): boolean {
  for (let i = 0; i < values.length; i++) if ((values[i] as number) - (values[i] as number) !== 0) return false;
  return true;
}
