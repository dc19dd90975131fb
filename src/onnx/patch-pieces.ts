import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { MessageSchema, schemas } from "./schema.ts";
import { readLength, type Source, skipValue } from "./wire-source.ts";

/** Bytes from `start` to `end` that are replaced, or that a length at `start` is in front of and that hold such bytes. */
export type Piece = Replacement | Frame;
interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}
interface Frame {
  readonly start: number;
  readonly body: number;
  readonly end: number;
  readonly pieces: readonly Piece[];
}

type MessageName = keyof typeof schemas;

/**
 * The length-delimited fields of a message in which something changes.
 *
 * @param inside what changes in a field: its name, the message that it holds if any, and its end
 */
export function framesOf(
  source: Source,
  schema: MessageSchema,
  end: number,
  inside: (name: string, kind: MessageName | undefined, stop: number) => Piece[] | undefined,
): Frame[] {
  const { reader } = source;
  const frames: Frame[] = [];
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = schema.get(number);
    if (!field || wire !== WireType.LengthDelimited) {
      skipValue(source, end, { number, wire });
      continue;
    }
    const start = reader.pos;
    const stop = readLength(source, end) + reader.pos;
    const body = reader.pos;
    const pieces = inside(field.name, field.form === "message" ? field.kind : undefined, stop) ?? [];
    if (pieces.length > 0) frames.push({ start, body, end: stop, pieces });
    reader.pos = stop;
  }
  return frames;
}

/** The bytes with `pieces` changed, as parts of one file. */
export function replacePieces(bytes: Uint8Array, pieces: readonly Piece[]): { chunks: Uint8Array[]; size: number } {
  const chunks: Uint8Array[] = [];
  return { chunks, size: assemble(bytes, { start: 0, end: bytes.byteLength, pieces }, chunks) };
}

/** Adds the bytes from `start` to `end` with `pieces` changed; lengths in front of what has grown are written anew. */
function assemble(
  bytes: Uint8Array,
  { start, end, pieces }: { readonly start: number; readonly end: number; readonly pieces: readonly Piece[] },
  chunks: Uint8Array[],
): number {
  let [at, size] = [start, 0];
  const push = (chunk: Uint8Array) => {
    chunks.push(chunk);
    size += chunk.byteLength;
  };
  for (const piece of pieces) {
    push(bytes.subarray(at, piece.start));
    if ("bytes" in piece) push(piece.bytes);
    else {
      const inner: Uint8Array[] = [];
      const length = assemble(bytes, { ...piece, start: piece.body }, inner);
      const isSame = length === piece.end - piece.body;
      push(isSame ? bytes.subarray(piece.start, piece.body) : new BinaryWriter().uint32(length).finish());
      for (const chunk of inner) push(chunk);
    }
    at = piece.end;
  }
  push(bytes.subarray(at, end));
  return size;
}
