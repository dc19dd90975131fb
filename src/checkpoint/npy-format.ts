import type { DType } from "../tensor/index.ts";

/** "\x93NUMPY" */
export const NPY_MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** Arrays start at a multiple of this many bytes. */
export const NPY_ALIGNMENT = 64;

/** Kind and size of each element type, as NumPy's descr spells them after the byte order; bfloat16 has none. */
export const npyKinds: ReadonlyMap<string, DType> = new Map([
  ["b1", "bool"],
  ["i1", "int8"],
  ["u1", "uint8"],
  ["i2", "int16"],
  ["u2", "uint16"],
  ["i4", "int32"],
  ["u4", "uint32"],
  ["i8", "int64"],
  ["u8", "uint64"],
  ["f2", "float16"],
  ["f4", "float32"],
  ["f8", "float64"],
] as const);

/** How ml_dtypes saves bfloat16; other opaque types of two bytes are "|V2". */
export const ML_DTYPES_BFLOAT16 = "<V2";
