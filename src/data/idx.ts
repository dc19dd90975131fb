import { check } from "../errors.ts";
import {
  bytesPerElement,
  type DType,
  elementCount,
  formatShape,
  type Tensor,
  tensorFromBytes,
} from "../tensor/index.ts";

const dtypes = new Map<number, DType>([
  [0x08, "uint8"],
  [0x09, "int8"],
  [0x0b, "int16"],
  [0x0c, "int32"],
  [0x0d, "float32"],
  [0x0e, "float64"],
]);

/**
 * The array of an IDX file: bytes 0, 0, element type, number of axes; the axes as big-endian uint32; the elements,
 * big-endian. One-byte elements share the memory of `bytes`.
 */
export function decodeIdx(bytes: Uint8Array<ArrayBuffer>, where: string): Tensor {
  const { dtype, shape, headerBytes } = readHeader(bytes, where);
  const expected = headerBytes + elementCount(shape) * bytesPerElement(dtype);
  check(bytes.byteLength === expected, () => ({
    code: "idx-length",
    where,
    message: `expected ${expected} bytes for ${dtype} ${formatShape(shape)}, got ${bytes.byteLength}`,
    remedy: bytes.byteLength < expected ? "the file is cut short; fetch it again" : "remove what follows the array",
  }));
  return tensorFromBytes(dtype, shape, littleEndian(bytes.subarray(headerBytes), bytesPerElement(dtype)));
}

interface IdxHeader {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly headerBytes: number;
}

function readHeader(bytes: Uint8Array<ArrayBuffer>, where: string): IdxHeader {
  const [first, second, code = -1, rank = 0] = bytes;
  const dtype = dtypes.get(code);
  check(first === 0 && second === 0 && dtype && rank > 0, () => ({
    code: "idx-magic",
    where,
    message: `expected an IDX file (bytes 0, 0, type 8, 9 or 11 to 14, at least one axis), got ${firstBytes(bytes)}`,
    remedy: first === 0x1f && second === 0x8b ? "decompress it first" : "check that it is the right file",
  }));
  const headerBytes = 4 + 4 * rank;
  check(bytes.byteLength >= headerBytes, () => ({
    code: "idx-length",
    where,
    message: `expected ${headerBytes} bytes of header for ${rank} axes, got ${bytes.byteLength} bytes`,
    remedy: "the file is cut short; fetch it again",
  }));
  return { dtype, shape: readShape(bytes, rank, where), headerBytes };
}

function readShape(bytes: Uint8Array<ArrayBuffer>, rank: number, where: string): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  check(Number.isSafeInteger(8 * elementCount(shape)), () => ({
    code: "idx-shape",
    where,
    message: `expected axes whose product can be counted, got ${formatShape(shape)}`,
    remedy: "the header is damaged; fetch the file again",
  }));
  return shape;
}

function littleEndian(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  if (size === 1) return bytes;
  const swapped = bytes.slice();
  for (let at = 0; at < swapped.length; at += size) swapped.subarray(at, at + size).reverse();
  return swapped;
}

function firstBytes(bytes: Uint8Array): string {
  return bytes.length === 0 ? "an empty file" : `bytes ${bytes.subarray(0, 4).join(", ")}`;
}
