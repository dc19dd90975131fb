import { check, InputError, type InputErrorDetails } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";

/** What is read at a time; the elements of tensors are passed over. */
const WINDOW_BYTES = 2 ** 16;

/** The first byte and the longest number after it. */
const LONGEST_HEAD = 9;

/** A place in MessagePack bytes (https://github.com/msgpack/msgpack/blob/master/spec.md). */
export interface MsgpackCursor {
  readonly source: ByteSource;
  at: number;
  window: DataView<ArrayBuffer>;
  windowStart: number;
}

/** What a value starts with: a number and the like whole, of all else the length. */
export type Head =
  | { readonly kind: "map" | "array" | "text" | "bytes"; readonly length: number }
  | { readonly kind: "extension"; readonly length: number; readonly type: number }
  | { readonly kind: "scalar"; readonly value: number | bigint | boolean | null };

/** A cursor at the start of the source. */
export function openMsgpack(source: ByteSource): MsgpackCursor {
  return { source, at: 0, window: new DataView(new ArrayBuffer(0)), windowStart: 0 };
}

/** Reads the start of a value and moves behind it. */
export async function readHead(cursor: MsgpackCursor): Promise<Head> {
  await load(cursor, Math.min(LONGEST_HEAD, Math.max(1, cursor.source.size - cursor.at)));
  const code = take(cursor, 1, "getUint8");
  if (code < 0x80) return { kind: "scalar", value: code };
  if (code < 0x90) return { kind: "map", length: code & 0x0f };
  if (code < 0xa0) return { kind: "array", length: code & 0x0f };
  if (code < 0xc0) return { kind: "text", length: code & 0x1f };
  if (code >= 0xe0) return { kind: "scalar", value: code - 0x100 };
  return readLongHead(cursor, code);
}

function readLongHead(cursor: MsgpackCursor, code: number): Head {
  switch (code) {
    case 0xc0:
      return { kind: "scalar", value: null };
    case 0xc2:
    case 0xc3:
      return { kind: "scalar", value: code === 0xc3 };
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return { kind: "bytes", length: takeLength(cursor, code - 0xc4) };
    case 0xc7:
    case 0xc8:
    case 0xc9:
      return extension(cursor, takeLength(cursor, code - 0xc7));
    case 0xca:
      return { kind: "scalar", value: take(cursor, 4, "getFloat32") };
    case 0xcb:
      return { kind: "scalar", value: take(cursor, 8, "getFloat64") };
    case 0xcc:
    case 0xcd:
    case 0xce:
      return { kind: "scalar", value: takeLength(cursor, code - 0xcc) };
    case 0xcf:
      return { kind: "scalar", value: take(cursor, 8, "getBigUint64") };
    case 0xd0:
      return { kind: "scalar", value: take(cursor, 1, "getInt8") };
    case 0xd1:
      return { kind: "scalar", value: take(cursor, 2, "getInt16") };
    case 0xd2:
      return { kind: "scalar", value: take(cursor, 4, "getInt32") };
    case 0xd3:
      return { kind: "scalar", value: take(cursor, 8, "getBigInt64") };
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return extension(cursor, 2 ** (code - 0xd4));
    case 0xd9:
    case 0xda:
    case 0xdb:
      return { kind: "text", length: takeLength(cursor, code - 0xd9) };
    case 0xdc:
    case 0xdd:
      return { kind: "array", length: takeLength(cursor, code - 0xdb) };
    case 0xde:
    case 0xdf:
      return { kind: "map", length: takeLength(cursor, code - 0xdd) };
    default:
      throw new InputError(msgpackError(cursor, "bad-msgpack", `expected a MessagePack value, got the byte ${code}`));
  }
}

/** Reads a text of `length` bytes. */
export async function readText(cursor: MsgpackCursor, length: number): Promise<string> {
  await load(cursor, length);
  const { window, windowStart, at } = cursor;
  cursor.at += length;
  try {
    const bytes = new Uint8Array(window.buffer, window.byteOffset + at - windowStart, length);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new InputError({
      ...msgpackError(cursor, "bad-msgpack", "expected a text in UTF-8, got other bytes"),
      cause,
    });
  }
}

/** Passes over `length` bytes without reading them. */
export function skipBytes(cursor: MsgpackCursor, length: number): void {
  checkLeft(cursor, length);
  cursor.at += length;
}

/** An error about what stands at the cursor. */
export function msgpackError(cursor: MsgpackCursor, code: string, message: string): InputErrorDetails {
  const remedy = "the file is damaged or not of flax; copy or save it again";
  return { code, where: cursor.source.name, message: `${message}, at byte ${cursor.at}`, remedy };
}

/** Sees to it that the window holds the next `length` bytes. */
async function load(cursor: MsgpackCursor, length: number): Promise<void> {
  const { source, at, window, windowStart } = cursor;
  if (at >= windowStart && at + length <= windowStart + window.byteLength) return;
  checkLeft(cursor, length);
  const bytes = await source.read(at, Math.min(Math.max(length, WINDOW_BYTES), source.size - at));
  cursor.window = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  cursor.windowStart = at;
}

function checkLeft(cursor: MsgpackCursor, length: number): void {
  const left = cursor.source.size - cursor.at;
  check(length <= left, () => msgpackError(cursor, "truncated", `expected ${length} more bytes, got ${left}`));
}

type Getter = {
  [K in keyof DataView]: DataView[K] extends (at: number) => number | bigint ? K : never;
}[keyof DataView];

/** The number at the cursor, which lies in the window unless the file ends before it does. */
function take<G extends Getter>(cursor: MsgpackCursor, length: number, getter: G): ReturnType<DataView[G]> {
  checkLeft(cursor, length);
  const value = cursor.window[getter](cursor.at - cursor.windowStart);
  cursor.at += length;
  return value as ReturnType<DataView[G]>;
}

const lengthGetters = ["getUint8", "getUint16", "getUint32"] as const;

/** A length in 1, 2 or 4 bytes for the width 0, 1 or 2. */
function takeLength(cursor: MsgpackCursor, width: number): number {
  return take(cursor, 2 ** width, lengthGetters[width] as (typeof lengthGetters)[number]);
}

function extension(cursor: MsgpackCursor, length: number): Head {
  return { kind: "extension", length, type: take(cursor, 1, "getInt8") };
}
