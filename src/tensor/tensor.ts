import { check } from "../errors.ts";
import { allocate, bytesPerElement, type DType, type DTypeArrays, viewBytes } from "./dtype.ts";
import { checkShape, elementCount, formatShape, type Shape } from "./shape.ts";

/** A row-major array: element type, shape, and the typed array that holds the elements. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: DTypeArrays[D];
}

/** A tensor over `data` (not copied), whose length must be that of the shape. */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: DTypeArrays[D]): Tensor<D> {
  checkShape(shape, "tensor");
  check(data.length === elementCount(shape), () => ({
    code: "bad-shape",
    where: "tensor",
    message: `shape ${formatShape(shape)} needs ${elementCount(shape)} elements, got ${data.length}`,
  }));
  return { dtype, shape, data };
}

/** A tensor of zeros. */
export function zeros<D extends DType>(dtype: D, shape: Shape): Tensor<D> {
  checkShape(shape, "zeros");
  return { dtype, shape, data: allocate(dtype, elementCount(shape)) };
}

/** A tensor over raw little-endian bytes; copies only where their alignment demands it. */
export function tensorFromBytes<D extends DType>(dtype: D, shape: Shape, bytes: Uint8Array<ArrayBuffer>): Tensor<D> {
  const expected = elementCount(shape) * bytesPerElement(dtype);
  check(bytes.byteLength === expected, () => ({
    code: "bad-shape",
    where: "tensor",
    message: `${dtype} ${formatShape(shape)} needs ${expected} bytes, got ${bytes.byteLength}`,
  }));
  return tensor(dtype, shape, viewBytes(dtype, bytes));
}

/** The elements as raw little-endian bytes, sharing the tensor's memory. */
export function tensorBytes({ data }: Tensor): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The same elements under another shape, sharing memory. */
export function reshape<D extends DType>(value: Tensor<D>, shape: Shape): Tensor<D> {
  return tensor(value.dtype, shape, value.data);
}

/** Gives the memory of elements that nobody reads any more back at once, not only when the collector comes by. */
export function release(...elements: readonly { readonly buffer: ArrayBufferLike }[]): void {
  for (const { buffer } of elements) (buffer as ArrayBuffer).transfer(0);
}

/** Tensors of one type and shape as one, along a new first axis. */
export function stack(parts: readonly Tensor[]): Tensor {
  const { dtype, shape } = parts[0] as Tensor;
  const size = elementCount(shape);
  const data = allocate(dtype, size * parts.length) as Float64Array<ArrayBuffer>;
  for (const [i, part] of parts.entries()) data.set(part.data as Float64Array, i * size);
  return tensor(dtype, [parts.length, ...shape], data);
}

/** The part of a tensor at one place of its first axis, sharing its memory. */
export function partOf({ dtype, shape, data }: Tensor, index: number): Tensor {
  const single = shape.slice(1);
  const size = elementCount(single);
  return tensor(dtype, single, data.subarray(index * size, (index + 1) * size) as Float64Array<ArrayBuffer>);
}
