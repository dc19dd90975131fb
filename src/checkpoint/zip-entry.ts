import { check, InputError, type InputErrorDetails } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { entryPlace, type ZipEntry, zipError } from "./zip-directory.ts";
import { methods, recordBytes, signatures } from "./zip-format.ts";

const CHUNK_BYTES = 2 ** 16;

/** Where the contents of an entry start in the archive, which its local header says. */
export async function locateZipEntry(source: ByteSource, entry: ZipEntry): Promise<number> {
  const { nameBytes, headerOffset } = entry;
  const bytes = await source.read(headerOffset, recordBytes.local + nameBytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = bytes.subarray(recordBytes.local);
  const isSame =
    view.getUint32(0, true) === signatures.local &&
    view.getUint16(8, true) === entry.method &&
    view.getUint16(26, true) === name.length &&
    name.every((byte, i) => byte === nameBytes[i]);
  const start = headerOffset + bytes.length + view.getUint16(28, true);
  check(isSame && start + entry.compressedLength <= entry.end, () =>
    zipError(entryPlace(source, entry.name), `its header at byte ${headerOffset} contradicts the directory`),
  );
  return start;
}

/** The whole contents of an entry, stored or deflated; takes no more memory than the length its directory declares. */
export async function readZipEntry(source: ByteSource, entry: ZipEntry): Promise<Uint8Array<ArrayBuffer>> {
  return readZipHead(source, entry, entry.length);
}

/** The first `length` bytes of the contents of an entry, or all where they are fewer. */
export async function readZipHead(
  source: ByteSource,
  entry: ZipEntry,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  checkReadable(source, entry);
  const wanted = Math.min(length, entry.length);
  const start = await locateZipEntry(source, entry);
  if (entry.method === methods.stored) return source.read(start, wanted);
  const bytes = new Uint8Array(wanted);
  const isWhole = wanted === entry.length;
  let filled = 0;
  for await (const chunk of inflate(source, entry, start)) {
    check(filled + chunk.length <= entry.length || !isWhole, () => wrongLength(source, entry, "more"));
    const part = chunk.subarray(0, wanted - filled);
    bytes.set(part, filled);
    filled += part.length;
    if (filled === wanted && !isWhole) break;
  }
  check(filled === wanted, () => wrongLength(source, entry, `only ${filled}`));
  return bytes;
}

function checkReadable(source: ByteSource, { name, method, isEncrypted }: ZipEntry): void {
  const isKnown = method === methods.stored || method === methods.deflated;
  check(isKnown && !isEncrypted, () => ({
    code: "bad-zip",
    where: entryPlace(source, name),
    message: isEncrypted ? "encrypted entries cannot be read" : `compression method ${method} cannot be read`,
    remedy: "save it stored or deflated, without a password",
  }));
}

function wrongLength(source: ByteSource, { name, length }: ZipEntry, got: string): InputErrorDetails {
  return zipError(entryPlace(source, name), `expected ${length} bytes once inflated, got ${got}`);
}

async function* inflate(source: ByteSource, entry: ZipEntry, start: number): AsyncGenerator<Uint8Array> {
  const compressed = chunksOf(source, start, start + entry.compressedLength);
  const reader = compressed.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        if (cause instanceof InputError) throw cause;
        const message = "expected one whole deflate stream, got damaged data";
        throw new InputError(zipError(entryPlace(source, entry.name), message, "bad-zip", cause));
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function chunksOf(source: ByteSource, start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = start;
  return new ReadableStream({
    pull: async (controller) => {
      const length = Math.min(CHUNK_BYTES, end - at);
      if (length === 0) return controller.close();
      at += length;
      controller.enqueue(await source.read(at - length, length));
    },
  });
}
