import type { Engine } from "../../engine/index.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import {
  act,
  type Discovery,
  type Factor,
  type GroupElement,
  identity,
  type SymmetryGroup,
} from "../../symmetry/index.ts";
import {
  assignUnits,
  checkSame,
  describeMatch,
  type Gains,
  gramEngine,
  type Match,
  type Matching,
  matchingOf,
  withBestSigns,
  withSigns,
} from "../matching/index.ts";
import { blockFactors, fingerprintStart } from "../weights/index.ts";
import { activationMoments, type Batches, type Moments } from "./activation-moments.ts";

/** How alike two units are: by the mean product of their activations, or by their correlation, which no scale changes. */
export type ActivationMeasure = "inner-product" | "correlation";

export interface ActivationMatchOptions {
  readonly network: Network;
  readonly inputs: Batches;
  readonly engine: Engine;
  /** Defaults to "correlation". */
  readonly measure?: ActivationMeasure;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Matches the units of b to those of a by what they do on data (Li et al. 2015, arXiv 1511.07543): for each factor one
 * linear assignment of its activations, wherever something sums over them, with the signs that make them most alike.
 * Blocks of other units, as heads of attention are, are matched by the fingerprints of their weights first.
 */
export async function matchActivations(
  a: Parameters,
  b: Parameters,
  discovery: Discovery,
  options: ActivationMatchOptions,
): Promise<Match> {
  const { network, inputs, engine, measure = "correlation", signal } = options;
  const { group } = discovery;
  checkSame(a, b, group);
  await using grams = gramEngine(engine);
  const matching = matchingOf(group, [a, b], { grams });
  const blocks = blockFactors(group);
  const factors = new Set(
    [...group.factors.keys()].filter((each) => group.factors[each]?.permutes && !blocks.has(each)),
  );
  const gaps = group.factors.map(() => 0);
  let element = await withBlocks(matching, blocks);
  if (factors.size === 0) return describeMatch(matching, element, { starts: [], gaps });
  const pair = { network, discovery, factors, a, b: act(group, element, b) };
  const moments = await activationMoments(pair, inputs, { engine, signal });
  for (const factor of factors) {
    const gains = (moments[factor] ?? []).map((each) => gainsFrom(each, measure));
    if (gains.length === 0) continue;
    const matched = assign(group, { factor, element, gains, signal });
    element = matched.element;
    gaps[factor] = matched.gap;
  }
  return describeMatch(matching, element, { starts: [], gaps });
}

/** The element that moves blocks alone. */
async function withBlocks(matching: Matching, blocks: ReadonlySet<number>): Promise<GroupElement> {
  const still = identity(matching.group);
  if (blocks.size === 0) return still;
  const { permutations } = await fingerprintStart(matching);
  const moved = still.permutations.map((units, factor) =>
    blocks.has(factor) ? (permutations[factor] as Int32Array) : units,
  );
  return { ...still, permutations: moved };
}

/** The part of its mean square that the variance of a unit has at least, unless it is constant but for rounding. */
const CONSTANT = 1e-9;

function gainsFrom({ signs, covariances, a, b }: Moments, measure: ActivationMeasure): Gains {
  const units = covariances.length / a.means.length;
  const [x, y] = [a, b].map(({ means, variances }) =>
    variances.map((variance, unit) => {
      const isConstant = variance <= CONSTANT * (variance + (means[unit] as number) ** 2);
      return isConstant ? 0 : 1 / Math.sqrt(variance);
    }),
  ) as [Float64Array, Float64Array];
  const values = covariances.map((covariance, k) => {
    const row = Math.floor(k / units);
    const column = row - (row % units) + (k % units);
    if (measure === "correlation") return covariance * (x[row] as number) * (y[column] as number);
    return covariance + (a.means[row] as number) * (b.means[column] as number);
  });
  return { signs, values };
}

interface Step {
  readonly factor: number;
  readonly element: GroupElement;
  readonly gains: readonly Gains[];
  readonly signal: AbortSignal | undefined;
}

function assign(group: SymmetryGroup, { factor, element, gains, signal }: Step) {
  const own = group.factors[factor] as Factor;
  const { units, gap } = assignUnits(withBestSigns(gains), own, () => ({ signal }));
  const moved = { ...element, permutations: element.permutations.with(factor, units) };
  return { gap, element: withSigns(gains, moved, { factor, size: own.size }) };
}
