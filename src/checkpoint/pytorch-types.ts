import { bytesPerElement, type DType, dtypes } from "../tensor/index.ts";

/** An element type of PyTorch. */
export interface TorchType {
  /** As PyTorch names it after "torch.", such as "bfloat16". */
  readonly storedType: string;
  /** The same type here, or null where there is none. */
  readonly dtype: DType | null;
  readonly bytes: number;
}

const storageTypes: ReadonlyMap<string, string> = new Map([
  ["FloatStorage", "float32"],
  ["DoubleStorage", "float64"],
  ["HalfStorage", "float16"],
  ["BFloat16Storage", "bfloat16"],
  ["LongStorage", "int64"],
  ["IntStorage", "int32"],
  ["ShortStorage", "int16"],
  ["CharStorage", "int8"],
  ["ByteStorage", "uint8"],
  ["BoolStorage", "bool"],
  ["ComplexFloatStorage", "complex64"],
  ["ComplexDoubleStorage", "complex128"],
  ["QInt8Storage", "qint8"],
  ["QUInt8Storage", "quint8"],
  ["QInt32Storage", "qint32"],
  ["QUInt4x2Storage", "quint4x2"],
  ["QUInt2x4Storage", "quint2x4"],
]);

/** Bytes of the types that have no equal here; those not named, such as the floats of 8 bits, take one. */
const foreignBytes: ReadonlyMap<string, number> = new Map([
  ["complex32", 4],
  ["complex64", 8],
  ["complex128", 16],
  ["qint32", 4],
  ["bits16", 2],
]);

const typeName = /^torch\.((?:b?float|complex|u?int|qu?int|bits|bool)\w*)$/;

/** The element type called `name`, such as "torch.uint16", or null. */
export function typeCalled(name: string | null): TorchType | null {
  const storedType = typeName.exec(name ?? "")?.[1];
  return storedType === undefined ? null : torchType(storedType);
}

/** The element type of a class of storages, such as "torch.FloatStorage"; that of untyped ones is bytes. */
export function typeOfStorage(name: string | null): TorchType | null {
  if (name === "torch.storage.UntypedStorage" || name === "torch.UntypedStorage") return torchType("uint8");
  const storedType = storageTypes.get(/^torch\.(?:cuda\.)?(\w+)$/.exec(name ?? "")?.[1] ?? "");
  return storedType === undefined ? null : torchType(storedType);
}

function torchType(storedType: string): TorchType {
  const dtype = dtypes.find((known) => known === storedType) ?? null;
  return { storedType, dtype, bytes: dtype ? bytesPerElement(dtype) : (foreignBytes.get(storedType) ?? 1) };
}
