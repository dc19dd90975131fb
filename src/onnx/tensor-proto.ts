import { check } from "../errors.ts";
import {
  allocate,
  bytesPerElement,
  checkShape,
  type DType,
  elementCount,
  formatShape,
  type Shape,
  type Tensor,
  tensor,
  tensorBytes,
  tensorFromBytes,
} from "../tensor/index.ts";
import { dataTypes, dtypeOfDataType } from "./data-type.ts";
import { externalLocation } from "./external-data.ts";
import type { TensorProto } from "./proto.ts";

/** Reads `length` bytes from `offset` on of the file at `location`, a checked path relative to the model's folder. */
export type ExternalLoader = (location: string, offset: number, length: number) => Uint8Array<ArrayBuffer>;

interface Expected {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly where: string;
}

/** The tensor that a message holds; it shares the message's memory where type and alignment allow. */
export function tensorFromProto(proto: TensorProto, where: string, loadExternal?: ExternalLoader): Tensor {
  const expected = { dtype: dtypeOfDataType(proto.dataType ?? 0, where), shape: proto.dims ?? [], where };
  checkShape(expected.shape, where);
  check(proto.segment === undefined, () => ({
    code: "unsupported-onnx",
    where,
    message: "expected a whole tensor, got a segment of one",
    remedy: "save the model again with a current version of onnx",
  }));
  if (proto.dataLocation === 1) return fromExternal(proto, expected, loadExternal);
  return proto.rawData ? fromRaw(proto.rawData, expected) : fromList(proto, expected);
}

/** A message that holds the tensor as raw data, sharing its memory. */
export function tensorToProto(name: string, value: Tensor): TensorProto {
  return { dims: value.shape, dataType: dataTypes[value.dtype], name, rawData: tensorBytes(value) };
}

function fromExternal(proto: TensorProto, expected: Expected, loadExternal: ExternalLoader | undefined): Tensor {
  const { dtype, shape, where } = expected;
  const { location, offset, length } = externalLocation(proto, where);
  check(loadExternal, () => ({
    code: "external-data",
    where,
    message: `expected the tensor's data inside the model, got a reference to the file ${JSON.stringify(location)}`,
    remedy: "open the model from its folder, or save it with its data inside",
  }));
  const needed = elementCount(shape) * bytesPerElement(dtype);
  checkSize(length ?? needed, "bytes", expected);
  return fromRaw(loadExternal(location, offset, needed), expected);
}

function fromRaw(bytes: Uint8Array<ArrayBuffer>, expected: Expected): Tensor {
  checkSize(bytes.byteLength, "bytes", expected);
  return tensorFromBytes(expected.dtype, expected.shape, bytes);
}

function fromList(proto: TensorProto, expected: Expected): Tensor {
  const { dtype, shape } = expected;
  const list = proto[listNames[dtype]];
  checkSize(list?.length ?? 0, "elements", expected);
  return tensor(dtype, shape, list ? narrow(list, expected) : allocate(dtype, 0));
}

type ListName = "floatData" | "doubleData" | "int32Data" | "int64Data" | "uint64Data";
type TypedList = NonNullable<TensorProto[ListName]>;

/** The typed list that ONNX prescribes for each element type; half precision lies in 32-bit integers, as its bits. */
export const listNames: Readonly<Record<DType, ListName>> = {
  float32: "floatData",
  float64: "doubleData",
  float16: "int32Data",
  bfloat16: "int32Data",
  int8: "int32Data",
  int16: "int32Data",
  int32: "int32Data",
  int64: "int64Data",
  uint8: "int32Data",
  uint16: "int32Data",
  uint32: "uint64Data",
  uint64: "uint64Data",
  bool: "int32Data",
};

/** The list itself where it has the element type, else a copy that does. */
function narrow(list: TypedList, { dtype, where }: Expected): Tensor["data"] {
  const narrowed = allocate(dtype, list.length);
  if (list.constructor === narrowed.constructor) return list as Tensor["data"];
  for (let i = 0; i < list.length; i++) {
    const value = Number(list[i]);
    narrowed[i] = value as never;
    check(Number(narrowed[i]) === value, () => ({
      code: "value-out-of-range",
      where,
      message: `expected ${dtype} elements, got ${list[i]} at position ${i}`,
      remedy: "export the model again",
    }));
  }
  return narrowed;
}

function checkSize(got: number, unit: "bytes" | "elements", { dtype, shape, where }: Expected): void {
  const size = elementCount(shape) * (unit === "bytes" ? bytesPerElement(dtype) : 1);
  check(got === size, () => ({
    code: "bad-tensor",
    where,
    message: `expected ${size} ${unit} of ${dtype} ${formatShape(shape)}, got ${got}`,
    remedy: "the file is damaged: download or export it again",
  }));
}
