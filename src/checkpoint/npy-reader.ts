import { check } from "../errors.ts";
import {
  bytesPerElement,
  type DType,
  elementCount,
  type Shape,
  type Tensor,
  tensorFromBytes,
} from "../tensor/index.ts";
import { swapBytes } from "./byte-order.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type NpyHeader, readNpyHeader } from "./npy-header.ts";
import { gather, type WordBytes } from "./strided.ts";
import { readableEntry, tensorPlace } from "./tensor-entry.ts";

/** What the single array of an npy file is called: as NumPy calls the first array of an npz file. */
const ONLY_NAME = "arr_0";

/**
 * Opens an npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), a single array, called
 * "arr_0": versions 1 to 3, either byte order, C or Fortran order. ml_dtypes' bfloat16 ("<V2") is read as such.
 */
export async function openNpy(source: ByteSource): Promise<Checkpoint> {
  const { name: where, size } = source;
  const header = await readNpyHeader({ where, size, readHead: (length) => source.read(0, length) });
  const entries = new Map([[ONLY_NAME, header]]);
  const read = async (name: string) => {
    const entry = readableNpy(source, name, entries);
    return decodeNpy(entry, await source.read(entry.offset, entry.length));
  };
  return { format: "npy", metadata: {}, entries, read };
}

/** The entry of that name, whose elements can be read; an array of objects is a pickle, which would run code. */
export function readableNpy<H extends NpyHeader>(source: ByteSource, name: string, entries: ReadonlyMap<string, H>) {
  check(!/^[<>|]?O/.test(entries.get(name)?.storedType ?? ""), () => ({
    code: "unsupported-dtype",
    where: tensorPlace(source, name),
    message: "an array of Python objects is a pickle, which is never run",
    remedy: "save it as an array of numbers",
  }));
  return readableEntry(source, name, entries);
}

/** The tensor of a validated header, out of the bytes that follow it. */
export function decodeNpy(header: NpyHeader & { readonly dtype: DType }, bytes: Uint8Array<ArrayBuffer>): Tensor {
  const { dtype, shape, isBigEndian, isFortran } = header;
  const size = bytesPerElement(dtype) as WordBytes;
  const ordered = isBigEndian ? swapBytes(bytes, size) : bytes;
  const rows = isFortran ? gather(ordered, size, { shape, strides: fortranStrides(shape) }) : ordered;
  return tensorFromBytes(dtype, shape, rows);
}

function fortranStrides(shape: Shape): number[] {
  return shape.map((_, axis) => elementCount(shape.slice(0, axis)));
}
