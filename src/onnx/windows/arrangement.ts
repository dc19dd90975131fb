import type { Value } from "../../graph/index.ts";
import { elementCount, type Shape } from "../../tensor/index.ts";

/** A digit of the position along one axis: `size` values that are `stride` positions apart. */
export interface Factor {
  readonly axis: number;
  readonly size: number;
  readonly stride: number;
}

/**
 * The order in memory of a tensor [N, ...] whose samples are innermost: a tensor [...sizes of the factors, N]. A position
 * p along an axis is the sum of digit x stride over that axis's factors.
 */
export type Arrangement = readonly Factor[];

/** A tensor [N, ...] of shape `shape`, kept as `value` in another order. */
export interface Placed {
  readonly value: Value;
  readonly arrangement: Arrangement;
  readonly shape: Shape;
}

/** Whole axes in the given order. */
export function axesInOrder(shape: Shape, axes: readonly number[]): Arrangement {
  return axes.map((axis) => ({ axis, size: shape[axis] as number, stride: 1 }));
}

export function sizesOf(factors: readonly Factor[]): number[] {
  return factors.map(({ size }) => size);
}

/** Positions along `axis` of every combination of digits, last factor fastest; other axes' digits leave it as it is. */
export function positionsAlong(axis: number, factors: readonly Factor[]): number[] {
  return factors.reduce(
    (positions: number[], factor) =>
      positions.flatMap((position) =>
        Array.from({ length: factor.size }, (_, digit) =>
          factor.axis === axis ? position + digit * factor.stride : position,
        ),
      ),
    [0],
  );
}

/** For each position along `axis`, how many blocks of N elements it lies behind the first. */
export function blocksAlong(axis: number, arrangement: Arrangement): number[] {
  const blocks: number[] = [];
  const own = arrangement.filter((factor) => factor.axis === axis);
  const steps = own.map((factor) => elementCount(sizesOf(arrangement.slice(arrangement.indexOf(factor) + 1))));
  const digits = positionsAlong(axis, own);
  const behind = positionsAlong(
    0,
    own.map(({ size }, i) => ({ axis: 0, size, stride: steps[i] as number })),
  );
  for (const [i, position] of digits.entries()) blocks[position] = behind[i] as number;
  return blocks;
}

/** The arrangement with the last digit of `axis` split into windows of `size`; null where they do not divide it. */
export function withWindows(arrangement: Arrangement, axis: number, size: number): Arrangement | null {
  if (size === 1) return arrangement;
  const at = arrangement.findIndex((factor) => factor.axis === axis && factor.stride === 1);
  const last = arrangement[at];
  if (!last || last.size % size !== 0) return null;
  const split = [
    { axis, size: last.size / size, stride: size },
    { axis, size, stride: 1 },
  ];
  return last.size === size ? arrangement : arrangement.toSpliced(at, 1, ...split);
}

/** The same order with as few factors as possible. */
export function merged(arrangement: Arrangement): Arrangement {
  const factors: Factor[] = [];
  for (const factor of arrangement) {
    const before = factors.at(-1);
    const continues = before?.axis === factor.axis && before.stride === factor.stride * factor.size;
    if (before && continues) factors.splice(-1, 1, { ...factor, size: before.size * factor.size });
    else factors.push(factor);
  }
  return factors;
}

export function sameArrangement(a: Arrangement, b: Arrangement): boolean {
  const isSame = (f: Factor, g?: Factor) => f.axis === g?.axis && f.size === g.size && f.stride === g.stride;
  return a.length === b.length && a.every((factor, i) => isSame(factor, b[i]));
}

/** Order of the factors that makes their tensor one of whole axes: `result[i]` is the place of the i-th in memory. */
function logicalOrder(arrangement: Arrangement): number[] {
  const significance = (i: number) => arrangement[i] as Factor;
  return arrangement
    .map((_, i) => i)
    .sort((a, b) => significance(a).axis - significance(b).axis || significance(b).stride - significance(a).stride);
}

/** The axes `perm` of a value, without moving memory where only axes of size 1 change places. */
export function moved(value: Value, perm: readonly number[]): Value {
  const large = perm.filter((axis) => value.shape[axis] !== 1);
  const isInPlace = large.every((axis, i) => i === 0 || axis > (large[i - 1] as number));
  return isInPlace ? value.reshape(perm.map((axis) => value.shape[axis] as number)) : value.transpose(perm);
}

/** A tensor that broadcasts to one [N, ...] of `rank` axes, in an arrangement of that. */
export function arrange(x: Value, arrangement: Arrangement, rank: number): Value {
  if (elementCount(x.shape) === 1) return x.reshape([]);
  const [samples, ...rest] = [...new Array<number>(rank - x.rank).fill(1), ...x.shape] as [number, ...number[]];
  const order = logicalOrder(arrangement);
  const sizes = order.map((i) => {
    const { axis, size } = arrangement[i] as Factor;
    return rest[axis - 1] === 1 ? 1 : size;
  });
  const rows = moved(x.reshape([samples, elementCount(rest)]), [1, 0]).reshape([...sizes, samples]);
  const back = order.map((_, i) => order.indexOf(i));
  return moved(rows, [...back, order.length]);
}

/** The tensor [N, ...] itself. */
export function restore({ value, arrangement, shape }: Placed): Value {
  const inner = moved(value, [...logicalOrder(arrangement), arrangement.length]);
  const samples = shape[0] as number;
  return moved(inner.reshape([elementCount(shape) / samples, samples]), [1, 0]).reshape(shape);
}
