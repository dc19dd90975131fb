import { check } from "../errors.ts";
import { bytesPerElement, type DType, type Tensor, tensorBytes } from "../tensor/index.ts";
import { NPY_ALIGNMENT, NPY_MAGIC, npyKinds } from "./npy-format.ts";

const kinds: ReadonlyMap<DType, string> = new Map([...npyKinds].map(([kind, dtype]) => [dtype, kind]));

/** NumPy leaves room for the first size to grow to as many digits without moving the elements. */
const GROWTH_DIGITS = 21;
const PREFIX_BYTES = 10;

/** The bytes of an npy file in two pieces, the second sharing the tensor's memory: those of numpy.save. */
export function encodeNpy({ dtype, shape, data }: Tensor, where = "npy"): Uint8Array<ArrayBuffer>[] {
  const kind = kinds.get(dtype);
  check(kind !== undefined, () => ({
    code: "unsupported-dtype",
    where,
    message: `NumPy has no ${dtype}`,
    remedy: "write safetensors, or convert to float32 first",
  }));
  const order = bytesPerElement(dtype) === 1 ? "|" : "<";
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const growth = shape.length === 0 ? 0 : GROWTH_DIGITS - String(shape[0]).length;
  const fields = `{'descr': '${order}${kind}', 'fortran_order': False, 'shape': (${sizes}), }${" ".repeat(growth)}`;
  return [withPrefix(fields), tensorBytes({ dtype, shape, data })];
}

/** The header after the magic, version 1.0 and its length; padded to the alignment, by a space at least. */
function withPrefix(fields: string): Uint8Array<ArrayBuffer> {
  const length = (Math.floor((PREFIX_BYTES + fields.length + 1) / NPY_ALIGNMENT) + 1) * NPY_ALIGNMENT;
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set(NPY_MAGIC);
  bytes.set([1, 0, (length - PREFIX_BYTES) & 255, (length - PREFIX_BYTES) >> 8], NPY_MAGIC.length);
  bytes.set(new TextEncoder().encode(fields), PREFIX_BYTES);
  bytes[length - 1] = 0x0a;
  return bytes;
}
