import { act, type Factor, type GroupElement, type SymmetryGroup, sourceCopy } from "../../symmetry/index.ts";
import { assignHeads, type HeadSet } from "../heads/index.ts";
import {
  assignUnits,
  currentValue,
  gainsOf,
  innerProduct,
  type Matching,
  withBestSigns,
  withSecond,
  withSigns,
} from "../matching/index.ts";
import { bestMatrices, crossGram, identityMatrices, type Rotations } from "./best-matrices.ts";
import type { Rotation } from "./rotate.ts";

/** What is moved in one step, all else held: units of one factor, the matrices of one, or heads with all inside them. */
export type RotationBlock =
  | { readonly kind: "units" | "matrices"; readonly factor: number; readonly tensors: readonly string[] }
  | { readonly kind: "heads"; readonly set: HeadSet; readonly tensors: readonly string[] };

/** The blocks of a group; what permutes blocks of units in which no matrix acts is in none of them. */
export function blocksOf({ matching: { group, sites }, sets }: Rotations): RotationBlock[] {
  const outer = new Set(group.factors.flatMap(({ within }) => within.map(({ factor }) => factor)));
  const inHeads = new Set(sets.flatMap(({ heads, shares }) => [heads, ...shares.map(({ factor }) => factor)]));
  const single = group.factors.flatMap(({ matrix, permutes }, factor): RotationBlock[] => {
    if (inHeads.has(factor) || outer.has(factor)) return [];
    if (matrix === null && !permutes) return [];
    return [{ kind: matrix === null ? "units" : "matrices", factor, tensors: tensorsOf(group, sites, factor) }];
  });
  const heads = sets.map((set): RotationBlock => ({ kind: "heads", set, tensors: tensorsOfSet(group, sites, set) }));
  return [...single, ...heads];
}

function tensorsOf(group: SymmetryGroup, sites: Matching["sites"], factor: number): string[] {
  const own = [...(sites[factor] ?? []), ...(group.factors[factor]?.sites ?? [])].map(({ tensor }) => tensor);
  const { gains } = group.factors[factor] as Factor;
  return [...new Set(own)].filter((name) => !gains.includes(name));
}

function tensorsOfSet(group: SymmetryGroup, sites: Matching["sites"], { heads, queries, shares }: HeadSet): string[] {
  const factors = [heads, queries, ...shares.map(({ factor }) => factor)].filter((factor) => factor !== null);
  return [...new Set(factors.flatMap((factor) => tensorsOf(group, sites, factor)))];
}

/** What a block was moved to. */
export interface RotationStep {
  readonly rotation: Rotation;
  /** How much the objective rises. */
  readonly gain: number;
  /** Whether that is more than rounding. */
  readonly isBetter: boolean;
  /** How much more than this no assignment of the units can gain. */
  readonly gap: number;
}

interface Now {
  readonly rotation: Rotation;
  readonly signal?: AbortSignal | undefined;
}

/** The best that one block can do, all else held. */
export async function improved(work: Rotations, block: RotationBlock, now: Now): Promise<RotationStep> {
  const step =
    block.kind === "heads"
      ? await movedHeads(work, block.set, now)
      : await (block.kind === "units" ? assignedUnits : turnedUnits)(work, block.factor, now);
  if (!isRepeated(work, block)) return { ...step, isBetter: isBetter(work, step) };
  // Where a tensor has the same units along two axes gains hold for small steps only.
  const before = await objectiveIn(work, now.rotation, block.tensors);
  const value = await objectiveIn(work, step.rotation, block.tensors);
  const exact = { ...step, gain: value - before, value };
  return { ...exact, isBetter: isBetter(work, exact) };
}

interface Valued extends Omit<RotationStep, "isBetter"> {
  /** The part of the objective that the step is about. */
  readonly value: number;
}

/** Steps get ever smaller where matrices act on what is not alike; those that nobody would notice are not made. */
function isBetter({ matching: { a } }: Rotations, { gain, value }: Valued): boolean {
  const isDouble = Object.values(a).every(({ dtype }) => dtype === "float64");
  return gain > (isDouble ? 1e-8 : 1e-6) * Math.abs(value);
}

function isRepeated({ matching: { sites } }: Rotations, block: RotationBlock): boolean {
  if (block.kind === "heads") return false;
  const own = sites[block.factor] ?? [];
  const axes = new Set(own.map(({ tensor, run }) => `${tensor} ${run.place.axis}`));
  return axes.size > new Set(own.map(({ tensor }) => tensor)).size;
}

/** The part of the objective in some tensors. */
export async function objectiveIn(
  { matching: { group, a }, rotated }: Rotations,
  { element, matrices }: Rotation,
  names: readonly string[],
): Promise<number> {
  return innerProduct(a, act(group, element, await rotated.of(names, matrices)), names);
}

