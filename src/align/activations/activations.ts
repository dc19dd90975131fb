import { topologicalOrder, type Value } from "../../graph/index.ts";
import { type Block, type Discovery, type Layout, type Place, type Run, runsOf } from "../../symmetry/index.ts";
import { isFloat } from "../../tensor/index.ts";

/** A value of a graph in which the units of a factor are compared. */
export interface Activation {
  readonly value: Value;
  /** [copies, units, samples and all other axes]. */
  readonly unfolded: Value;
  /** Sign generators that flip the units there. */
  readonly signs: readonly number[];
}

/**
 * For every one of `factors` the values in which its units are compared, all of which depend on the input called
 * `sample`: those whose units something sums over, as the next layer does, or else the last one; and for signs that do
 * not show there, as before a norm, the last values that they flip.
 */
export function activationsOf(
  { group, outputs, layoutOf }: Discovery,
  { sample, factors }: { readonly sample: string; readonly factors: ReadonlySet<number> },
): Activation[][] {
  const bearers = dependents(outputs, sample).map((value): Bearer => {
    const layout = layoutOf(value);
    return { value, layout, runs: layout.axes.flatMap(runsOf) };
  });
  const summed = summedFactors(bearers);
  const isUnmatched = (run: Run) => (run.factor !== null && factors.has(run.factor)) || signsOf(group, run).length > 0;
  return group.factors.map((_, factor) => {
    if (!factors.has(factor)) return [];
    const all = bearers.flatMap((bearer) => {
      const run = bearer.runs.find((each) => each.factor === factor);
      if (!run || !isFloat(bearer.value.dtype)) return [];
      const unfolded = unfoldValue(bearer, run, isUnmatched);
      return unfolded ? [{ value: bearer.value, unfolded, signs: signsOf(group, run) }] : [];
    });
    const summing = all.filter(({ value }) => summed.get(value)?.has(factor));
    const read = summing.length > 0 ? summing : all.slice(-1);
    return [...read, ...lastFlipped(all, new Set(read.flatMap(({ signs }) => signs)))];
  });
}

/** A value that may be indexed by units. */
interface Bearer {
  readonly value: Value;
  readonly layout: Layout;
  readonly runs: readonly Run[];
}

function dependents(outputs: readonly Value[], sample: string): Value[] {
  const found = new Set<Value>();
  for (const value of topologicalOrder(outputs)) {
    const isSample = value.op === "Input" && (value as Value<"Input">).attributes.name === sample;
    if (isSample || value.operands.some((operand) => found.has(operand))) found.add(value);
  }
  return [...found];
}

/** The factors of each value that do not index all that is computed from it. */
function summedFactors(bearers: readonly Bearer[]): ReadonlyMap<Value, ReadonlySet<number>> {
  const factors = new Map(bearers.map(({ value, runs }) => [value, new Set(runs.map(({ factor }) => factor))]));
  const summed = new Map(bearers.map(({ value }) => [value, new Set<number>()]));
  for (const { value } of bearers) {
    for (const operand of value.operands) {
      for (const factor of factors.get(operand) ?? []) {
        if (factor !== null && !factors.get(value)?.has(factor)) summed.get(operand)?.add(factor);
      }
    }
  }
  return summed;
}

function lastFlipped(activations: readonly Activation[], known: ReadonlySet<number>): Activation[] {
  const seen = new Set(known);
  return activations.toReversed().filter(({ signs }) => {
    const isNew = signs.some((generator) => !seen.has(generator));
    for (const generator of signs) seen.add(generator);
    return isNew;
  });
}

function signsOf({ generators }: Discovery["group"], { powers }: Run): number[] {
  return powers
    .filter(({ generator, exponent }) => generators[generator]?.kind === "sign" && exponent % 2 !== 0)
    .map(({ generator }) => generator);
}

/**
 * A value as [copies, units, the rest]; null where the copies and the units of a run are in different parts of an axis, or
 * where the rest are other units in an order still unknown, so that entries cannot be compared one by one.
 */
function unfoldValue({ value, layout }: Bearer, run: Run, isUnmatched: (other: Run) => boolean): Value | null {
  const { place, within, size } = run;
  let split: Split | null = { value, blocks: layout.axes.flat() };
  for (const each of [...within, place]) split &&= cutOut(split, each);
  if (!split || runsOf(split.blocks).some((each) => each !== run && isUnmatched(each))) return null;
  const { blocks } = split;
  const first = [...within, place].map((each) => blocks.findIndex((block) => holds([block], each)));
  const rest = [...blocks.keys()].filter((axis) => !first.includes(axis));
  const copies = within.reduce((count, outer) => count * outer.size, 1);
  return split.value
    .reshape(blocks.map((block) => block.size))
    .transpose([...first, ...rest])
    .reshape([copies, size, -1]);
}

/** A value, and the blocks that its elements are an array of. */
interface Split {
  readonly value: Value;
  readonly blocks: readonly Block[];
}

/** The part of a value that has a place as a block of its own; null where it has none such. */
function cutOut({ value, blocks }: Split, place: Place): Split | null {
  const axis = blocks.findIndex((block) => holds([block], place));
  const block = blocks[axis];
  if (!block || !("sum" in block)) return block ? { value, blocks } : null;
  const index = block.sum.findIndex((part) => holds(part, place));
  const part = block.sum[index] as readonly Block[];
  const start = block.sum.slice(0, index).reduce((sum, before) => sum + sizeOf(before), 0);
  const own = value.reshape(blocks.map(({ size }) => size)).slice(axis, start, start + sizeOf(part));
  return cutOut({ value: own, blocks: blocks.toSpliced(axis, 1, ...part) }, place);
}

function holds(blocks: readonly Block[], { axis, leaf }: Place): boolean {
  return runsOf(blocks).some(({ place }) => place.axis === axis && place.leaf === leaf);
}

function sizeOf(blocks: readonly Block[]): number {
  return blocks.reduce((size, block) => size * block.size, 1);
}
