import type { Factor, Layout, Place, SymmetryGroup } from "./group.ts";
import { runsOf } from "./indexing.ts";
import { digitsAlong, type Strand, strandsOf } from "./strands.ts";
import { type Unfolding, unfoldingByRows } from "./unfold.ts";

/**
 * The units of a matrix group along one axis of a parameter, as rows: [copies, units, the rest], or for planes [planes,
 * copies, the rest], once for the real parts and once for the imaginary ones.
 */
export interface StrandUnfolding {
  readonly parts: readonly Unfolding[];
  /** Whether the inverse transpose acts there. */
  readonly isRead: boolean;
  /** How many units of the inner factor each copy has here, the last part of its number. */
  readonly inner: number;
}

/** Every strand of a factor in a parameter; copies are numbered together with the units of `inner` where it lies beside them. */
export function strandUnfoldings(
  group: SymmetryGroup,
  factorIndex: number,
  layout: Layout,
  inner: number | null = null,
): StrandUnfolding[] {
  const factor = group.factors[factorIndex] as Factor;
  return strandsOf(group, factorIndex, layout).map((strand) => {
    const place = innerPlace(layout, strand, inner);
    const apart = factor.matrix === "rotary" ? [0, strand.apart] : [0];
    return {
      parts: apart.map((shift) => unfoldingAt(layout, { strand, factor, place, shift })),
      isRead: strand.isRead,
      inner: place?.size ?? 1,
    };
  });
}

/** The factor that permutes blocks of the factor's units beside its copies, as queries that share a key; null for none. */
export function innerFactor(group: SymmetryGroup, factorIndex: number): number | null {
  const { within } = group.factors[factorIndex] as Factor;
  const outer = new Set(within.map(({ factor }) => factor));
  for (const layout of Object.values(group.layouts)) {
    for (const { axis, starts } of strandsOf(group, factorIndex, layout)) {
      for (const { factor, place } of runsOf(layout.axes[axis] ?? [])) {
        if (factor === null || factor === factorIndex || outer.has(factor)) continue;
        const isBlock = group.factors[factor]?.matrix === null && contains(layout, place, starts);
        if (isBlock) return factor;
      }
    }
  }
  return null;
}

function innerPlace(layout: Layout, { axis, starts }: Strand, inner: number | null): Place | null {
  const runs = inner === null ? [] : runsOf(layout.axes[axis] ?? []).filter(({ factor }) => factor === inner);
  return runs.find(({ place }) => contains(layout, place, starts))?.place ?? null;
}

/** Whether each of the indices of its axis lies in a leaf. */
function contains(layout: Layout, place: Place, starts: readonly number[]): boolean {
  const digits = digitsAlong(layout, place);
  return starts.every((start) => (digits[start] as number) >= 0);
}

interface Rows {
  readonly strand: Strand;
  readonly factor: Factor;
  readonly place: Place | null;
  /** From the real part of a plane. */
  readonly shift: number;
}

function unfoldingAt(layout: Layout, { strand, factor, place, shift }: Rows): Unfolding {
  const { size, copies, matrix } = factor;
  const blocks = copies * (place?.size ?? 1);
  const isPlane = matrix === "rotary";
  const [unitWeight, blockWeight] = isPlane ? [blocks, 1] : [1, size];
  const digits = [
    ...strand.within,
    ...(place ? [{ axis: place.axis, size: place.size, digits: digitsAlong(layout, place) }] : []),
  ];
  const rows = layout.shape.map((length) => new Int32Array(length));
  let weight = blockWeight;
  for (const { axis, size: count, digits: own } of digits.toReversed()) {
    const target = rows[axis] as Int32Array;
    for (const [index, digit] of own.entries()) target[index] = (target[index] as number) + weight * digit;
    weight *= count;
  }
  const own = rows[strand.axis] as Int32Array;
  const along = new Int32Array(own.length).fill(-1);
  for (const start of strand.starts) {
    for (let unit = 0; unit < size; unit++) {
      const index = start + unit * strand.step + shift;
      along[index] = (own[index] as number) + unit * unitWeight;
    }
  }
  rows[strand.axis] = along;
  const [outer, units] = isPlane ? [size, blocks] : [blocks, size];
  return unfoldingByRows(rows, { copies: outer, units });
}
