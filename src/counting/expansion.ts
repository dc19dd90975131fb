import { check } from "../errors.ts";
import { factorial } from "./factorial.ts";
import { log10, quotient } from "./logarithm.ts";
import { advanceColumn, stirlingColumn, surjectionCount } from "./stirling.ts";
import { checkExpansion, checkWhole } from "./whole.ts";

/**
 * The affine subspaces of the expansion manifold by their number j = 0 .. m - r of zero-type groups (Simsek 2021,
 * arXiv 2105.12221): (r + j)! / j! S(m, r + j), where r is the minimal width and m the width. The first is G(r, m).
 */
export function subspacesByZeroGroups(minimal: number, width: number): bigint[] {
  checkExpansion(minimal, width);
  const extra = width - minimal;
  return Array.from(weightedColumns(minimal, extra), ([weight, column], j) => weight * (column[extra - j] as bigint));
}

/** (r + j)! / j! and S(r + j, r + j), .., S(r + most, r + j) for j = 0 .. most; each column overwrites the one before. */
function* weightedColumns(minimal: number, most: number): Generator<readonly [bigint, readonly bigint[]]> {
  const column = stirlingColumn(minimal, most);
  let weight = factorial(minimal);
  yield [weight, column];
  for (let j = 1; j <= most; j++) {
    advanceColumn(column, minimal + j, most - j);
    weight = (weight * BigInt(minimal + j)) / BigInt(j);
    yield [weight, column];
  }
}

/**
 * T(r, m): affine subspaces of the expansion manifold of a minimal network of width r among those of width m, the r!
 * renumbered copies of the minimal network counted together (Simsek 2021, arXiv 2105.12221).
 */
export function expansionCount(minimal: number, width: number): bigint {
  return subspacesByZeroGroups(minimal, width).reduce((sum, count) => sum + count);
}

/**
 * G(r, m) = r! S(m, r): affine subspaces of symmetry-induced critical points among the networks of width m that descend
 * from one critical point of width r (Simsek 2021, arXiv 2105.12221).
 */
export function criticalCount(minimal: number, width: number): bigint {
  checkExpansion(minimal, width);
  return surjectionCount(width, minimal);
}

/** One hidden layer: how wide the minimal network is there, and how wide the expanded one. */
export interface ExpandedLayer {
  readonly minimal: number;
  readonly width: number;
}

/** What holds for an expansion in several hidden layers. */
export interface LayeredExpansion {
  /** The product of T over the layers: as many subspaces at least, and exactly as many for one layer. */
  readonly expansion: bigint;
  /** The product of G over the layers. */
  readonly critical: bigint;
  /** Whether the manifold is in one piece: every layer has an extra unit, or only one unit. */
  readonly isConnected: boolean;
}

/** The subspaces of an expansion in all hidden layers at once (Simsek 2021, arXiv 2105.12221). */
export function layeredExpansion(layers: readonly ExpandedLayer[]): LayeredExpansion {
  const counts = layers.map(({ minimal, width }) => subspacesByZeroGroups(minimal, width));
  return {
    expansion: counts.map((each) => each.reduce((sum, count) => sum + count)).reduce((a, b) => a * b, 1n),
    critical: counts.map(([first]) => first as bigint).reduce((a, b) => a * b, 1n),
    isConnected: layers.every(({ minimal, width }) => width > minimal || minimal === 1),
  };
}

/** T(r, r), T(r, r + 1), .., T(r, r + most) in one pass. */
export function expansionCounts(minimal: number, most: number): bigint[] {
  checkWhole("minimal width", minimal, 1);
  checkWhole("extra units", most);
  const counts = Array.from({ length: most + 1 }, () => 0n);
  let j = 0;
  for (const [weight, column] of weightedColumns(minimal, most)) {
    for (let d = 0; d <= most - j; d++) counts[j + d] = (counts[j + d] as bigint) + weight * (column[d] as bigint);
    j++;
  }
  return counts;
}

/** One network that is `extra` units wider than the minimal one. */
export interface RatioPoint {
  readonly extra: number;
  /** G(r - k, r + extra). */
  readonly critical: bigint;
  /** T(r, r + extra). */
  readonly expansion: bigint;
  readonly ratio: number;
  readonly log10Ratio: number;
  /** What the ratio tends to as r grows: r^k h! / (2^k (h + k)!). */
  readonly asymptotic: number;
}

/**
 * G(r - k, r + h) / T(r, r + h) for h = 0 .. `most`, where r is the minimal width and k how many units `fewer` the
 * critical points have: saddles against global minima (Simsek 2021, arXiv 2105.12221).
 */
export function ratioCurve(minimal: number, { fewer, most }: { fewer: number; most: number }): RatioPoint[] {
  checkFewer(minimal, fewer);
  const expansions = expansionCounts(minimal, most);
  const column = stirlingColumn(minimal - fewer, fewer + most);
  const copies = factorial(minimal - fewer);
  return expansions.map((expansion, extra) => {
    const critical = copies * (column[fewer + extra] as bigint);
    return {
      extra,
      critical,
      expansion,
      ratio: quotient(critical, expansion),
      log10Ratio: log10(critical) - log10(expansion),
      asymptotic: asymptoticRatio(minimal, fewer, extra),
    };
  });
}

/** The fewest extra units from which on there are more global minima than saddles of k units fewer: G < T. */
export function crossing(minimal: number, fewer: number): number {
  for (let most = 16; ; most *= 2) {
    const found = ratioCurve(minimal, { fewer, most }).find(({ critical, expansion }) => critical < expansion);
    if (found) return found.extra;
  }
}

function asymptoticRatio(minimal: number, fewer: number, extra: number): number {
  return Array.from({ length: fewer }, (_, i) => minimal / (2 * (extra + i + 1))).reduce((a, b) => a * b, 1);
}

function checkFewer(minimal: number, fewer: number): void {
  checkWhole("minimal width", minimal, 1);
  checkWhole("fewer units", fewer);
  check(fewer < minimal, () => ({
    code: "bad-count",
    where: "fewer units",
    message: `expected fewer than the minimal width ${minimal}, got ${fewer}`,
  }));
}

/** The place of a subspace in the expansion manifold, as far as its dimension depends on it. */
export interface SubspaceShape {
  readonly minimal: number;
  readonly width: number;
  readonly zeroGroups: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** dim = (m - r - j) outputs + j inputs, where j is the number of zero-type groups (Simsek 2021, arXiv 2105.12221). */
export function subspaceDimension({ minimal, width, zeroGroups, inputs, outputs }: SubspaceShape): number {
  checkExpansion(minimal, width);
  for (const [name, value] of Object.entries({ inputs, outputs })) checkWhole(name, value, 1);
  checkWhole("zero-type groups", zeroGroups);
  check(zeroGroups <= width - minimal, () => ({
    code: "bad-count",
    where: "zero-type groups",
    message: `expected at most ${width - minimal}, one per extra unit, got ${zeroGroups}`,
  }));
  return (width - minimal - zeroGroups) * outputs + zeroGroups * inputs;
}