async function assignedUnits(work: Rotations, factor: number, { rotation, signal }: Now): Promise<Valued> {
  const { matching, rotated } = work;
  const { group, sites } = matching;
  const { element, matrices } = rotation;
  const own = group.factors[factor] as Factor;
  const { size } = own;
  const b = await rotated.of(tensorsOf(group, sites, factor), matrices);
  const gains = await gainsOf(withSecond(matching, b), factor, element);
  const { units, gap } = assignUnits(withBestSigns(gains), own, (copy) => ({
    start: (element.permutations[factor] as Int32Array).subarray(copy * size, (copy + 1) * size),
    signal,
  }));
  const moved = withSigns(gains, withUnits(element, [[factor, units]]), { factor, size });
  const value = currentValue(gains, moved, { factor, size });
  const gain = value - currentValue(gains, element, { factor, size });
  return { rotation: { element: moved, matrices }, gain, value, gap };
}

function withUnits(element: GroupElement, changes: readonly (readonly [number, Int32Array])[]): GroupElement {
  const all = new Map(changes);
  return { ...element, permutations: element.permutations.map((units, factor) => all.get(factor) ?? units) };
}

async function turnedUnits(work: Rotations, factor: number, { rotation }: Now): Promise<Valued> {
  const { element, matrices } = rotation;
  const { group, sites } = work.matching;
  const own = group.factors[factor] as Factor;
  const cross = await crossGram(work, factor, { rotation, names: tensorsOf(group, sites, factor) });
  const before = inPlaces(group, { factor, element }, matrices[factor] ?? identityMatrices(own));
  const best = await bestMatrices(work, own, { cross, start: before });
  const value = dot(best, cross);
  return {
    rotation: { element, matrices: matrices.with(factor, asStored(group, { factor, element }, best)) },
    gain: value - dot(before, cross),
    value,
    gap: 0,
  };
}

interface Copies {
  readonly factor: number;
  readonly element: GroupElement;
}

/** Matrices copy after copy as these are stored, in the order in which the element places them. */
function inPlaces(group: SymmetryGroup, { factor, element }: Copies, stored: Float64Array): Float64Array {
  const { copies } = group.factors[factor] as Factor;
  const length = stored.length / copies;
  const placed = new Float64Array(stored.length);
  for (let copy = 0; copy < copies; copy++) {
    const from = sourceCopy(group, factor, { element, copy }) * length;
    placed.set(stored.subarray(from, from + length), copy * length);
  }
  return placed;
}

function asStored(group: SymmetryGroup, { factor, element }: Copies, placed: Float64Array): Float64Array {
  const { copies } = group.factors[factor] as Factor;
  const length = placed.length / copies;
  const stored = new Float64Array(placed.length);
  for (let copy = 0; copy < copies; copy++) {
    const to = sourceCopy(group, factor, { element, copy }) * length;
    stored.set(placed.subarray(copy * length, (copy + 1) * length), to);
  }
  return stored;
}

function dot(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, each, i) => sum + each * (y[i] as number), 0);
}

/** The better of the heads as they are and as what no matrix changes assigns them, each with the best matrices inside. */
async function movedHeads(work: Rotations, set: HeadSet, { rotation }: Now): Promise<Valued> {
  const { matching, rotated } = work;
  const { group, sites } = matching;
  const { element, matrices } = rotation;
  const names = tensorsOfSet(group, sites, set);
  const inner = set.shares.map(({ factor }) => factor);
  const b = await rotated.of(names, matrices, inner);
  const { heads, queries } = await assignHeads({ ...matching, b }, set, element);
  const assigned = withUnits(element, [
    ...(set.heads === null ? [] : [[set.heads, heads] as const]),
    ...(set.queries === null ? [] : [[set.queries, queries] as const]),
  ]);
  const before = await objectiveIn(work, rotation, names);
  let best: Valued | null = null;
  for (const each of [assigned, element]) {
    const turned = await withMatricesInside(work, set, { element: each, matrices });
    const value = await objectiveIn(work, turned, names);
    if (!best || value > best.value) best = { rotation: turned, gain: value - before, value, gap: 0 };
  }
  return best as Valued;
}

async function withMatricesInside(work: Rotations, set: HeadSet, rotation: Rotation): Promise<Rotation> {
  const { matching, rotated } = work;
  let turned = rotation;
  for (const { factor } of set.shares) turned = (await turnedUnits(work, factor, { rotation: turned })).rotation;
  const { heads } = set;
  const { group, sites } = matching;
  if (heads === null || !group.generators.some((each) => each.factor === heads && each.kind === "sign")) return turned;
  const b = await rotated.of(tensorsOf(group, sites, heads), turned.matrices);
  const gains = await gainsOf(withSecond(matching, b), heads, turned.element);
  const { size } = group.factors[heads] as Factor;
  return { ...turned, element: withSigns(gains, turned.element, { factor: heads, size }) };
}
