import { check, type InputErrorDetails } from "../errors.ts";
import { elementCount, formatShape, type Shape } from "../tensor/index.ts";
import type { TensorEntry } from "./checkpoint.ts";
import { globalName, isKind, type PickleObject, type PickleValue } from "./pickle-values.ts";
import { isCount, type StorageReference, storageReference, type TorchFile } from "./pytorch-storage.ts";
import { type TorchType, typeCalled } from "./pytorch-types.ts";
import { spanOf } from "./strided.ts";

/** A tensor of a PyTorch file: a view of a storage. */
export interface TorchEntry extends TensorEntry {
  readonly strides: readonly number[];
  readonly storageKey: string;
  /** Its first byte in the storage. */
  readonly start: number;
  /** Bytes from its first element to its last. */
  readonly span: number;
}

/** Functions whose arguments are (storage, offset, size, stride, ...). */
const viewMakers = new Set([
  "torch._utils._rebuild_tensor",
  "torch._utils._rebuild_tensor_v2",
  "torch._utils._rebuild_tensor_v3",
  "torch._utils._rebuild_qtensor",
]);

/** Functions and classes whose first argument is the tensor. */
const wrappers = new Set([
  "torch._utils._rebuild_parameter",
  "torch._utils._rebuild_parameter_with_state",
  "torch.nn.parameter.Parameter",
  "torch.nn.parameter.Buffer",
]);

/** Called with (function, class, its arguments, attributes). */
const TYPED_MAKER = "torch._tensor._rebuild_from_type_v2";

const MOST_WRAPPERS = 8;
const MOST_AXES = 64;

/** The call of a function that makes a view, which `value` is or wraps, or null where it is no tensor. */
export function tensorCall(value: PickleValue): PickleObject | null {
  let call: PickleValue | undefined = value;
  for (let depth = 0; depth < MOST_WRAPPERS; depth++) {
    if (!isKind(call, "object") || !Array.isArray(call.args)) return null;
    const name = globalName(call.callee) ?? "";
    if (viewMakers.has(name)) return call;
    if (name === TYPED_MAKER) call = { ...call, callee: call.args[0] ?? null, args: call.args[2] ?? null };
    else if (wrappers.has(name)) call = call.args[0];
    else return null;
  }
  return null;
}

/** The view that a call makes, validated against its storage. */
export function torchEntry(call: PickleObject, file: TorchFile, where: string): TorchEntry {
  const [storage, offset, size, stride, , , sixth, seventh] = call.args as PickleValue[];
  const reference = storageReference(storage);
  const shape = sizesOf(size);
  const strides = sizesOf(stride);
  check(reference && isCount(offset) && shape && strides && shape.length === strides.length, () =>
    tensorError(where, "bad-pickle", "expected a storage, an offset, sizes and strides, got other arguments"),
  );
  const isTyped = globalName(call.callee) === "torch._utils._rebuild_tensor_v3";
  const type = isTyped ? typeCalled(globalName(sixth)) : reference.type;
  check(type, () => tensorError(where, "unknown-dtype", "its element type is none of PyTorch's"));
  checkShape(where, shape);
  const span = spanOf({ shape, strides }) * type.bytes;
  const start = span === 0 ? 0 : reference.start * reference.type.bytes + offset * type.bytes;
  checkPlace({ where, file, reference, shape, start, span });
  const isMarked = hasMark(isTyped ? seventh : sixth);
  const { storedType, dtype } = isMarked ? marked(type) : type;
  const length = elementCount(shape) * type.bytes;
  return { dtype, storedType, shape, length, strides, storageKey: reference.key, start, span };
}

function sizesOf(value: PickleValue | undefined): number[] | null {
  if (isKind(value, "object") && globalName(value.callee) === "torch.Size" && Array.isArray(value.args)) {
    return sizesOf(value.args[0]);
  }
  return Array.isArray(value) && value.length <= MOST_AXES && value.every(isCount) ? (value as number[]) : null;
}

/** Whether the elements are to be negated or conjugated, which views of complex tensors put off. */
function hasMark(marks: PickleValue | undefined): boolean {
  return marks instanceof Map && (marks.get("neg") === true || marks.get("conj") === true);
}

function marked(type: TorchType): TorchType {
  return { ...type, dtype: null, storedType: `lazily negated or conjugated ${type.storedType}` };
}

function checkShape(where: string, shape: Shape): void {
  check(Number.isSafeInteger(elementCount(shape)), () =>
    tensorError(where, "bad-shape", `the product of its ${shape.length} sizes is beyond 2^53 - 1`),
  );
}

interface ViewPlace {
  readonly where: string;
  readonly file: TorchFile;
  readonly reference: StorageReference;
  readonly shape: Shape;
  readonly start: number;
  readonly span: number;
}

function checkPlace({
  where,
  file,
  reference: { key, type, count, start: first },
  shape,
  start,
  span,
}: ViewPlace): void {
  const length = file.lengthOf(key);
  check(length !== undefined, () => tensorError(where, "truncated", "the file has no storage for it"));
  check((first + count) * type.bytes <= length, () =>
    tensorError(
      where,
      "bad-offsets",
      `its storage takes ${(first + count) * type.bytes} bytes, the file has ${length} of it`,
    ),
  );
  check(start + span <= length, () =>
    tensorError(
      where,
      "bad-offsets",
      `${formatShape(shape)} lies in bytes ${start} to ${start + span} of a storage of ${length} bytes`,
    ),
  );
}

/** An error about a tensor of a PyTorch file. */
export function tensorError(where: string, code: string, message: string): InputErrorDetails {
  return { code, where, message, remedy: "the file is damaged; copy it or save it again" };
}
