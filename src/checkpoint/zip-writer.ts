import { check } from "../errors.ts";
import { quote } from "./quote.ts";
import { crc32 } from "./zip-crc.ts";
import { ELSEWHERE_16, ELSEWHERE_32, recordBytes, signatures, ZIP64_FIELD } from "./zip-format.ts";

/** A file for a ZIP archive: its name and its contents in pieces. */
export interface ZipFile {
  readonly name: string;
  readonly pieces: readonly Uint8Array<ArrayBuffer>[];
}

/** What the directory says of a stored entry. */
export interface StoredEntry {
  readonly name: string;
  readonly length: number;
  readonly crc: number;
  readonly headerOffset: number;
}

/** From here on Python's zipfile, whose bytes these are, writes zip64: half of what 32 bits would allow. */
const LARGEST_32 = 2 ** 31 - 1;
const ZIP64_VERSION = 45;
const UNIX = 3;
/** 1 January 1980, the first day that the format knows: archives of equal contents have equal bytes. */
const DATE = 0x21;
const PERMISSIONS = 0o600 << 16;
const NAME_IS_UTF8 = 0x800;

/** The bytes of an archive of stored files, in pieces that share their memory: those of Python's zipfile. */
export function encodeZip(files: readonly ZipFile[]): Uint8Array<ArrayBuffer>[] {
  return [...zipPieces(files)];
}

/** The same pieces one after another; each file is taken from `files` when its turn comes. */
export function* zipPieces(files: Iterable<ZipFile>): Generator<Uint8Array<ArrayBuffer>> {
  const entries: StoredEntry[] = [];
  let offset = 0;
  for (const { name, pieces } of files) {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const entry = { name, length, crc: crc32(pieces), headerOffset: offset };
    const header = localHeader(entry);
    entries.push(entry);
    yield header;
    yield* pieces;
    offset += header.length + length;
  }
  yield encodeZipDirectory(entries, offset);
}

/** The directory of an archive of stored entries, to be written at `offset`. */
export function encodeZipDirectory(entries: readonly StoredEntry[], offset: number): Uint8Array<ArrayBuffer> {
  const records = entries.map(centralRecord);
  const length = records.reduce((sum, record) => sum + record.length, 0);
  return join([...records, ...endRecords({ count: entries.length, length, offset })]);
}

function localHeader({ name, length, crc }: StoredEntry): Uint8Array<ArrayBuffer> {
  const { bytes: nameBytes, flags } = encodeName(name);
  const header = record(recordBytes.local, [
    [4, signatures.local],
    [2, ZIP64_VERSION],
    [2, flags],
    [2, 0],
    [2, 0],
    [2, DATE],
    [4, crc],
    [4, ELSEWHERE_32],
    [4, ELSEWHERE_32],
    [2, nameBytes.length],
    [2, 20],
  ]);
  return join([header, nameBytes, zip64Field([length, length])]);
}

function centralRecord({ name, length, crc, headerOffset }: StoredEntry): Uint8Array<ArrayBuffer> {
  const { bytes: nameBytes, flags } = encodeName(name);
  const isLong = length > LARGEST_32;
  const isFar = headerOffset > LARGEST_32;
  const wide = [...(isLong ? [length, length] : []), ...(isFar ? [headerOffset] : [])];
  const extra = wide.length > 0 ? zip64Field(wide) : new Uint8Array();
  const header = record(recordBytes.central, [
    [4, signatures.central],
    [1, ZIP64_VERSION],
    [1, UNIX],
    [2, ZIP64_VERSION],
    [2, flags],
    [2, 0],
    [2, 0],
    [2, DATE],
    [4, crc],
    [4, isLong ? ELSEWHERE_32 : length],
    [4, isLong ? ELSEWHERE_32 : length],
    [2, nameBytes.length],
    [2, extra.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, PERMISSIONS],
    [4, isFar ? ELSEWHERE_32 : headerOffset],
  ]);
  return join([header, nameBytes, extra]);
}

interface DirectorySize {
  readonly count: number;
  readonly length: number;
  readonly offset: number;
}

function endRecords({ count, length, offset }: DirectorySize): Uint8Array<ArrayBuffer>[] {
  const end = record(recordBytes.end, [
    [4, signatures.end],
    [4, 0],
    [2, Math.min(count, ELSEWHERE_16)],
    [2, Math.min(count, ELSEWHERE_16)],
    [4, Math.min(length, ELSEWHERE_32)],
    [4, Math.min(offset, ELSEWHERE_32)],
    [2, 0],
  ]);
  if (count <= ELSEWHERE_16 && offset <= LARGEST_32) return [end];
  const end64 = record(recordBytes.end64, [
    [4, signatures.end64],
    [8, recordBytes.end64 - 12],
    [2, ZIP64_VERSION],
    [2, ZIP64_VERSION],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, length],
    [8, offset],
  ]);
  const locator64 = record(recordBytes.locator64, [
    [4, signatures.locator64],
    [4, 0],
    [8, offset + length],
    [4, 1],
  ]);
  return [end64, locator64, end];
}

function zip64Field(sizes: readonly number[]): Uint8Array<ArrayBuffer> {
  const fields = sizes.map((size): [number, number] => [8, size]);
  return record(4 + 8 * sizes.length, [[2, ZIP64_FIELD], [2, 8 * sizes.length], ...fields]);
}

function encodeName(name: string): { bytes: Uint8Array<ArrayBuffer>; flags: number } {
  const bytes = new TextEncoder().encode(name);
  check(bytes.length <= ELSEWHERE_16 && name.isWellFormed() && !name.includes("\0"), () => ({
    code: "bad-name",
    where: "zip",
    message: `${quote(name)} cannot name an entry: expected at most ${ELSEWHERE_16} bytes of UTF-8 without zeros`,
    remedy: "rename it",
  }));
  return { bytes, flags: bytes.length === name.length ? 0 : NAME_IS_UTF8 };
}

/** Little-endian numbers, each as [bytes, value]. */
function record(length: number, fields: readonly (readonly [number, number])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const [size, value] of fields) {
    let rest = value;
    for (let i = 0; i < size; i++) {
      bytes[at++] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }
  return bytes;
}

function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
