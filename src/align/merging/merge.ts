import { check } from "../../errors.ts";
import type { Parameters } from "../../nets/index.ts";
import type { SymmetryGroup } from "../../symmetry/index.ts";
import { formatShape, fromNumbers, sameShape, type Tensor, toNumbers } from "../../tensor/index.ts";
import type { Match } from "../matching/index.ts";
import { type MatchOptions, matchWeights } from "../weights/index.ts";

/** Several networks as one. */
export interface Merge {
  readonly parameters: Parameters;
  /** What was averaged: the first as it is, the others with their units where those of the first are. */
  readonly parents: readonly Parameters[];
  /** How each but the first was matched to the first. */
  readonly matches: readonly Match[];
}

/** The mean of the parameters, weighted as said (evenly unless given), in their own types; each entry is rounded once. */
export function average(models: readonly Parameters[], weights?: readonly number[]): Parameters {
  const shares = sharesOf(models, weights);
  return combined(models, (values) => values.reduce((sum, x, i) => sum + (shares[i] as number) * x, 0));
}

/** Matches the units of every network to those of the first by their weights, and averages them. */
export async function mergeAligned(
  models: readonly Parameters[],
  group: SymmetryGroup,
  options: MatchOptions & { readonly weights?: readonly number[] | undefined },
): Promise<Merge> {
  const { weights } = options;
  sharesOf(models, weights);
  const [first, ...others] = models as readonly [Parameters, ...Parameters[]];
  const matches: Match[] = [];
  for (const other of others) matches.push(await matchWeights(first, other, group, options));
  const parents = [first, ...matches.map(({ parameters }) => parameters)];
  return { parameters: average(parents, weights), parents, matches };
}

/** base + scale * sum of (tuned - base) (Ilharco 2022, arXiv 2212.04089), for networks numbered alike. */
export function taskArithmetic(base: Parameters, tuned: readonly Parameters[], scale: number): Parameters {
  check(Number.isFinite(scale), () => ({
    code: "bad-option",
    where: "scale",
    message: `expected a finite number, got ${scale}`,
  }));
  return combined([base, ...tuned], ([origin, ...ends]) => {
    const start = origin as number;
    return start + scale * ends.reduce((sum, end) => sum + (end - start), 0);
  });
}

/** The part that each network has in their mean. */
export function sharesOf(
  models: readonly Parameters[],
  weights: readonly number[] = models.map(() => 1),
): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const isFit = weights.every((weight) => Number.isFinite(weight) && weight >= 0) && total > 0;
  check(models.length > 0 && weights.length === models.length && isFit, () => ({
    code: "bad-option",
    where: "weights",
    message: `expected ${models.length} numbers from 0 that are not all 0, one for each network, got ${weights.join(",") || "none"}`,
  }));
  return weights.map((weight) => weight / total);
}

function combined(models: readonly Parameters[], entry: (values: readonly number[]) => number): Parameters {
  const [first] = models as readonly [Parameters, ...Parameters[]];
  return Object.fromEntries(
    Object.entries(first).map(([name, { dtype, shape, data }]) => {
      const all = models.map((each) => toNumbers(sameKind(name, each[name], { dtype, shape })));
      const values = Float64Array.from({ length: data.length }, (_, i) => entry(all.map((own) => own[i] as number)));
      return [name, fromNumbers(dtype, values, shape)];
    }),
  );
}

function sameKind(where: string, other: Tensor | undefined, { dtype, shape }: Pick<Tensor, "dtype" | "shape">): Tensor {
  check(other?.dtype === dtype && sameShape(other.shape, shape), () => ({
    code: "bad-parameters",
    where,
    message: `expected ${dtype} ${formatShape(shape)} as in the first, got ${other ? `${other.dtype} ${formatShape(other.shape)}` : "none"}`,
    remedy: "merge checkpoints of one architecture and type",
  }));
  return other;
}
