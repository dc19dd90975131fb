import {
  type Block,
  type Layout,
  layoutOfOne,
  type Run,
  refold,
  runsOf,
  type SymmetryGroup,
  type Unfolding,
  unfoldingOf,
} from "../../symmetry/index.ts";
import { type Tensor, tensor, zeros } from "../../tensor/index.ts";

/** One place of a factor's units in a parameter. */
export interface SiteRun {
  readonly tensor: string;
  readonly layout: Layout;
  readonly run: Run;
  readonly unfolding: Unfolding;
  /** The same with a row for every entry of a unit: [copies, length, units]. */
  readonly columns: Unfolding;
  /** The layout with these units left in their places and unflipped, whatever an element does to all others. */
  readonly others: Layout;
  /** Null where the units are blocks of others, which an element may move differently in each. */
  readonly one: OneUnit | null;
  /** Whether no element moves anything but the units themselves. */
  readonly isFixed: boolean;
  /** Sign generators that flip the entries along this run. */
  readonly signs: readonly number[];
}

/** Every place of every factor's units. */
export function siteRuns(group: SymmetryGroup): SiteRun[][] {
  const sites: SiteRun[][] = group.factors.map(() => []);
  for (const [tensor, layout] of Object.entries(group.layouts)) {
    for (const run of layout.axes.flatMap(runsOf)) {
      if (run.factor === null) continue;
      const signs = signsOf(group, run);
      const others = {
        ...layout,
        axes: layout.axes.map((blocks) => blocks.map((block) => without(block, run, signs))),
      };
      const unfolding = unfoldingOf(layout, run);
      const one = isOuter(layout, run) ? null : oneUnit(layout, run, unfolding);
      const isFixed = others.axes.flatMap(runsOf).every((each) => isStill(group, each));
      sites[run.factor]?.push({
        tensor,
        layout,
        run,
        unfolding,
        columns: turned(unfolding),
        others,
        one,
        isFixed,
        signs,
      });
    }
  }
  return sites;
}

/** Whether no match moves or flips the entries along a run. */
export function isStill(group: SymmetryGroup, run: Run): boolean {
  return run.factor === null && signsOf(group, run).length === 0;
}

function signsOf({ generators }: SymmetryGroup, { powers }: Run): number[] {
  return powers
    .filter(({ generator, exponent }) => generators[generator]?.kind === "sign" && exponent % 2 !== 0)
    .map(({ generator }) => generator);
}

function turned({ copies, units, length, outer, inner }: Unfolding): Unfolding {
  // No axis has a part of the other's unit, copy or entry: what they add to a place can be turned on its own.
  const [starts, steps] = [outer, inner].map((places) =>
    places.map((place) => {
      if (place < 0) return place;
      const row = Math.floor(place / length);
      const unit = row % units;
      return (row - unit) * length + (place % length) * units + unit;
    }),
  ) as [Int32Array, Int32Array];
  const isPlain = starts.every((place, i) => place === i * steps.length) && steps.every((place, i) => place === i);
  return { copies, units: length, length: units, outer: starts, inner: steps, isPlain };
}

function without(block: Block, run: Run, signs: readonly number[]): Block {
  if ("sum" in block) return { ...block, sum: block.sum.map((part) => part.map((each) => without(each, run, signs))) };
  if (block !== run) return block;
  return { ...block, factor: null, powers: block.powers.filter(({ generator }) => !signs.includes(generator)) };
}

/** The entries of one unit, numbered from 1 in the order of their unfolding: as an element moves these, so it moves all. */
export interface OneUnit {
  readonly layout: Layout;
  readonly unfolding: Unfolding;
  readonly numbers: Tensor;
}

function oneUnit(of: Layout, run: Run, { copies, length }: Unfolding): OneUnit {
  const { layout, run: own } = layoutOfOne(of, run);
  const unfolding = unfoldingOf(layout, own);
  const numbers = tensor(
    "float64",
    [copies, 1, length],
    Float64Array.from({ length: copies * length }, (_, i) => i + 1),
  );
  return { layout, unfolding, numbers: refold(unfolding, numbers, zeros("float64", layout.shape)) };
}

function isOuter({ axes }: Layout, { place }: Run): boolean {
  const within = axes.flatMap(runsOf).flatMap((run) => [...run.within, ...run.powers.flatMap((power) => power.within)]);
  return within.some(({ axis, leaf }) => axis === place.axis && leaf === place.leaf);
}
