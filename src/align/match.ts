import { check } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { act, type GroupElement, type SymmetryGroup } from "../symmetry/index.ts";
import { type Tensor, toNumbers } from "../tensor/index.ts";
import { inFloats, type Matching } from "./gains.ts";

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
function entriesOf(tensor: Tensor): Entries {
  return inFloats(tensor).data as Entries;
}

function dot(x: Entries, y: Entries): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] as number) * (y[i] as number);
  return sum;
}

/** What an element does for a pair, in numbers. */
export function describeMatch(
  { group, a, b, sites }: Matching,
  element: GroupElement,
  { starts, gaps }: Pick<Match, "starts"> & { readonly gaps: readonly number[] },
): Match {
  const names = Object.keys(group.layouts);
  const parameters = act(group, element, b);
  const classes = group.factors.map(({ name, size, copies }, factor): ClassMatch => {
    const own = [...new Set((sites[factor] ?? []).map(({ tensor }) => tensor))];
    const units = element.permutations[factor] as Int32Array;
    return {
      name,
      size,
      copies,
      moved: units.filter((unit, place) => unit !== place % size).length,
      cosineBefore: cosine(a, b, own),
      cosineAfter: cosine(a, parameters, own),
      gap: gaps[factor] as number,
    };
  });
  const objective = {
    before: innerProduct(a, b, names),
    after: innerProduct(a, parameters, names),
    bound: sortedBound(a, b, names),
  };
  return { element, parameters, objective, classes, starts };
}

/** The cosine of two parameter sets, 0 where one is zero. */
export function cosine(a: Parameters, b: Parameters, names: readonly string[]): number {
  const norm = Math.sqrt(innerProduct(a, a, names) * innerProduct(b, b, names));
  return norm === 0 ? 0 : innerProduct(a, b, names) / norm;
}

/** By the rearrangement inequality, the inner product of each pair of tensors sorted, whatever their signs. */
function sortedBound(a: Parameters, b: Parameters, names: readonly string[]): number {
  const sorted = (tensor: Tensor) => entriesOf(tensor).map(Math.abs).sort();
  return names.reduce((sum, name) => sum + dot(sorted(a[name] as Tensor), sorted(b[name] as Tensor)), 0);
}

/** Refuses parameters that are missing or not finite. */
export function checkSame(a: Parameters, b: Parameters, group: SymmetryGroup): void {
  for (const name of Object.keys(group.layouts)) {
    for (const [which, parameters] of [
      ["first", a],
      ["second", b],
    ] as const) {
      const tensor = parameters[name];
      const isWhole = tensor && toNumbers(tensor).every(Number.isFinite);
      check(isWhole, () => ({
        code: "bad-parameters",
        where: name,
        message: `expected finite numbers in the ${which} of both, got ${tensor ? "NaN or infinity" : "none"}`,
        remedy: "match two checkpoints of one architecture",
      }));
    }
  }
}
