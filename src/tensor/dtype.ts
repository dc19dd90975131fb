/** Element types, named as in ONNX Runtime. Half precision is kept as its 16 raw bits, booleans as one byte. */
export type DType =
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "bool";

export interface DTypeArrays {
  float16: Uint16Array<ArrayBuffer>;
  bfloat16: Uint16Array<ArrayBuffer>;
  float32: Float32Array<ArrayBuffer>;
  float64: Float64Array<ArrayBuffer>;
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  int16: Int16Array<ArrayBuffer>;
  uint16: Uint16Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  uint32: Uint32Array<ArrayBuffer>;
  int64: BigInt64Array<ArrayBuffer>;
  uint64: BigUint64Array<ArrayBuffer>;
  bool: Uint8Array<ArrayBuffer>;
}

const arrayTypes = {
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

/** Every element type. */
export const dtypes = Object.keys(arrayTypes) as readonly DType[];

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}

/** A zeroed array of `length` elements. */
export function allocate<D extends DType>(dtype: D, length: number): DTypeArrays[D] {
  return new arrayTypes[dtype](length) as DTypeArrays[D];
}

/** The elements stored in `bytes`, sharing its memory where the alignment allows it. */
export function viewBytes<D extends DType>(dtype: D, bytes: Uint8Array<ArrayBuffer>): DTypeArrays[D] {
  const ArrayType = arrayTypes[dtype];
  const size = ArrayType.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new ArrayType(aligned.buffer, aligned.byteOffset, aligned.byteLength / size) as DTypeArrays[D];
}

/** Whether the type holds real numbers. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}
