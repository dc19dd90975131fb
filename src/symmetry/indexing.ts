import type { Block, Layout, Place, Run } from "./group.ts";

/** The index along each leaf that has been fixed. */
export type Context = Map<string, number>;

/** The name of a leaf in a context. */
export function keyOf({ axis, leaf }: Place): string {
  return `${axis}.${leaf}`;
}

/** Every run of an axis, in the order of its leaves. */
export function runsOf(blocks: readonly Block[]): Run[] {
  return blocks.flatMap((block) => ("sum" in block ? block.sum.flatMap(runsOf) : [block]));
}

/** Number of indices. */
export function sizeOf(blocks: readonly Block[]): number {
  return blocks.reduce((size, block) => size * block.size, 1);
}

/** Writes down the index along each leaf at one index of an axis. */
export function locate(blocks: readonly Block[], index: number, context: Context): void {
  let rest = index;
  for (const [i, block] of blocks.entries()) {
    const inner = sizeOf(blocks.slice(i + 1));
    const digit = Math.floor(rest / inner);
    rest %= inner;
    if ("sum" in block) locateInSum(block.sum, digit, context);
    else context.set(keyOf(block.place), digit);
  }
}

function locateInSum(parts: readonly (readonly Block[])[], index: number, context: Context): void {
  let before = 0;
  for (const part of parts) {
    const size = sizeOf(part);
    if (index >= before && index < before + size) locate(part, index - before, context);
    before += size;
  }
}

/** The copy that the indices along `within` make. */
export function copyAt(within: readonly Place[], context: Context): number {
  return within.reduce((copy, place) => copy * place.size + (context.get(keyOf(place)) as number), 0);
}

/** The same memory with an axis for each block. */
export function apart({ axes, offset }: Layout): Layout {
  const blocks = axes.flat();
  const homes = new Map(
    blocks.flatMap((block, axis) => runsOf([block]).map(({ place }) => [keyOf(place), axis] as const)),
  );
  const placed = (place: Place): Place => ({ ...place, axis: homes.get(keyOf(place)) as number });
  const moved = (block: Block): Block => {
    if ("sum" in block) return { ...block, sum: block.sum.map((part) => part.map(moved)) };
    const powers = block.powers.map((power) => ({ ...power, within: power.within.map(placed) }));
    return { ...block, place: placed(block.place), within: block.within.map(placed), powers };
  };
  return { shape: blocks.map(({ size }) => size), axes: blocks.map((block) => [moved(block)]), offset };
}

/**
 * What the indices along one axis add to the number of a unit, counted through all copies of a run: -1 where the axis has
 * none of its units there.
 */
export function rowAt({ place, size, within }: Run, axis: number, context: Context): number {
  let [row, weight] = [0, size];
  for (const outer of within.toReversed()) {
    if (outer.axis === axis) row += weight * (context.get(keyOf(outer)) as number);
    weight *= outer.size;
  }
  if (place.axis !== axis) return row;
  const unit = context.get(keyOf(place));
  return unit === undefined ? -1 : row + unit;
}
