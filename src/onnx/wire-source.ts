import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { check, InputError } from "../errors.ts";

/** What to do about a file that breaks off or makes no sense. */
export const damaged = "the file is cut short or damaged: download or export it again";

/** Far more than real models have. */
const maxObjects = 2 ** 21;

/** The bytes of a model and how far they have been read. */
export interface Source {
  readonly reader: BinaryReader;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly where: string;
  /** Name and index (-1 outside a list) of the messages being read, outermost first; a failure leaves it as it is. */
  readonly path: (string | number)[];
  objects: number;
}

/** A source at the first of `bytes`. */
export function openSource(bytes: Uint8Array<ArrayBuffer>, where: string): Source {
  // The slice of a Node Buffer shares memory, unlike that of the plain Uint8Array other code counts on.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { reader: new BinaryReader(plain), bytes: plain, where, path: [], objects: 0 };
}

/** Counts a value that may take a hundred times its bytes of the file in memory. */
export function countObject(source: Source): void {
  if (++source.objects > maxObjects)
    throw new Error(`more than ${maxObjects} messages, unknown fields and binary texts`);
}

/** A length-delimited value inside a message that ends at `end`, as a view. */
export function readBytes(source: Source, end: number): Uint8Array<ArrayBuffer> {
  const { reader, bytes } = source;
  const length = readLength(source, end);
  reader.pos += length;
  return bytes.subarray(reader.pos - length, reader.pos);
}

/** The length in front of a value, checked to fit into a message that ends at `end`. */
export function readLength({ reader, bytes, where, path }: Source, end: number): number {
  const start = reader.pos;
  const length = reader.uint32();
  const size = reader.pos - start;
  // The reader keeps the lowest 32 bits of longer varints.
  if (size > 5 || (size === 5 && (bytes[reader.pos - 1] as number) > 0x0f)) throw new Error("a length beyond 2^32");
  check(length <= end - reader.pos, () => ({
    code: "truncated-onnx",
    where: locate(where, path),
    message: `expected ${length} bytes from byte ${reader.pos}, got ${end - reader.pos}`,
    remedy: damaged,
  }));
  return length;
}

/** Passes over a value of any wire type, field number `number`. */
export function skipValue(source: Source, end: number, { number, wire }: { number: number; wire: WireType }): void {
  const { reader } = source;
  if (wire === WireType.LengthDelimited) readBytes(source, end);
  // Unlike skip, this refuses varints of more than ten bytes.
  else if (wire === WireType.Varint) reader.uint64();
  else reader.skip(wire, number);
}

/** What to throw for a failure inside a model; BinaryReader and the codecs throw plain errors naming what they got. */
export function explain(source: Source, cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof TypeError) return cause;
  if (cause instanceof InputError) return cause;
  const isCut = cause instanceof RangeError;
  return new InputError({
    code: isCut ? "truncated-onnx" : "malformed-onnx",
    where: locate(source.where, source.path),
    message: `expected protobuf at byte ${source.reader.pos}, got ${isCut ? "the end of the file" : cause.message}`,
    remedy: damaged,
    cause,
  });
}

/** The error for a file that is something else. */
export function notOnnx({ bytes, where }: Source, cause: unknown): InputError {
  const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return new InputError({
    code: "not-onnx",
    where,
    message: `expected an ONNX model, got ${bytes.length} bytes${start && ` that start with ${start}`}`,
    remedy: "give a file written by an ONNX exporter",
    cause,
  });
}

function locate(where: string, path: readonly (string | number)[]): string {
  const steps = path.map((step) => (typeof step === "string" ? `.${step}` : step < 0 ? "" : `[${step}]`));
  return steps.length === 0 ? where : `${where}, ${steps.join("").slice(1)}`;
}
