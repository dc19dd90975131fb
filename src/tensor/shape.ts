import { check } from "../errors.ts";

/** Sizes of the axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements of a shape. */
export function elementCount(shape: Shape): number {
  return shape.reduce((count, size) => count * size, 1);
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** `[2, 3]`, as error messages and tables show it. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** The shape of an elementwise operation on operands of these shapes (NumPy's rule), or null where they do not fit. */
export function broadcastShapes(...shapes: Shape[]): Shape | null {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const axis = rank - shape.length + i;
      const size = shape[i] as number;
      if (size === 1 || size === result[axis]) continue;
      if (result[axis] !== 1) return null;
      result[axis] = size;
    }
  }
  return result;
}

/** Turns a possibly negative axis into 0..rank-1. */
export function normalizeAxis(axis: number, rank: number, where: string): number {
  const normal = axis < 0 ? axis + rank : axis;
  check(Number.isInteger(axis) && normal >= 0 && normal < rank, () => ({
    code: "axis-out-of-range",
    where,
    message: `axis ${axis} is outside a tensor of ${rank} axes`,
  }));
  return normal;
}

/** Throws unless every size is a non-negative safe integer and so is their product. */
export function checkShape(shape: Shape, where: string): void {
  check(
    shape.every((size) => Number.isSafeInteger(size) && size >= 0),
    () => ({
      code: "bad-shape",
      where,
      message: `expected a shape of non-negative whole numbers, got ${formatShape(shape)}`,
    }),
  );
  check(Number.isSafeInteger(elementCount(shape)), () => ({
    code: "bad-shape",
    where,
    message: `expected a shape of non-negative whole numbers, fewer than 2^53 elements in all, got ${formatShape(shape)}`,
  }));
}
