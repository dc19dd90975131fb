import { WireType } from "@bufbuild/protobuf/wire";
import { check } from "../errors.ts";
import type { ModelProto, TensorProto, Text } from "./proto.ts";
import { type Field, type MessageSchema, maxModelBytes, schemas } from "./schema.ts";
import { gatherUnknown, noteUnknown, type UnknownSpans } from "./unknown-fields.ts";
import {
  type ArrayCodec,
  arrayCodecs,
  type NumberArray,
  type NumberCodec,
  numberCodecs,
  textReaders,
} from "./wire-kinds.ts";
import {
  countObject,
  damaged,
  explain,
  notOnnx,
  openSource,
  readBytes,
  readLength,
  type Source,
  skipValue,
} from "./wire-source.ts";

/** Protobuf's own limit on nesting. */
const maxDepth = 100;

type Draft = Record<string, unknown>;

/** A field as it occurs in the source, its tag already read, inside a message that ends at `end`. */
interface Occurrence {
  readonly source: Source;
  readonly field: Field;
  readonly wire: WireType;
  readonly end: number;
  readonly message: Draft;
}

/**
 * Parses an ONNX file. Bulk data (`rawData`, `unknown`) are views of `bytes`, not copies.
 *
 * @param where the file's name, for error messages
 */
export function decodeModel(bytes: Uint8Array<ArrayBuffer>, where = "ONNX model"): ModelProto {
  check(bytes.byteLength <= maxModelBytes, () => ({
    code: "onnx-too-large",
    where,
    message: `expected at most ${maxModelBytes} bytes, got ${bytes.byteLength}`,
    remedy: "export the model with its tensors as external data",
  }));
  const source = openSource(bytes, where);
  const model: ModelProto = {};
  try {
    readFields(source, schemas.ModelProto, bytes.byteLength, model as Draft);
  } catch (cause) {
    throw model.irVersion === undefined ? notOnnx(source, cause) : explain(source, cause);
  }
  checkModel(source, model);
  return model;
}

/** Parses one tensor, the bytes of its message; bulk data are views of them. */
export function decodeTensor(bytes: Uint8Array<ArrayBuffer>, where: string): TensorProto {
  const source = openSource(bytes, where);
  const proto: Draft = {};
  try {
    readFields(source, schemas.TensorProto, bytes.byteLength, proto);
  } catch (cause) {
    throw explain(source, cause);
  }
  return proto;
}

function readFields(source: Source, schema: MessageSchema, end: number, message: Draft): void {
  const { reader } = source;
  const unknown: UnknownSpans = [];
  let after = 0;
  while (reader.pos < end) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    const field = schema.get(number);
    if (field && isReadable(field, wire)) {
      readField({ source, field, wire, end, message });
      after = number;
    } else {
      skipValue(source, end, { number, wire });
      countObject(source);
      noteUnknown(unknown, after, [start, reader.pos]);
    }
  }
  if (reader.pos > end) throw new Error("a value that runs past the end of its message");
  if (unknown.length > 0) message.unknown = gatherUnknown(source.bytes, unknown);
}

function isReadable(field: Field, wire: WireType): boolean {
  if (field.form === "message" || field.form === "text") return wire === WireType.LengthDelimited;
  const codec = field.form === "array" ? arrayCodecs[field.kind].element : numberCodecs[field.kind];
  return wire === codec.wire || (field.repeated && wire === WireType.LengthDelimited);
}

function readField(occurrence: Occurrence): void {
  const { field } = occurrence;
  if (field.form === "message") readMessage(occurrence, schemas[field.kind]);
  else if (field.form === "number") readNumbers(occurrence, numberCodecs[field.kind]);
  else if (field.form === "array") readArray(occurrence, arrayCodecs[field.kind]);
  else readText(occurrence, textReaders[field.kind]);
}

function readText(occurrence: Occurrence, read: (bytes: Uint8Array<ArrayBuffer>) => Text): void {
  const { source, end } = occurrence;
  const value = read(readBytes(source, end));
  if (typeof value !== "string") countObject(source);
  store(occurrence, value);
}

