import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { check } from "../errors.ts";
import type { Message, ModelProto, Text } from "./proto.ts";
import { type Field, type MessageSchema, maxModelBytes, schemas } from "./schema.ts";
import { type ArrayCodec, arrayCodecs, type NumberArray, numberCodecs, textSize, varintSize } from "./wire-kinds.ts";

/** Payloads from here on are kept as they are and copied once, into the finished file. */
const largePayloadBytes = 4096;

type Sizes = Map<object, number>;

interface Output {
  readonly writer: BinaryWriter;
  readonly chunks: Uint8Array[];
  /** Encoded bytes of every message and list, so that each length is known before what it measures is written. */
  readonly sizes: Sizes;
}

/** Writes an ONNX file: fields in ascending order as Google's serialisers do, unknown ones where they stood. */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  const output: Output = { writer: new BinaryWriter(), chunks: [], sizes: new Map() };
  const size = measureMessage(model, schemas.ModelProto, output.sizes);
  check(size <= maxModelBytes, () => ({
    code: "onnx-too-large",
    where: "ONNX model",
    message: `expected at most ${maxModelBytes} bytes, got ${size}`,
    remedy: "store its tensors as external data",
  }));
  writeMessage(output, model, schemas.ModelProto);
  return joinChunks(output, size);
}

function measureMessage(message: Message, schema: MessageSchema, sizes: Sizes): number {
  let size = 0;
  for (const field of schema.values()) {
    for (const value of valuesOf(message, field)) {
      size += varintSize(field.number << 3) + measureValue(field, value, sizes);
    }
  }
  for (const { bytes } of message.unknown ?? []) size += bytes.byteLength;
  sizes.set(message, size);
  return size;
}

/** The values to write under one tag each: none, one, or the elements of a list. */
function valuesOf(message: Message, field: Field): readonly unknown[] {
  const value = (message as Readonly<Record<string, unknown>>)[field.name];
  if (value === undefined) return [];
  if (field.form === "array") return (value as NumberArray).length > 0 ? [value] : [];
  return field.repeated ? (value as readonly unknown[]) : [value];
}

function measureValue(field: Field, value: unknown, sizes: Sizes): number {
  switch (field.form) {
    case "number":
      return numberCodecs[field.kind].size(value);
    case "text":
      return withLength(textSize(value as Text));
    case "array":
      return withLength(measureArray(value as NumberArray, arrayCodecs[field.kind], sizes));
    case "message":
      return withLength(measureMessage(value as Message, schemas[field.kind], sizes));
  }
}

function withLength(size: number): number {
  return varintSize(size) + size;
}

function measureArray(array: NumberArray, { element }: ArrayCodec, sizes: Sizes): number {
  let size = array.byteLength;
  if (element.wire === WireType.Varint) {
    size = 0;
    for (const value of array) size += element.size(value);
  }
  sizes.set(array, size);
  return size;
}

function writeMessage(output: Output, message: Message, schema: MessageSchema): void {
  const unknown = message.unknown ?? [];
  let next = 0;
  for (const field of schema.values()) {
    while (next < unknown.length && unknown[next]!.after < field.number) writeRaw(output, unknown[next++]!.bytes);
    for (const value of valuesOf(message, field)) writeField(output, field, value);
  }
  for (const { bytes } of unknown.slice(next)) writeRaw(output, bytes);
}

function writeField(output: Output, field: Field, value: unknown): void {
  const { writer, sizes } = output;
  const isNumber = field.form === "number";
  writer.tag(field.number, isNumber ? numberCodecs[field.kind].wire : WireType.LengthDelimited);
  if (field.form === "number") numberCodecs[field.kind].write(writer, value);
  else if (field.form === "text") writeText(output, value as Text);
  else if (field.form === "array") writeArray(output, value as NumberArray, arrayCodecs[field.kind]);
  else {
    writer.uint32(sizes.get(value as Message)!);
    writeMessage(output, value as Message, schemas[field.kind]);
  }
}

function writeArray(output: Output, array: NumberArray, { element }: ArrayCodec): void {
  const { writer, sizes } = output;
  writer.uint32(sizes.get(array)!);
  if (element.wire === WireType.Varint) for (const value of array) element.write(writer, value);
  else writeRaw(output, new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
}

function writeText(output: Output, value: Text): void {
  if (typeof value === "string") {
    output.writer.string(value);
  } else {
    output.writer.uint32(value.byteLength);
    writeRaw(output, value);
  }
}

function writeRaw({ writer, chunks }: Output, bytes: Uint8Array): void {
  if (bytes.byteLength < largePayloadBytes) writer.raw(bytes);
  else chunks.push(writer.finish(), bytes);
}

function joinChunks({ writer, chunks }: Output, size: number): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(size);
  let end = 0;
  for (const chunk of [...chunks, writer.finish()]) {
    file.set(chunk, end);
    end += chunk.byteLength;
  }
  return file;
}
