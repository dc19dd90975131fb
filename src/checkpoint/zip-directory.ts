import { check, type InputErrorDetails } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { quote } from "./quote.ts";
import { ELSEWHERE_32, methods, recordBytes, signatures, ZIP64_FIELD } from "./zip-format.ts";

/** One file of a ZIP archive, as the directory describes it. */
export interface ZipEntry {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly crc: number;
  readonly compressedLength: number;
  /** Bytes of its contents. */
  readonly length: number;
  /** Where its local header starts. */
  readonly headerOffset: number;
  /** Where what follows it starts: all of it lies before. */
  readonly end: number;
}

/** Some half a million entries; without a limit a hostile archive fills the memory with them. */
const LONGEST_DIRECTORY = 2 ** 25;

const LONGEST_COMMENT = 0xffff;

/** Deflate turns one byte into at most 1032 (https://zlib.net/zlib_tech.html). */
const LARGEST_RATIO = 1032;

/** An error about an archive that does not hold together. */
export function zipError(where: string, message: string, code = "bad-zip", cause?: unknown): InputErrorDetails {
  return { code, where, message, remedy: "the file is damaged; copy or download it again", cause };
}

/** The directory of a ZIP archive by name, folders left out, read and validated without touching the entries. */
export async function readZipDirectory(source: ByteSource): Promise<ReadonlyMap<string, ZipEntry>> {
  const { offset, length, count } = await findDirectory(source);
  const records = readRecords(source, await source.read(offset, length), count);
  const entries = new Map<string, ZipEntry>();
  for (const entry of separate(source, records, offset)) {
    check(!entries.has(entry.name), () =>
      zipError(source.name, `expected entries of different names, got ${quote(entry.name)} twice`, "duplicate-key"),
    );
    entries.set(entry.name, entry);
  }
  return new Map([...entries].filter(([name]) => !name.endsWith("/")));
}