function store({ message, field }: Occurrence, value: unknown): void {
  const list = message[field.name] as unknown[] | undefined;
  if (!field.repeated) message[field.name] = value;
  else if (list) list.push(value);
  else message[field.name] = [value];
}

function readMessage(occurrence: Occurrence, schema: MessageSchema): void {
  const { source, field, end, message } = occurrence;
  const siblings = message[field.name] as unknown[] | undefined;
  source.path.push(field.name, field.repeated ? (siblings?.length ?? 0) : -1);
  checkNesting(source, !field.repeated && siblings !== undefined);
  const stop = readLength(source, end) + source.reader.pos;
  const child: Draft = {};
  readFields(source, schema, stop, child);
  store(occurrence, child);
  source.path.length -= 2;
}

function checkNesting(source: Source, isDuplicate: boolean): void {
  // Protobuf would merge the two field by field; no writer of ONNX relies on it.
  if (isDuplicate) throw new Error("a second message where one is allowed");
  if (source.path.length / 2 > maxDepth) throw new Error(`messages nested more than ${maxDepth} deep`);
  countObject(source);
}

function readNumbers(occurrence: Occurrence, codec: NumberCodec<unknown>): void {
  const { source, wire, end } = occurrence;
  const { reader } = source;
  const isPacked = wire === WireType.LengthDelimited;
  const stop = isPacked ? readLength(source, end) + reader.pos : reader.pos + 1;
  while (reader.pos < stop) store(occurrence, codec.read(reader));
  if (isPacked) checkFilled(source, stop);
}

function readArray(occurrence: Occurrence, codec: ArrayCodec): void {
  const { source, field, wire, end, message } = occurrence;
  const isPacked = wire === WireType.LengthDelimited;
  const stop = isPacked ? readLength(source, end) + source.reader.pos : end;
  const count = isPacked ? countNumbers(source, stop, codec) : 1;
  const read = message[field.name] as NumberArray | undefined;
  const array = extend(read, count, codec);
  message[field.name] = array;
  if (isPacked && isFixed(codec)) copyNumbers(source, array, count * codec.bytesPerElement);
  else for (let i = array.length - count; i < array.length; i++) array[i] = codec.element.read(source.reader) as never;
  if (isPacked) checkFilled(source, stop);
}

function isFixed({ element }: ArrayCodec): boolean {
  return element.wire !== WireType.Varint;
}

/** Fills the end of `array` bit for bit: through a JavaScript number a NaN may lose its payload. */
function copyNumbers({ reader, bytes }: Source, array: NumberArray, size: number): void {
  new Uint8Array(array.buffer, array.byteLength - size, size).set(bytes.subarray(reader.pos, reader.pos + size));
  reader.pos += size;
}

function countNumbers({ reader, bytes }: Source, stop: number, codec: ArrayCodec): number {
  if (isFixed(codec)) return Math.floor((stop - reader.pos) / codec.bytesPerElement);
  let count = 0;
  for (let i = reader.pos; i < stop; i++) count += (bytes[i] as number) < 0x80 ? 1 : 0;
  return count;
}

/** `array` with `count` more elements; its buffer doubles when full, so that many short extensions cost linear time. */
function extend(array: NumberArray | undefined, count: number, codec: ArrayCodec): NumberArray {
  const length = (array?.length ?? 0) + count;
  if (array && array.buffer.byteLength >= length * codec.bytesPerElement) return codec.view(array.buffer, length);
  const capacity = Math.max(length, 2 * (array?.length ?? 0));
  const buffer = new ArrayBuffer(capacity * codec.bytesPerElement);
  if (array) new Uint8Array(buffer).set(new Uint8Array(array.buffer, 0, array.byteLength));
  return codec.view(buffer, length);
}

function checkFilled({ reader }: Source, stop: number): void {
  if (reader.pos !== stop) throw new Error("packed numbers that do not fill their length");
}

function checkModel(source: Source, model: ModelProto): void {
  if (model.irVersion === undefined) throw notOnnx(source, undefined);
  const isVersioned = model.opsetImport || model.irVersion < 3;
  check(model.graph && isVersioned, () => ({
    code: "truncated-onnx",
    where: source.where,
    message: `expected a graph and an opset_import, got ${Object.keys(model).join(", ")}`,
    remedy: damaged,
  }));
}
