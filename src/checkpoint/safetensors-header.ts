import { check, InputError } from "../errors.ts";
import { elementCount, formatShape } from "../tensor/index.ts";
import type { LocatedEntry } from "./checkpoint.ts";
import { quote } from "./quote.ts";
import { METADATA_KEY, safetensorsTypes } from "./safetensors-format.ts";
import { type JsonCursor, jsonError, openJson, readEnd, readIntegers, readObject, readString } from "./strict-json.ts";

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
  const json = openJson(decodeUtf8(bytes, region.name), ([key]) => place(region, key));
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

function decodeUtf8(bytes: Uint8Array<ArrayBuffer>, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const message = "expected a header in UTF-8, got other bytes";
    throw new InputError({ code: "bad-header", where, message, remedy: "the file is damaged; copy it again", cause });
  }
}

function place({ name }: DataRegion, key: string | undefined): string {
  if (key === undefined) return name;
  return key === METADATA_KEY ? `${name}, ${METADATA_KEY}` : `${name}, tensor ${quote(key)}`;
}

function readEntry(json: JsonCursor, region: DataRegion): LocatedEntry {
  const fields = readObject(json, (field) => {
    if (field === "dtype") return readString(json);
    if (field === "shape") return readIntegers(json, MOST_AXES);
    if (field === "data_offsets") return readIntegers(json, 2);
    throw jsonError(json, "bad-header", `expected dtype, shape and data_offsets, got a field ${quote(field)}`);
  });
  for (const field of ["dtype", "shape", "data_offsets"]) {
    if (!fields.has(field)) throw jsonError(json, "bad-header", `the field ${field} is missing`);
  }
  const storedType = fields.get("dtype") as string;
  const shape = fields.get("shape") as number[];
  const [begin, end] = readRange(json, fields.get("data_offsets") as number[], region);
  const { bits, dtype } = typeNamed(json, storedType);
  checkLength(json, { storedType, shape, bits, length: end - begin });
  return { dtype, storedType, shape, offset: region.start + begin, length: end - begin };
}

function readRange(json: JsonCursor, offsets: number[], { start, end }: DataRegion): [number, number] {
  const [first, last] = offsets;
  if (first === undefined || last === undefined) {
    throw jsonError(json, "bad-offsets", `expected two data_offsets, got ${formatShape(offsets)}`);
  }
  if (first > last) throw jsonError(json, "bad-offsets", `data_offsets ${formatShape(offsets)} run backwards`);
  if (last > end - start) {
    const message = `data_offsets end at ${last}, but only ${end - start} bytes follow the header`;
    throw jsonError(json, "truncated", message);
  }
  return [first, last];
}

function typeNamed(json: JsonCursor, storedType: string) {
  const type = safetensorsTypes.get(storedType);
  if (type) return type;
  const known = [...safetensorsTypes.keys()].join(", ");
  throw jsonError(json, "unknown-dtype", `dtype ${quote(storedType)} is none of ${known}`);
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
    throw jsonError(json, "bad-shape", `the product of its ${shape.length} sizes is beyond 2^53 - 1`);
  }
  if (count * bits === length * 8) return;
  const needed = (count * bits) / 8;
  const message = `${storedType} ${formatShape(shape)} needs ${needed} bytes, its data_offsets hold ${length}`;
  throw jsonError(json, "bad-shape", message);
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
