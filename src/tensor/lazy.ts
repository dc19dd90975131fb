import { check } from "../errors.ts";
import { bytesPerElement, type DType, type DTypeArrays } from "./dtype.ts";
import { elementCount, formatShape, type Shape } from "./shape.ts";
import { release, type Tensor } from "./tensor.ts";

/** Room for the elements of the lazy tensor that was asked last, so that asking it twice does not fetch them twice. */
export interface Shelf {
  holds: { readonly of: object; readonly data: unknown } | null;
}

/** An empty shelf. */
export function shelf(): Shelf {
  return { holds: null };
}

/** What is known of a lazy tensor before its elements are, and how they are had. */
export interface LazyTensor<D extends DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly load: () => DTypeArrays[D];
  /** Whether every load makes elements that nobody else has, as reading a file does. */
  readonly isFresh?: boolean;
}

const freshOn = new WeakMap<Tensor, Shelf>();

/**
 * A tensor whose elements are fetched whenever they are asked for, and kept only until another tensor on the same shelf
 * is asked. Who needs them for longer takes `data` once; what moves units of a lazy tensor is lazy too.
 */
export function lazyTensor<D extends DType>(
  { dtype, shape, load, isFresh = false }: LazyTensor<D>,
  on: Shelf,
): Tensor<D> {
  const made: Tensor<D> = {
    dtype,
    shape,
    get data(): DTypeArrays[D] {
      if (on.holds?.of === this) return on.holds.data as DTypeArrays[D];
      on.holds = null;
      const data = load();
      check(data.length === elementCount(shape), () => ({
        code: "bad-shape",
        where: "tensor",
        message: `shape ${formatShape(shape)} needs ${elementCount(shape)} elements, got ${data.length}`,
      }));
      on.holds = { of: this, data };
      return data;
    },
  };
  if (isFresh) freshOn.set(made, on);
  return made;
}

/**
 * Gives the memory of elements that were fetched for the caller alone back at once, not only when the collector comes by:
 * it counts little of what typed arrays take. Asked for again, they are fetched again.
 */
export function letGo(...values: readonly Tensor[]): void {
  for (const value of values) {
    const on = freshOn.get(value);
    if (on?.holds?.of !== value) continue;
    const data = on.holds.data as Uint8Array<ArrayBuffer>;
    on.holds = null;
    // A part of a file that is in memory is not the caller's.
    if (data.byteLength === data.buffer.byteLength) release(data);
  }
}

/** Whether the elements are fetched when they are asked for. */
export function isLazy(value: Tensor): boolean {
  return Object.getOwnPropertyDescriptor(value, "data")?.get !== undefined;
}

/** The tensor with its elements in memory. */
export function held<D extends DType>({ dtype, shape, data }: Tensor<D>): Tensor<D> {
  return { dtype, shape, data };
}

/** Bytes that the elements take, which need not be in memory for that. */
export function byteLength({ dtype, shape }: Tensor): number {
  return elementCount(shape) * bytesPerElement(dtype);
}
