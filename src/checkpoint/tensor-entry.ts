import { check, InputError } from "../errors.ts";
import type { DType } from "../tensor/index.ts";
import type { ByteSource } from "./byte-source.ts";
import type { TensorEntry } from "./checkpoint.ts";
import { quote } from "./quote.ts";

/** What error messages call a tensor of a checkpoint. */
export function tensorPlace({ name }: Pick<ByteSource, "name">, tensorName: string): string {
  return `${name}, tensor ${quote(tensorName)}`;
}

/** The entry of that name, whose elements can be read. */
export function readableEntry<E extends TensorEntry>(
  source: ByteSource,
  name: string,
  entries: ReadonlyMap<string, E>,
): E & { readonly dtype: DType } {
  const entry = entries.get(name);
  if (!entry) throw unknownTensor(source, name, entries);
  const { dtype, storedType } = entry;
  check(dtype, () => ({
    code: "unsupported-dtype",
    where: tensorPlace(source, name),
    message: `${/^[\w<>|=.-]+$/.test(storedType) ? storedType : quote(storedType)} elements cannot be read`,
    remedy: "convert them to float16 or float32 first",
  }));
  return { ...entry, dtype };
}

function unknownTensor({ name: where }: ByteSource, name: string, entries: ReadonlyMap<string, unknown>): InputError {
  const some = [...entries.keys()].slice(0, 3).map(quote).join(", ");
  const message = `no tensor ${quote(name)} among its ${entries.size}${some && ` (${some}, ...)`}`;
  return new InputError({ code: "unknown-tensor", where, message, remedy: "check the name" });
}
