import type { DType } from "../tensor/index.ts";

/** Bytes before the header: its length as an unsigned 64-bit little-endian number. */
export const PREFIX_BYTES = 8;

/** The reference reads no longer header. */
export const LONGEST_HEADER = 100_000_000;

/** The key of the header that names no tensor. */
export const METADATA_KEY = "__metadata__";

export interface SafetensorsType {
  readonly bits: number;
  /** The same type here, or null where there is none. */
  readonly dtype: DType | null;
}

/** The element types of the format, in the order in which the reference writes tensors: largest first. */
export const safetensorsTypes: ReadonlyMap<string, SafetensorsType> = new Map([
  ["U64", { bits: 64, dtype: "uint64" }],
  ["I64", { bits: 64, dtype: "int64" }],
  ["F64", { bits: 64, dtype: "float64" }],
  ["C64", { bits: 64, dtype: null }],
  ["F32", { bits: 32, dtype: "float32" }],
  ["U32", { bits: 32, dtype: "uint32" }],
  ["I32", { bits: 32, dtype: "int32" }],
  ["BF16", { bits: 16, dtype: "bfloat16" }],
  ["F16", { bits: 16, dtype: "float16" }],
  ["U16", { bits: 16, dtype: "uint16" }],
  ["I16", { bits: 16, dtype: "int16" }],
  ["F8_E5M2FNUZ", { bits: 8, dtype: null }],
  ["F8_E4M3FNUZ", { bits: 8, dtype: null }],
  ["F8_E8M0", { bits: 8, dtype: null }],
  ["F8_E4M3", { bits: 8, dtype: null }],
  ["F8_E5M2", { bits: 8, dtype: null }],
  ["I8", { bits: 8, dtype: "int8" }],
  ["U8", { bits: 8, dtype: "uint8" }],
  ["F6_E3M2", { bits: 6, dtype: null }],
  ["F6_E2M3", { bits: 6, dtype: null }],
  ["F4", { bits: 4, dtype: null }],
  ["BOOL", { bits: 8, dtype: "bool" }],
] as const);
