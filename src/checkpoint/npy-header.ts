import { check, InputError, type InputErrorDetails } from "../errors.ts";
import { bytesPerElement, type DType, elementCount, formatShape, type Shape } from "../tensor/index.ts";
import { ML_DTYPES_BFLOAT16, NPY_MAGIC, npyKinds } from "./npy-format.ts";
import { literalError, type NpyLiteral, parseNpyLiteral } from "./npy-literal.ts";
import { quote } from "./quote.ts";

/** What the header of an npy array says. */
export interface NpyHeader {
  /** The element type, or null where Orbifold has none for it. */
  readonly dtype: DType | null;
  /** NumPy's descr, such as "<f4". */
  readonly storedType: string;
  readonly isBigEndian: boolean;
  readonly isFortran: boolean;
  readonly shape: Shape;
  /** Where the elements start, in bytes from the magic. */
  readonly offset: number;
  /** Bytes of the elements. */
  readonly length: number;
}

/** An array of which the header is read: what messages call it, its bytes in all, and how to get the first of them. */
export interface NpyBytes {
  readonly where: string;
  readonly size: number;
  readHead(length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** NumPy has 64 axes at most. */
const MOST_AXES = 64;

/** Only structured types, which are not read, have long headers. */
const LONGEST_HEADER = 2 ** 20;
const USUAL_HEADER = 128;

/** Reads and validates the header of an array, whose elements must be exactly the bytes after it. */
export async function readNpyHeader(npy: NpyBytes): Promise<NpyHeader> {
  const start = await npy.readHead(Math.min(USUAL_HEADER, npy.size));
  const { textOffset, offset, encoding } = readPrefix(npy, start);
  const head = offset <= start.length ? start : await npy.readHead(offset);
  return describe(npy, decodeText(npy, head.subarray(textOffset, offset), encoding), offset);
}

function readPrefix({ where, size }: NpyBytes, bytes: Uint8Array<ArrayBuffer>) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  check(bytes.length >= 12 && NPY_MAGIC.every((byte, i) => byte === bytes[i]), () => ({
    code: "not-npy",
    where,
    message: 'expected an npy array, which starts with "\\x93NUMPY", got other bytes',
    remedy: "check that numpy.save or numpy.savez wrote it",
  }));
  const [major, minor] = [view.getUint8(6), view.getUint8(7)];
  check(major >= 1 && major <= 3 && minor === 0, () =>
    literalError(where, `version ${major}.${minor} is none of 1.0, 2.0, 3.0`),
  );
  const textOffset = major === 1 ? 10 : 12;
  const textLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const offset = textOffset + textLength;
  check(offset <= size, () => truncated(where, `its header takes ${offset} bytes, it has ${size}`));
  check(textLength <= LONGEST_HEADER, () =>
    literalError(where, `expected a header of at most ${LONGEST_HEADER} bytes, got ${textLength}`),
  );
  return { textOffset, offset, encoding: major === 3 ? "utf-8" : "latin1" };
}

function decodeText({ where }: NpyBytes, bytes: Uint8Array, encoding: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InputError(literalError(where, "expected a header in UTF-8, got other bytes"));
  }
}

const fieldNames = ["descr", "fortran_order", "shape"];

function describe({ where, size }: NpyBytes, text: string, offset: number): NpyHeader {
  const fields = parseNpyLiteral(text, where);
  check(fields.size === fieldNames.length && fieldNames.every((name) => fields.has(name)), () =>
    literalError(where, `expected the keys ${fieldNames.join(", ")}, got ${[...fields.keys()].map(quote).join(", ")}`),
  );
  const isFortran = fields.get("fortran_order");
  check(typeof isFortran === "boolean", () => literalError(where, "expected fortran_order to be True or False"));
  const shape = readShape(where, fields.get("shape") as NpyLiteral);
  const type = readDescr(fields.get("descr") as NpyLiteral);
  const length = size - offset;
  if (type.dtype) checkLength(where, { dtype: type.dtype, storedType: type.storedType, shape, length });
  return { ...type, isFortran, shape, offset, length };
}

function readShape(where: string, value: NpyLiteral): number[] {
  const isSize = (size: NpyLiteral) => typeof size === "number" && size >= 0;
  check(Array.isArray(value) && value.length <= MOST_AXES && value.every(isSize), () =>
    literalError(where, `expected a shape of at most ${MOST_AXES} sizes, got ${quote(JSON.stringify(value))}`),
  );
  const shape = value as number[];
  check(Number.isSafeInteger(elementCount(shape)), () =>
    badShape(where, `the product of its ${shape.length} sizes is beyond 2^53 - 1`),
  );
  return shape;
}

function readDescr(descr: NpyLiteral) {
  if (descr === ML_DTYPES_BFLOAT16) return { dtype: "bfloat16" as const, storedType: descr, isBigEndian: false };
  if (typeof descr !== "string") return { dtype: null, storedType: "structured", isBigEndian: false };
  const dtype = npyKinds.get(descr.slice(1)) ?? null;
  const isSingle = dtype !== null && bytesPerElement(dtype) === 1;
  const hasOrder = descr.startsWith("<") || descr.startsWith(">") || (isSingle && descr.startsWith("|"));
  return { dtype: hasOrder ? dtype : null, storedType: descr, isBigEndian: descr.startsWith(">") };
}

interface ArraySize {
  readonly dtype: DType;
  readonly storedType: string;
  readonly shape: Shape;
  readonly length: number;
}

function checkLength(where: string, { dtype, storedType, shape, length }: ArraySize): void {
  const needed = elementCount(shape) * bytesPerElement(dtype);
  const message = `${storedType} ${formatShape(shape)} needs ${needed} bytes, ${length} follow its header`;
  check(needed <= length, () => truncated(where, message));
  check(needed === length, () => badShape(where, message));
}

function badShape(where: string, message: string): InputErrorDetails {
  return { code: "bad-shape", where, message, remedy: "save it again" };
}

function truncated(where: string, message: string): InputErrorDetails {
  return { code: "truncated", where, message, remedy: "copy or download it again" };
}
