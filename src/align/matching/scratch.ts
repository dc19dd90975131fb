import { bytesPerElement, type DType, type DTypeArrays, release, viewBytes } from "../../tensor/index.ts";

/**
 * Memory that is written anew time and again: fresh memory costs more than what is written to it, and what is given back
 * in pieces of all sizes leaves holes that larger ones do not fit into.
 */
export interface Scratch {
  buffer: ArrayBuffer;
}

/** The memory of a pair: each is in use until it is asked for again. */
export interface Scratches {
  /** Unfoldings of a and b, and the latter with its entries at their places. */
  readonly a: Scratch;
  readonly b: Scratch;
  readonly moved: Scratch;
  /** Gains of all signs, and terms that are added to them. */
  readonly gains: Scratch;
  readonly terms: Scratch;
}

export function emptyScratches(): Scratches {
  const empty = () => ({ buffer: new ArrayBuffer(0) });
  return { a: empty(), b: empty(), moved: empty(), gains: empty(), terms: empty() };
}

/** Room for elements, with whatever was written there before. */
export function scratchOf<D extends DType>(scratch: Scratch, dtype: D, length: number): DTypeArrays[D] {
  const bytes = length * bytesPerElement(dtype);
  if (scratch.buffer.byteLength < bytes) replace(scratch, bytes);
  return viewBytes(dtype, new Uint8Array(scratch.buffer, 0, bytes));
}

/** More than this is given back at once: malloc of glibc maps it on its own, and so it leaves no hole. */
const MOST_KEPT = 2 ** 25;

/** Ends the use of memory; what is little of it is kept for the next. */
export function spare(...scratches: readonly Scratch[]): void {
  for (const scratch of scratches) if (scratch.buffer.byteLength > MOST_KEPT) replace(scratch, 0);
}

/** Gives all of the memory back. */
export function releaseScratches(scratches: Scratches): void {
  for (const scratch of Object.values(scratches)) replace(scratch, 0);
}

function replace(scratch: Scratch, bytes: number): void {
  release(scratch);
  scratch.buffer = new ArrayBuffer(bytes);
}
