import { type BinaryReader, type BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { check } from "../errors.ts";
import type { Int64, Text } from "./proto.ts";

/** Numbers: `int53` is a 64-bit integer that must be exact as a number, `int64` one that may be a bigint. */
export type NumberKind = "float" | "int32" | "int53" | "int64";

/** Length-delimited values: `text` is a `string` that falls back to bytes where they are not UTF-8. */
export type TextKind = "string" | "text" | "bytes";

/** Packed lists of numbers. */
export type ArrayKind = "Float32Array" | "Float64Array" | "Int32Array" | "BigInt64Array" | "BigUint64Array";

/** A list of numbers as it lies in memory. */
export type NumberArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

/** How one kind of number is read, written and measured. */
export interface NumberCodec<T> {
  readonly wire: WireType;
  // Methods, not properties, so that codecs of different types fit one table.
  read(reader: BinaryReader): T;
  write(writer: BinaryWriter, value: T): void;
  size(value: T): number;
}

/** How one kind of list is held, and its element. */
export interface ArrayCodec {
  readonly bytesPerElement: number;
  readonly element: NumberCodec<unknown>;
  view(buffer: ArrayBuffer, length: number): NumberArray;
}

const float: NumberCodec<number> = {
  wire: WireType.Bit32,
  read: (reader) => reader.float(),
  write: (writer, value) => {
    check(!Number.isFinite(value) || Number.isFinite(Math.fround(value)), () => ({
      code: "value-out-of-range",
      where: "ONNX model",
      message: `expected an attribute within the range of float32, got ${value}`,
    }));
    writer.float(value);
  },
  size: () => 4,
};

const double: NumberCodec<number> = {
  wire: WireType.Bit64,
  read: (reader) => reader.double(),
  write: (writer, value) => writer.double(value),
  size: () => 8,
};

const int32: NumberCodec<number> = {
  wire: WireType.Varint,
  read: (reader) => reader.int32(),
  write: (writer, value) => writer.int32(value),
  size: varintSize,
};

const int64: NumberCodec<Int64> = {
  wire: WireType.Varint,
  read: (reader) => narrow(reader.int64() as bigint),
  write: (writer, value) => writer.int64(value),
  size: varintSize,
};

const int53: NumberCodec<number> = {
  wire: WireType.Varint,
  read: (reader) => {
    const value = int64.read(reader);
    if (typeof value === "number") return value;
    throw new Error(`the integer ${value}, beyond 2^53 - 1`);
  },
  write: (writer, value) => writer.int64(value),
  size: varintSize,
};

const wideInt64: NumberCodec<bigint> = {
  wire: WireType.Varint,
  read: (reader) => reader.int64() as bigint,
  write: (writer, value) => writer.int64(value),
  size: varintSize,
};

const wideUint64: NumberCodec<bigint> = {
  wire: WireType.Varint,
  read: (reader) => reader.uint64() as bigint,
  write: (writer, value) => writer.uint64(value),
  size: varintSize,
};

/** The codec of every kind of number. */
export const numberCodecs: Readonly<Record<NumberKind, NumberCodec<unknown>>> = { float, int32, int53, int64 };

/** The codec of every kind of list. */
export const arrayCodecs: Readonly<Record<ArrayKind, ArrayCodec>> = {
  Float32Array: { bytesPerElement: 4, element: float, view: (buffer, length) => new Float32Array(buffer, 0, length) },
  Float64Array: { bytesPerElement: 8, element: double, view: (buffer, length) => new Float64Array(buffer, 0, length) },
  Int32Array: { bytesPerElement: 4, element: int32, view: (buffer, length) => new Int32Array(buffer, 0, length) },
  BigInt64Array: {
    bytesPerElement: 8,
    element: wideInt64,
    view: (buffer, length) => new BigInt64Array(buffer, 0, length),
  },
  BigUint64Array: {
    bytesPerElement: 8,
    element: wideUint64,
    view: (buffer, length) => new BigUint64Array(buffer, 0, length),
  },
};

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** How every kind of length-delimited value is made of its bytes. */
export const textReaders: Readonly<Record<TextKind, (bytes: Uint8Array<ArrayBuffer>) => Text>> = {
  bytes: (bytes) => bytes,
  text: readText,
  string: (bytes) => {
    const value = readText(bytes);
    if (typeof value === "string") return value;
    throw new Error("text that is not UTF-8");
  },
};

function readText(bytes: Uint8Array<ArrayBuffer>): Text {
  const value = decoder.decode(bytes);
  // A fatal decoder would throw once per string, too slow for a file full of invalid ones.
  return value.includes("\ufffd") && !sameBytes(encoder.encode(value), bytes) ? bytes : value;
}

/** Bytes of a length-delimited value, its length in front not counted. */
export function textSize(value: Text): number {
  return typeof value === "string" ? utf8Size(value) : value.byteLength;
}

/** Bytes of a string in UTF-8, where a lone surrogate becomes U+FFFD. Encoding it to find out would take longer. */
function utf8Size(value: string): number {
  let size = value.length;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x80) continue;
    size += unit < 0x800 ? 1 : 2;
    const isPair = (unit & 0xfc00) === 0xd800 && (value.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (isPair) size -= 2;
  }
  return size;
}

/** Bytes of an integer as a varint; negative ones are sign-extended to 64 bits and take ten. */
export function varintSize(value: Int64): number {
  if (value < 0) return 10;
  let size = 1;
  if (typeof value === "bigint") {
    for (let rest = value >> 7n; rest > 0n; rest >>= 7n) size++;
  } else {
    for (let rest = value; rest >= 128; rest /= 128) size++;
  }
  return size;
}

function narrow(value: bigint): Int64 {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
