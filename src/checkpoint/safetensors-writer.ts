import { check, InputError } from "../errors.ts";
import { byteLength, type DType, type Tensor, tensorBytes } from "../tensor/index.ts";
import { quote } from "./quote.ts";
import { LONGEST_HEADER, METADATA_KEY, PREFIX_BYTES, safetensorsTypes } from "./safetensors-format.ts";

/** Tensors and their names, as a record or as pairs. */
export type NamedTensors = Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>;

const storedTypes: readonly (readonly [string, DType | null])[] = [...safetensorsTypes].map(([name, { dtype }]) => [
  name,
  dtype,
]);

/**
 * The bytes of a safetensors file, in pieces that share the tensors' memory: first the header, then each tensor. They
 * are those of the reference writer (safetensors 0.8), save that metadata, which it leaves in no order, are sorted.
 */
export function encodeSafetensors(
  tensors: NamedTensors,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer>[] {
  return [...safetensorsPieces(tensors, metadata)];
}

/** The same pieces one after another, each made when it is asked for. */
export function* safetensorsPieces(
  tensors: NamedTensors,
  metadata?: Readonly<Record<string, string>>,
): Generator<Uint8Array<ArrayBuffer>> {
  const named = Symbol.iterator in tensors ? [...tensors] : Object.entries(tensors);
  checkNames(named);
  const sorted = named.sort(([a, x], [b, y]) => typeRank(x.dtype) - typeRank(y.dtype) || compareUtf8(a, b));
  yield encodeHeader(sorted, metadata);
  for (const [, tensor] of sorted) yield tensorBytes(tensor);
}

function encodeHeader(
  named: readonly (readonly [string, Tensor])[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array<ArrayBuffer> {
  let offset = 0;
  const fields = named.map(([name, tensor]) => {
    const begin = offset;
    offset += byteLength(tensor);
    const type = storedTypes[typeRank(tensor.dtype)]?.[0];
    return `${stringify(name)}:{"dtype":"${type}","shape":[${tensor.shape}],"data_offsets":[${begin},${offset}]}`;
  });
  if (metadata) fields.unshift(`"${METADATA_KEY}":${stringifyMetadata(metadata)}`);
  return withPrefix(new TextEncoder().encode(`{${fields.join(",")}}`));
}

/** The header padded with spaces to a multiple of 8 bytes, after its length. */
function withPrefix(json: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = Math.ceil(json.length / 8) * 8;
  check(length <= LONGEST_HEADER, () => ({
    code: "header-too-long",
    where: "safetensors",
    message: `the header takes ${length} bytes, readers accept ${LONGEST_HEADER}`,
    remedy: "write fewer tensors to one file, or less metadata",
  }));
  const bytes = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, PREFIX_BYTES);
  return bytes;
}

function stringifyMetadata(metadata: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(metadata).sort(([a], [b]) => compareUtf8(a, b));
  return `{${pairs.map(([key, value]) => `${stringify(key)}:${stringify(value)}`).join(",")}}`;
}

/** Escapes exactly what the reference's serde_json does. */
function stringify(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  const message = `${quote(text)} holds half of a surrogate pair and cannot be written as UTF-8`;
  throw new InputError({ code: "bad-name", where: "safetensors", message, remedy: "rename it" });
}

function checkNames(named: readonly (readonly [string, Tensor])[]): void {
  const seen = new Set<string>();
  for (const [name] of named) {
    check(name !== METADATA_KEY && !seen.has(name), () => ({
      code: "bad-name",
      where: "safetensors",
      message: name === METADATA_KEY ? `no tensor can be called ${name}` : `two tensors are called ${quote(name)}`,
      remedy: "rename it",
    }));
    seen.add(name);
  }
}

function typeRank(dtype: DType): number {
  return storedTypes.findIndex(([, known]) => known === dtype);
}

/** Orders strings as their UTF-8 bytes; the default order differs where surrogate pairs occur. */
function compareUtf8(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1);
}
