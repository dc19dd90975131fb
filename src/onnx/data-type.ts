import { InputError } from "../errors.ts";
import type { DType } from "../tensor/index.ts";

/** `TensorProto.DataType` of every element type. */
export const dataTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

const dtypeOf = new Map(Object.entries(dataTypes).map(([dtype, dataType]) => [dataType, dtype as DType]));

const unsupportedNames: Readonly<Record<number, string>> = {
  0: "UNDEFINED",
  8: "STRING",
  14: "COMPLEX64",
  15: "COMPLEX128",
  17: "FLOAT8E4M3FN",
  18: "FLOAT8E4M3FNUZ",
  19: "FLOAT8E5M2",
  20: "FLOAT8E5M2FNUZ",
  21: "UINT4",
  22: "INT4",
  23: "FLOAT4E2M1",
  24: "FLOAT8E8M0",
  25: "UINT2",
  26: "INT2",
  27: "FLOAT6E2M3",
  28: "FLOAT6E3M2",
};

/** The element type that an ONNX data type stands for. */
export function dtypeOfDataType(dataType: number, where: string): DType {
  const dtype = dtypeOf.get(dataType);
  if (dtype) return dtype;
  const name = unsupportedNames[dataType] ?? "unknown";
  throw new InputError({
    code: "unsupported-dtype",
    where,
    message: `expected one of ${Object.keys(dataTypes).join(", ")}, got ONNX data type ${name} (${dataType})`,
    remedy: "export the model with its weights in one of those types",
  });
}
