import { check } from "../errors.ts";
import { elementCount, stridesOf } from "../tensor/index.ts";
import type { Block, Factor, Layout, Place, Run, SymmetryGroup } from "./group.ts";
import { type Context, keyOf, locate } from "./indexing.ts";

/** A factor on whose units matrices act. */
export function matrixFactor(group: SymmetryGroup, index: number): Factor {
  const factor = group.factors[index];
  check(factor?.matrix, () => ({
    code: "no-matrix-group",
    where: `factor ${factor ? `"${factor.name}"` : index}`,
    message: "expected one on whose units matrices act, got one that has only permutations, scales and signs",
  }));
  return factor as Factor;
}

/** Units of the factor along one axis of a parameter. */
export interface Strand {
  readonly axis: number;
  /** Where unit 0 lies, once for each index of what else the axis is made of. */
  readonly starts: readonly number[];
  /** From one unit to the next. */
  readonly step: number;
  /** From the real part of a plane to the imaginary one; 0 where units are not planes. */
  readonly apart: number;
  /** Where the index of the copy is found: along which axis, and the digit at each index of it. */
  readonly within: readonly { readonly axis: number; readonly size: number; readonly digits: Int32Array }[];
  readonly isRead: boolean;
}

interface Marked {
  readonly run: Run;
  readonly within: readonly Place[];
  readonly isRead: boolean;
}

/** Where a parameter has units of the factor: its own order for orthogonal matrices, its scaling for all others. */
export function strandsOf(group: SymmetryGroup, factorIndex: number, layout: Layout): Strand[] {
  const { matrix } = group.factors[factorIndex] as Factor;
  const isOrthogonal = matrix === "orthogonal" || matrix === "orthogonal-mean";
  const scale = group.generators.findIndex(({ kind, factor }) => kind === "scale" && factor === factorIndex);
  if (scale < 0 && !isOrthogonal) throw new Error(`internal: nothing scales the units of factor ${factorIndex}`);
  const mark = (run: Run): Marked[] => {
    if (isOrthogonal) return run.factor === factorIndex ? [{ run, within: run.within, isRead: false }] : [];
    const power = run.powers.find(({ generator }) => generator === scale);
    return power ? [{ run, within: power.within, isRead: power.exponent < 0 }] : [];
  };
  return layout.axes.flatMap((blocks, axis) => {
    const marked = runsWithNext(blocks).flatMap(({ run, next }) => mark(run).map((each) => ({ ...each, next })));
    const strands = marked.map(({ next, ...each }) => ({ next, strand: strandOf(layout, axis, each) }));
    return matrix === "rotary" ? planesOf(strands) : strands.map(({ strand }) => strand);
  });
}

interface RunWithNext {
  readonly run: Run;
  /** The block by which the run is followed in its product. */
  readonly next: Block | undefined;
}

function runsWithNext(blocks: readonly Block[]): RunWithNext[] {
  return blocks.flatMap((block, i) =>
    "sum" in block ? block.sum.flatMap(runsWithNext) : [{ run: block, next: blocks[i + 1] }],
  );
}

/** Neighbours are one strand already; halves follow each other as two. */
function planesOf(strands: readonly { readonly strand: Strand; readonly next: Block | undefined }[]): Strand[] {
  const planes: Strand[] = [];
  for (let i = 0; i < strands.length; i++) {
    const { strand, next } = strands[i] as (typeof strands)[number];
    if (next) {
      planes.push({ ...strand, starts: strand.starts.filter((_, index) => index % 2 === 0), apart: 1 });
      continue;
    }
    const imaginary = strands[++i]?.strand as Strand;
    planes.push({ ...strand, apart: (imaginary.starts[0] as number) - (strand.starts[0] as number) });
  }
  return planes;
}

function strandOf(layout: Layout, axis: number, { run, within, isRead }: Marked): Strand {
  const digits = digitsAlong(layout, run.place);
  const starts = [...digits.keys()].filter((index) => digits[index] === 0);
  return {
    axis,
    starts,
    step: digits.indexOf(1) - digits.indexOf(0),
    apart: 0,
    within: within.map((place) => ({ axis: place.axis, size: place.size, digits: digitsAlong(layout, place) })),
    isRead,
  };
}

/** The index along a leaf at every index of its axis; -1 in other parts of a direct sum. */
export function digitsAlong({ axes, shape }: Layout, place: Place): Int32Array {
  const key = keyOf(place);
  return Int32Array.from({ length: shape[place.axis] as number }, (_, index) => {
    const context: Context = new Map();
    locate(axes[place.axis] as readonly Block[], index, context);
    return context.get(key) ?? -1;
  });
}

/** Visits unit 0 of every line of units, with the distance between units and the copy. */
export function eachLine(
  { shape }: Layout,
  { axis, starts, step, within }: Strand,
  visit: (start: number, stride: number, copy: number) => void,
): void {
  const strides = stridesOf(shape);
  const [stride, size] = [strides[axis] as number, shape[axis] as number];
  const places = within.map((place) => ({ ...place, stride: strides[place.axis] as number }));
  for (let outer = 0; outer < elementCount(shape); outer += stride * size) {
    for (const start of starts) {
      for (let inner = 0; inner < stride; inner++) {
        const at = outer + start * stride + inner;
        let copy = 0;
        for (const place of places) {
          const index = Math.floor(at / place.stride) % (shape[place.axis] as number);
          copy = copy * place.size + (place.digits[index] as number);
        }
        visit(at, step * stride, copy);
      }
    }
  }
}
