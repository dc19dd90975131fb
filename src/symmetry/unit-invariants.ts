import { stridesOf, type Tensor } from "../tensor/index.ts";
import type { Layout, SymmetryGroup } from "./group.ts";
import { runsOf } from "./indexing.ts";

/**
 * Numbers of an activation that no permutation, scale or sign of the group changes: along every axis of free units their
 * norms in ascending order, |x|_2, or |x|_1 / |x|_2 where units may be scaled. Units that matrices may mix are left out.
 */
export function unitInvariants(group: SymmetryGroup, layout: Layout, { shape, data }: Tensor<"float64">): Float64Array {
  const runs = layout.axes.map(runsOf);
  const free = runs.flatMap((own, axis) => {
    const isFree = own.some(({ factor, powers }) => factor !== null || powers.length > 0);
    return isFree ? [axis] : [];
  });
  if (free.length === 0) return data;
  const isScaled = runs.some((own) =>
    own.some(({ powers }) => powers.some((power) => isScale(group, power.generator))),
  );
  const isMixed = (axis: number) =>
    runs[axis]?.some(({ factor }) => factor !== null && group.factors[factor]?.matrix != null) ?? false;
  const norms = free.filter((axis) => !isMixed(axis)).map((axis) => sortedNorms({ shape, data }, axis, isScaled));
  return Float64Array.from(norms.flatMap((each) => [...each]));
}

function isScale({ generators }: SymmetryGroup, generator: number): boolean {
  return generators[generator]?.kind === "scale";
}

function sortedNorms(
  { shape, data }: Pick<Tensor<"float64">, "shape" | "data">,
  axis: number,
  isScaled: boolean,
): Float64Array {
  const [size, stride] = [shape[axis] as number, stridesOf(shape)[axis] as number];
  const [sums, squares] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < data.length; i++) {
    const unit = Math.floor(i / stride) % size;
    const x = data[i] as number;
    sums[unit] = (sums[unit] as number) + Math.abs(x);
    squares[unit] = (squares[unit] as number) + x * x;
  }
  const norms = squares.map((square, unit) => {
    const norm = Math.sqrt(square);
    return isScaled ? (sums[unit] as number) / (norm || 1) : norm;
  });
  return norms.sort();
}
