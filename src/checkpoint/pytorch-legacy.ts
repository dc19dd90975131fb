import { check, InputError } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { type Pickle, readPickle } from "./pickle-reader.ts";
import type { PickleValue } from "./pickle-values.ts";
import { storageReference, type TorchFile } from "./pytorch-storage.ts";
import { tensorError } from "./pytorch-tensor.ts";
import { LONGEST_PICKLE, tooLong } from "./pytorch-zip.ts";
import { quote } from "./quote.ts";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const FIRST_WINDOW = 2 ** 20;
const COUNT_BYTES = 8;

interface LegacyHead {
  readonly object: Pickle;
  readonly keys: readonly PickleValue[];
  /** The byte after the pickles. */
  readonly end: number;
}

interface StoragePlace {
  readonly offset: number;
  readonly length: number;
}

/** Reads the pickles of a file as torch.save wrote it before PyTorch 1.6, and finds the storages after them. */
export async function readTorchLegacy(source: ByteSource): Promise<TorchFile> {
  const head = await readHead(source);
  const places = await findStorages(source, head);
  return {
    value: head.object.value,
    isBigEndian: false,
    lengthOf: (key) => places.get(key)?.length,
    locate: async (key) => (places.get(key) as StoragePlace).offset,
  };
}

/** The length of the pickles is written nowhere: reads twice as much as long as they do not end. */
async function readHead(source: ByteSource): Promise<LegacyHead> {
  for (let length = FIRST_WINDOW; ; length *= 2) {
    const bytes = await source.read(0, Math.min(length, source.size));
    try {
      return parseHead(source.name, bytes);
    } catch (error) {
      const isCut = error instanceof InputError && error.code === "truncated" && bytes.length < source.size;
      if (!isCut) throw error;
      check(length < LONGEST_PICKLE, () => tooLong(source.name, source.size));
    }
  }
}

function parseHead(where: string, bytes: Uint8Array<ArrayBuffer>): LegacyHead {
  const magic = readPickle(bytes, where);
  const protocol = readPickle(bytes, where, magic.end);
  check(magic.value === MAGIC && protocol.value === PROTOCOL, () => ({
    code: "not-pytorch",
    where,
    message: "expected the magic number of a PyTorch checkpoint, got another pickle",
    remedy: "check that torch.save wrote it",
  }));
  const system = readPickle(bytes, where, protocol.end);
  const object = readPickle(bytes, where, system.end);
  const keys = readPickle(bytes, where, object.end);
  check(Array.isArray(keys.value), () =>
    tensorError(where, "bad-pickle", "expected a list of storages, got something else"),
  );
  return { object, keys: keys.value, end: keys.end };
}

/** Each storage is a count of elements and the elements, in the order of the keys. */
async function findStorages(source: ByteSource, head: LegacyHead): Promise<ReadonlyMap<string, StoragePlace>> {
  const declared = new Map(head.object.persistent.map(({ id }) => describe(id)));
  const places = new Map<string, StoragePlace>();
  let at = head.end;
  for (const key of head.keys) {
    const bytes = typeof key === "string" && !places.has(key) ? declared.get(key) : undefined;
    const where = `${source.name}, storage ${quote(String(key))}`;
    check(bytes, () => tensorError(where, "bad-pickle", "it is listed twice, or no tensor says its element type"));
    const length = (await readCount(source, where, at)) * bytes;
    const offset = at + COUNT_BYTES;
    check(length <= source.size - offset, () =>
      tensorError(where, "truncated", `it takes ${length} bytes, ${source.size - offset} are left in the file`),
    );
    places.set(key as string, { offset, length });
    at = offset + length;
  }
  return places;
}

/** The key of a storage and the bytes of its elements. */
function describe(id: PickleValue): [string | undefined, number] {
  const reference = storageReference({ kind: "persistent", id });
  return [reference?.key, reference?.type.bytes ?? 0];
}

async function readCount(source: ByteSource, where: string, at: number): Promise<number> {
  check(at + COUNT_BYTES <= source.size, () => tensorError(where, "truncated", "the file ends before it"));
  const bytes = await source.read(at, COUNT_BYTES);
  const count = new DataView(bytes.buffer, bytes.byteOffset, COUNT_BYTES).getBigInt64(0, true);
  check(count >= 0 && count <= source.size, () =>
    tensorError(where, "truncated", `it takes ${count} elements, more than a file of ${source.size} bytes holds`),
  );
  return Number(count);
}
