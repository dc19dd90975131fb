import { type Factor, type Run, runsOf, type SymmetryGroup } from "../../symmetry/index.ts";
import { isStill, type Matching, type SiteRun } from "../matching/index.ts";
import { blockFactors } from "./free-factors.ts";

/** A set of units, and its anchors: sites where everything else has its place by then. */
export interface Placing {
  readonly factor: number;
  /** None where too few weights would tell the units apart. */
  readonly anchors: readonly SiteRun[];
}

/**
 * An order in which units can be matched to what is placed already: inputs and outputs, whose order is fixed, blocks, and
 * sets before them, of which that with the longest anchors is always next. Those that remain come last.
 */
export function placingOrder(group: SymmetryGroup, sites: Matching["sites"]): Placing[] {
  const { factors } = group;
  const placed = new Set([...factors.keys()].filter((factor) => !factors[factor]?.permutes));
  const order: Placing[] = [];
  const place = (placing: Placing) => {
    placed.add(placing.factor);
    order.push(placing);
  };
  for (const factor of outerFirst(group, blockFactors(group))) place({ factor, anchors: [] });
  for (let next = longest(); next; next = longest()) place(next);
  for (const factor of factors.keys()) if (!placed.has(factor)) place({ factor, anchors: [] });
  return order;

  function longest(): Placing | null {
    let [best, most] = [null as Placing | null, 0];
    for (const [factor, { size }] of factors.entries()) {
      if (placed.has(factor)) continue;
      const anchors = (sites[factor] ?? []).filter((site) => isAnchored(group, site, placed));
      // Biases and norms of networks that are not trained yet tell no units apart.
      const length = anchors.reduce((sum, { unfolding }) => sum + (unfolding.length > 1 ? unfolding.length : 0), 0);
      if (length > most && length >= lengthToTell(size)) [best, most] = [{ factor, anchors }, length];
    }
    return best;
  }
}

/** Under noise as large as the weights each tells half a bit. */
function lengthToTell(units: number): number {
  return 2 * Math.log2(units);
}

function isAnchored(group: SymmetryGroup, { one, others }: SiteRun, placed: ReadonlySet<number>): boolean {
  const isPlaced = (run: Run) => (run.factor === null ? isStill(group, run) : placed.has(run.factor));
  return one !== null && others.axes.flatMap(runsOf).every(isPlaced);
}

/** Blocks after those that they are inside of. */
function outerFirst({ factors }: SymmetryGroup, blocks: ReadonlySet<number>): Set<number> {
  const ordered = new Set<number>();
  const visit = (factor: number) => {
    for (const outer of (factors[factor] as Factor).within) if (outer.factor !== null) visit(outer.factor);
    if (factors[factor]?.permutes) ordered.add(factor);
  };
  for (const factor of blocks) visit(factor);
  return ordered;
}