interface DirectoryPlace {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

async function findDirectory(source: ByteSource): Promise<DirectoryPlace> {
  const tailLength = Math.min(source.size, recordBytes.locator64 + recordBytes.end + LONGEST_COMMENT);
  const tail = viewOf(await source.read(source.size - tailLength, tailLength));
  const at = endRecord(tail);
  check(at !== null, () => zipError(source.name, "expected a ZIP directory at its end, got none", "truncated"));
  const end = source.size - tailLength + at;
  const locatorAt = at - recordBytes.locator64;
  const isZip64 = locatorAt >= 0 && tail.getUint32(locatorAt, true) === signatures.locator64;
  const [place, directoryEnd] = isZip64
    ? await readEnd64(source, size64(source, tail, locatorAt + 8), end - recordBytes.locator64)
    : [readEnd(tail, at), end];
  checkPlace(source, place, directoryEnd);
  return place;
}

/** The position of the end record, whose comment reaches exactly to the end of the file. */
function endRecord(tail: DataView): number | null {
  for (let at = tail.byteLength - recordBytes.end; at >= 0; at--) {
    const isEnd = tail.getUint32(at, true) === signatures.end;
    if (isEnd && at + recordBytes.end + tail.getUint16(at + 20, true) === tail.byteLength) return at;
  }
  return null;
}

function readEnd(tail: DataView, at: number): DirectoryPlace {
  const count = tail.getUint16(at + 10, true);
  return { count, length: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
}

async function readEnd64(source: ByteSource, at: number, end: number): Promise<[DirectoryPlace, number]> {
  const message = `expected the zip64 directory record at byte ${at}, before byte ${end}, got something else`;
  check(at + recordBytes.end64 <= end, () => zipError(source.name, message));
  const record = viewOf(await source.read(at, recordBytes.end64));
  const isWhole = record.getUint32(0, true) === signatures.end64 && at + 12 + size64(source, record, 4) === end;
  check(isWhole, () => zipError(source.name, message));
  const [count = 0, length = 0, offset = 0] = [32, 40, 48].map((field) => size64(source, record, field));
  return [{ count, length, offset }, at];
}

function checkPlace({ name }: ByteSource, { offset, length, count }: DirectoryPlace, end: number): void {
  check(offset + length === end, () =>
    zipError(name, `its directory takes bytes ${offset} to ${offset + length}, expected it to end at ${end}`),
  );
  check(count * recordBytes.central <= length, () =>
    zipError(name, `its directory of ${length} bytes cannot hold the ${count} entries it declares`),
  );
  check(length <= LONGEST_DIRECTORY, () => ({
    code: "bad-zip",
    where: name,
    message: `expected a directory of at most ${LONGEST_DIRECTORY} bytes, got ${length}`,
    remedy: "save the tensors in several files",
  }));
}

type DirectoryRecord = Omit<ZipEntry, "end">;

function readRecords(source: ByteSource, bytes: Uint8Array<ArrayBuffer>, count: number): DirectoryRecord[] {
  const records: DirectoryRecord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [record, length] = readRecord(source, bytes.subarray(at));
    records.push(record);
    at += length;
  }
  check(records.length === count, () =>
    zipError(source.name, `its directory declares ${count} entries and lists ${records.length}`),
  );
  return records;
}

function readRecord(source: ByteSource, bytes: Uint8Array<ArrayBuffer>): [DirectoryRecord, number] {
  const view = viewOf(bytes);
  const isRecord = bytes.length >= recordBytes.central && view.getUint32(0, true) === signatures.central;
  const nameEnd = recordBytes.central + (isRecord ? view.getUint16(28, true) : 0);
  const extraEnd = nameEnd + (isRecord ? view.getUint16(30, true) : 0);
  const length = extraEnd + (isRecord ? view.getUint16(32, true) : 0);
  check(isRecord && length <= bytes.length, () => zipError(source.name, "its directory breaks off within an entry"));
  const nameBytes = bytes.subarray(recordBytes.central, nameEnd);
  const sizes = { length: view.getUint32(24, true), compressedLength: view.getUint32(20, true) };
  const record = {
    name: decodeName(nameBytes),
    nameBytes,
    method: view.getUint16(10, true),
    isEncrypted: (view.getUint16(8, true) & 1) !== 0,
    crc: view.getUint32(16, true),
    ...widen(source, { ...sizes, headerOffset: view.getUint32(42, true) }, bytes.subarray(nameEnd, extraEnd)),
  };
  checkSizes(source, record);
  return [record, length];
}

type Sizes = Pick<ZipEntry, "length" | "compressedLength" | "headerOffset">;

/** Takes from the zip64 field, in its order, the sizes that it holds. */
function widen(source: ByteSource, sizes: Sizes, extra: Uint8Array<ArrayBuffer>): Sizes {
  const isElsewhere = (size: number) => size === ELSEWHERE_32;
  if (!Object.values(sizes).some(isElsewhere)) return sizes;
  const field = zip64Field(extra);
  let at = 0;
  const take = (size: number) => {
    if (!isElsewhere(size)) return size;
    at += 8;
    check(field && at <= field.byteLength, () => zipError(source.name, "a zip64 size of its directory is missing"));
    return size64(source, field, at - 8);
  };
  const length = take(sizes.length);
  const compressedLength = take(sizes.compressedLength);
  return { length, compressedLength, headerOffset: take(sizes.headerOffset) };
}

function zip64Field(extra: Uint8Array<ArrayBuffer>): DataView | null {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === ZIP64_FIELD && end <= extra.length) return viewOf(extra.subarray(at + 4, end));
  }
  return null;
}

function checkSizes(source: ByteSource, { name, method, compressedLength, length }: DirectoryRecord): void {
  const largest = method === methods.deflated ? compressedLength * LARGEST_RATIO : compressedLength;
  const isKnown = method === methods.deflated || method === methods.stored;
  check(!isKnown || (length <= largest && (method === methods.deflated || length === largest)), () =>
    zipError(entryPlace(source, name), `${compressedLength} stored bytes cannot stand for ${length}`),
  );
}

/** Each entry with its end; refuses those that overlap, which a bomb needs to be small. */
function separate(source: ByteSource, records: readonly DirectoryRecord[], directoryOffset: number): ZipEntry[] {
  const inPlace = [...records].sort((a, b) => a.headerOffset - b.headerOffset);
  const ends = new Map(inPlace.map((record, i) => [record, inPlace[i + 1]?.headerOffset ?? directoryOffset]));
  return records.map((record) => {
    const end = ends.get(record) as number;
    const needed = recordBytes.local + record.nameBytes.length + record.compressedLength;
    check(record.headerOffset + needed <= end, () =>
      zipError(
        entryPlace(source, record.name),
        `expected ${needed} bytes from byte ${record.headerOffset}, but what follows it starts at byte ${end}`,
      ),
    );
    return { ...record, end };
  });
}

/** What error messages call an entry. */
export function entryPlace({ name }: ByteSource, entryName: string): string {
  return `${name}, entry ${quote(entryName)}`;
}

function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

function size64({ name }: ByteSource, view: DataView, at: number): number {
  const size = view.getBigUint64(at, true);
  check(size <= Number.MAX_SAFE_INTEGER, () => zipError(name, `a zip64 size of ${size} is beyond 2^53 - 1`));
  return Number(size);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
