import { check, type InputErrorDetails } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { readPickle } from "./pickle-reader.ts";
import type { TorchFile } from "./pytorch-storage.ts";
import { entryPlace, readZipDirectory, type ZipEntry } from "./zip-directory.ts";
import { locateZipEntry, readZipEntry, readZipHead } from "./zip-entry.ts";
import { methods } from "./zip-format.ts";

/** Real ones stay below a few megabytes; the weights lie outside. */
export const LONGEST_PICKLE = 2 ** 27;

const PICKLE_NAME = "/data.pkl";

/** Reads the pickle of a file as torch.save writes it since PyTorch 1.6, a ZIP archive. */
export async function readTorchZip(source: ByteSource): Promise<TorchFile> {
  const files = await readZipDirectory(source);
  const root = rootOf(source, files);
  const pickle = files.get(root + PICKLE_NAME) as ZipEntry;
  const where = entryPlace(source, pickle.name);
  check(pickle.length <= LONGEST_PICKLE, () => tooLong(where, pickle.length));
  const { value } = readPickle(await readZipEntry(source, pickle), where);
  const storage = (key: string) => files.get(`${root}/data/${key}`);
  return {
    value,
    isBigEndian: await readIsBigEndian(source, files.get(`${root}/byteorder`)),
    lengthOf: (key) => storage(key)?.length,
    locate: (key) => locateStorage(source, storage(key) as ZipEntry),
  };
}

/** An error about a pickle that would take too much memory. */
export function tooLong(where: string, length: number): InputErrorDetails {
  const message = `expected a pickle of at most ${LONGEST_PICKLE} bytes, got ${length}`;
  return { code: "bad-pickle", where, message, remedy: "save the state dict alone" };
}

function rootOf(source: ByteSource, files: ReadonlyMap<string, ZipEntry>): string {
  const roots = [...files.keys()]
    .filter((name) => name.endsWith(PICKLE_NAME))
    .map((name) => name.slice(0, -PICKLE_NAME.length));
  const [root] = roots;
  check(root !== undefined && roots.length === 1, () => ({
    code: "not-pytorch",
    where: source.name,
    message: `expected one entry called *${PICKLE_NAME}, got ${roots.length} among ${files.size} entries`,
    remedy: "check that torch.save wrote it",
  }));
  check(!files.has(`${root}/constants.pkl`), () => ({
    code: "not-pytorch",
    where: source.name,
    message: "expected a state dict or a module, got a TorchScript program",
    remedy: "save its state_dict() with torch.save",
  }));
  return root;
}

async function readIsBigEndian(source: ByteSource, file: ZipEntry | undefined): Promise<boolean> {
  if (!file) return false;
  const order = new TextDecoder("latin1").decode(await readZipHead(source, file, 16));
  check(order === "little" || order === "big", () => ({
    code: "bad-zip",
    where: entryPlace(source, file.name),
    message: 'expected "little" or "big", got something else',
    remedy: "the file is damaged; copy it or save it again",
  }));
  return order === "big";
}

async function locateStorage(source: ByteSource, file: ZipEntry): Promise<number> {
  check(file.method === methods.stored && !file.isEncrypted, () => ({
    code: "bad-zip",
    where: entryPlace(source, file.name),
    message: "expected a storage as it is in memory, got a compressed or encrypted one",
    remedy: "write it again with torch.save",
  }));
  return locateZipEntry(source, file);
}
