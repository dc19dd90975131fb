import { check } from "../errors.ts";
import { elementCount, formatShape } from "../tensor/index.ts";
import type { LocatedEntry } from "./checkpoint.ts";
import { quote } from "./quote.ts";
import { METADATA_KEY, safetensorsTypes } from "./safetensors-format.ts";
import {
  type JsonCursor,
  jsonError,
  MOST_KEYS,
  openJson,
  readEnd,
  readIntegers,
  readMembers,
  readObject,
  readString,
  repeatedKey,
} from "./strict-json.ts";

/** NumPy and PyTorch stop at 64 axes; without a limit a hostile header costs memory and unreadable messages. */
const MOST_AXES = 64;

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: ReadonlyMap<string, LocatedEntry>;
}

/** Where the tensors lie: the file's name for messages, and where their bytes start and end in it. */
export interface DataRegion {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Reads and validates the JSON header of a safetensors file. */
export function parseHeader(bytes: Uint8Array<ArrayBuffer>, region: DataRegion): SafetensorsHeader {
  const describe = ([key]: readonly string[]) => place(region, key);
  const json = openJson(bytes, { noun: "the header", code: "bad-header", describe });
  checkCount(json);
  let metadata: Map<string, string> = new Map();
  const entries = readObject(json, (key) => {
    if (key !== METADATA_KEY) return readEntry(json, region);
    metadata = readObject(json, () => readString(json));
    return null;
  });
  readEnd(json);
  entries.delete(METADATA_KEY);
  const tensors = entries as Map<string, LocatedEntry>;
  checkTiling(tensors, region);
  return { metadata: Object.fromEntries(metadata), entries: tensors };
}

/** Refuses too many tensors before any is read, which takes ten times as long. */
function checkCount(json: JsonCursor): void {
  const mark = '"data_offsets"';
  let count = 0;
  for (let at = json.text.indexOf(mark); at >= 0; at = json.text.indexOf(mark, at + mark.length)) {
    if (++count > MOST_KEYS) throw jsonError(json, `expected at most ${MOST_KEYS} tensors, got more`);
  }
}

function place({ name }: DataRegion, key: string | undefined): string {
  if (key === undefined) return name;
  return key === METADATA_KEY ? `${name}, ${METADATA_KEY}` : `${name}, tensor ${quote(key)}`;
}

/** What stands in the header about a tensor. */
interface Fields {
  dtype?: string;
  shape?: number[];
  data_offsets?: number[];
}

function readEntry(json: JsonCursor, region: DataRegion): LocatedEntry {
  const { dtype: storedType, shape, data_offsets: offsets } = readFields(json);
  if (storedType === undefined) throw missingField(json, "dtype");
  if (shape === undefined) throw missingField(json, "shape");
  if (offsets === undefined) throw missingField(json, "data_offsets");
  const [begin, end] = readRange(json, offsets, region);
  const { bits, dtype } = typeNamed(json, storedType);
  checkLength(json, { storedType, shape, bits, length: end - begin });
  return { dtype, storedType, shape, offset: region.start + begin, length: end - begin };
}

function readFields(json: JsonCursor): Fields {
  const fields: Fields = {};
  readMembers(json, (field) => {
    if (Object.hasOwn(fields, field)) throw repeatedKey(json, field);
    if (field === "dtype") fields.dtype = readString(json);
    else if (field === "shape") fields.shape = readIntegers(json, MOST_AXES);
    else if (field === "data_offsets") fields.data_offsets = readIntegers(json, 2);
    else throw jsonError(json, `expected dtype, shape and data_offsets, got a field ${quote(field)}`);
  });
  return fields;
}

function missingField(json: JsonCursor, field: string) {
  return jsonError(json, `the field ${field} is missing`);
}

function readRange(json: JsonCursor, offsets: number[], { start, end }: DataRegion): [number, number] {
  const [first, last] = offsets;
  if (first === undefined || last === undefined) {
    throw jsonError(json, `expected two data_offsets, got ${formatShape(offsets)}`, "bad-offsets");
  }
  if (first > last) throw jsonError(json, `data_offsets ${formatShape(offsets)} run backwards`, "bad-offsets");
  if (last > end - start) {
    const message = `data_offsets end at ${last}, but only ${end - start} bytes follow the header`;
    throw jsonError(json, message, "truncated");
  }
  return [first, last];
}

function typeNamed(json: JsonCursor, storedType: string) {
  const type = safetensorsTypes.get(storedType);
  if (type) return type;
  const known = [...safetensorsTypes.keys()].join(", ");
  throw jsonError(json, `dtype ${quote(storedType)} is none of ${known}`, "unknown-dtype");
}

interface StoredSize {
  readonly storedType: string;
  readonly shape: number[];
  readonly bits: number;
  readonly length: number;
}

function checkLength(json: JsonCursor, { storedType, shape, bits, length }: StoredSize): void {
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count)) {
    throw jsonError(json, `the product of its ${shape.length} sizes is beyond 2^53 - 1`, "bad-shape");
  }
  if (count * bits === length * 8) return;
  const needed = (count * bits) / 8;
  const message = `${storedType} ${formatShape(shape)} needs ${needed} bytes, its data_offsets hold ${length}`;
  throw jsonError(json, message, "bad-shape");
}

/** The tensors must follow each other without a gap or an overlap, from the header to the end of the file. */
function checkTiling(entries: ReadonlyMap<string, LocatedEntry>, region: DataRegion): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let reached = region.start;
  for (const [name, { offset, length }] of inOrder) {
    check(offset === reached, () => ({
      code: "bad-offsets",
      where: place(region, name),
      message: `expected data from offset ${reached - region.start}, got ${offset - region.start}: ${
        offset < reached ? "it overlaps another tensor" : "a gap is left before it"
      }`,
      remedy: "the file is damaged or its writer is at fault; save it again",
    }));
    reached = offset + length;
  }
  check(reached === region.end, () => ({
    code: "bad-offsets",
    where: region.name,
    message: `${region.end - reached} bytes follow the last tensor`,
    remedy: "the file is damaged or its writer is at fault; save it again",
  }));
}
