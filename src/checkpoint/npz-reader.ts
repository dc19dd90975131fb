import { check } from "../errors.ts";
import type { Tensor } from "../tensor/index.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type NpyHeader, readNpyHeader } from "./npy-header.ts";
import { decodeNpy, readableNpy } from "./npy-reader.ts";
import { tensorPlace } from "./tensor-entry.ts";
import { crc32 } from "./zip-crc.ts";
import { readZipDirectory, type ZipEntry, zipError } from "./zip-directory.ts";
import { readZipEntry, readZipHead } from "./zip-entry.ts";

const SUFFIX = ".npy";

interface NpzEntry extends NpyHeader {
  readonly file: ZipEntry;
}

/**
 * Opens an npz archive, as numpy.savez or numpy.savez_compressed writes it: reads the directory and the header of each
 * array, and later each array by a read of its own entry alone, whose checksum must hold. Entries that are no .npy are
 * left out.
 */
export async function openNpz(source: ByteSource): Promise<Checkpoint> {
  const files = [...(await readZipDirectory(source)).values()];
  const entries = new Map<string, NpzEntry>();
  for (const file of files.filter(({ name }) => name.endsWith(SUFFIX))) {
    const name = file.name.slice(0, -SUFFIX.length);
    const readHead = (length: number) => readZipHead(source, file, length);
    entries.set(name, {
      ...(await readNpyHeader({ where: tensorPlace(source, name), size: file.length, readHead })),
      file,
    });
  }
  check(entries.size > 0 || files.length === 0, () => ({
    code: "not-npz",
    where: source.name,
    message: `expected arrays called *${SUFFIX}, got a ZIP archive of ${files.length} other files`,
    remedy: "check that numpy.savez wrote it",
  }));
  return { format: "npz", metadata: {}, entries, read: (name) => readArray(source, name, entries) };
}

async function readArray(source: ByteSource, name: string, entries: ReadonlyMap<string, NpzEntry>): Promise<Tensor> {
  const entry = readableNpy(source, name, entries);
  const bytes = await readZipEntry(source, entry.file);
  const crc = crc32([bytes]);
  check(crc === entry.file.crc, () =>
    zipError(tensorPlace(source, name), `expected contents of checksum ${entry.file.crc}, got ${crc}`),
  );
  return decodeNpy(entry, bytes.subarray(entry.offset));
}
