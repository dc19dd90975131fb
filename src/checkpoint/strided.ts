import { elementCount, type Shape, stridesOf, viewBytes } from "../tensor/index.ts";

const words = { 1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64" } as const;

/** Bytes of an element that can be gathered. */
export type WordBytes = keyof typeof words;

/** Where the elements of a tensor lie: element i is at the sum of i[axis] * strides[axis]. */
export interface StridedLayout {
  readonly shape: Shape;
  /** In elements, none negative. */
  readonly strides: readonly number[];
}

/** Whether the elements follow each other in row-major order. */
export function isRowMajor({ shape, strides }: StridedLayout): boolean {
  const dense = stridesOf(shape);
  return elementCount(shape) === 0 || shape.every((size, axis) => size === 1 || strides[axis] === dense[axis]);
}

/** Elements from the first to the last, both included. */
export function spanOf({ shape, strides }: StridedLayout): number {
  if (elementCount(shape) === 0) return 0;
  return shape.reduce((span, size, axis) => span + (size - 1) * (strides[axis] as number), 1);
}

/** The elements in row-major order, out of bytes that start at the first one. */
export function gather(
  bytes: Uint8Array<ArrayBuffer>,
  wordBytes: WordBytes,
  layout: StridedLayout,
): Uint8Array<ArrayBuffer> {
  const count = elementCount(layout.shape);
  const gathered = new Uint8Array(count * wordBytes);
  if (count === 0) return gathered;
  const from = viewBytes(words[wordBytes], bytes) as Uint32Array;
  const to = viewBytes(words[wordBytes], gathered) as Uint32Array;
  const axes = layout.shape.flatMap((size, axis) =>
    size === 1 ? [] : [{ size, stride: layout.strides[axis] as number }],
  );
  let at = 0;
  const copy = (axis: number, start: number) => {
    const { size, stride } = axes[axis] ?? { size: 1, stride: 0 };
    const isLast = axis >= axes.length - 1;
    for (let i = 0; i < size; i++) {
      if (isLast) to[at++] = from[start + i * stride] as number;
      else copy(axis + 1, start + i * stride);
    }
  };
  copy(0, 0);
  return gathered;
}
