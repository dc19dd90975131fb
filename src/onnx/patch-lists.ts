import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Tensor } from "../tensor/index.ts";
import type { Piece } from "./patch-pieces.ts";
import { schemas } from "./schema.ts";
import { listNames } from "./tensor-proto.ts";
import { type ArrayCodec, type ArrayKind, arrayCodecs } from "./wire-kinds.ts";
import { readLength, type Source, skipValue } from "./wire-source.ts";

/** Elements in a typed list: packed into one field or several, or a field each. */
export function listPieces(source: Source, value: Tensor, end: number): Piece[] {
  const { reader } = source;
  const name = listNames[value.dtype];
  const [number, codec] = listOf(name);
  const pieces: Piece[] = [];
  let next = 0;
  while (reader.pos < end) {
    const [tag, wire] = reader.tag();
    const start = reader.pos;
    if (tag !== number) {
      skipValue(source, end, { number: tag, wire });
    } else if (wire === WireType.LengthDelimited) {
      const stop = readLength(source, end) + reader.pos;
      const body = reader.pos;
      const count = countElements(source, stop, codec);
      const bytes = encodeElements(value, codec, [next, next + count]);
      pieces.push({ start, body, end: stop, pieces: [{ start: body, end: stop, bytes }] });
      next += count;
    } else {
      skipValue(source, end, { number, wire });
      pieces.push({ start, end: reader.pos, bytes: encodeElements(value, codec, [next, next + 1]) });
      next++;
    }
  }
  return pieces;
}

function countElements(source: Source, stop: number, { element, bytesPerElement }: ArrayCodec): number {
  const { reader } = source;
  const start = reader.pos;
  reader.pos = stop;
  if (element.wire !== WireType.Varint) return (stop - start) / bytesPerElement;
  return source.bytes.subarray(start, stop).reduce((count, byte) => count + (byte < 0x80 ? 1 : 0), 0);
}

function listOf(name: string): [number: number, codec: ArrayCodec] {
  const field = [...schemas.TensorProto.values()].find((each) => each.name === name);
  if (field?.form !== "array") throw new Error(`internal: no list ${name}`);
  return [field.number, arrayCodecs[field.kind as ArrayKind]];
}

function encodeElements({ data }: Tensor, { element }: ArrayCodec, [from, to]: readonly [number, number]): Uint8Array {
  const part = data.subarray(from, to);
  if (element.wire !== WireType.Varint) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  const writer = new BinaryWriter();
  for (const each of part) element.write(writer, each);
  return writer.finish();
}
