import { check } from "../errors.ts";
import { bytesPerElement, type Tensor, tensorFromBytes } from "../tensor/index.ts";
import { swapBytes } from "./byte-order.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { readTorchLegacy } from "./pytorch-legacy.ts";
import { namedTensors } from "./pytorch-names.ts";
import type { TorchFile } from "./pytorch-storage.ts";
import { type TorchEntry, tensorError, torchEntry } from "./pytorch-tensor.ts";
import { readTorchZip } from "./pytorch-zip.ts";
import { gather, isRowMajor, type WordBytes } from "./strided.ts";
import { readableEntry, tensorPlace } from "./tensor-entry.ts";

/**
 * What a byte of the file may stand for: strides of zero and overlapping views repeat elements, and a hostile file
 * could ask for any amount of memory by them. Tied tensors count once.
 */
const MOST_BYTES_PER_BYTE = 16;
const SMALL_BYTES = 2 ** 26;

const PROTOCOL_OPCODE = 0x80;
const TAR_MAGIC_AT = 257;

/**
 * Opens what torch.save wrote, in the ZIP format or the one before PyTorch 1.6. The pickle inside is read as data:
 * nothing in it is executed, and what only a call of foreign code would make is not there. How tensors are named
 * `namedTensors` says. Views of any strides are read as row-major tensors, from the bytes between their first and
 * last element alone; equal views of one storage are ties.
 */
export async function openPytorch(source: ByteSource): Promise<Checkpoint> {
  const file = await readTorchFile(source);
  const entries = describe(source, file);
  return { format: "pytorch", metadata: {}, entries, read: (name) => readTensor(source, file, name, entries) };
}

async function readTorchFile(source: ByteSource): Promise<TorchFile> {
  const start = await source.read(0, Math.min(source.size, 512));
  const text = new TextDecoder().decode(start);
  if (text.startsWith("PK")) return readTorchZip(source);
  check(start[0] === PROTOCOL_OPCODE, () => notPytorch(source, text.startsWith("ustar", TAR_MAGIC_AT)));
  return readTorchLegacy(source);
}

function notPytorch({ name: where }: ByteSource, isTar: boolean) {
  const code = "not-pytorch";
  if (!isTar) {
    const message = "expected a ZIP archive or a pickle, got other bytes";
    return { code, where, message, remedy: "check that torch.save wrote it" };
  }
  const message = "expected a checkpoint of PyTorch 0.2 or later, got a tar archive";
  return { code, where, message, remedy: "load it with PyTorch and save it again" };
}

function describe(source: ByteSource, file: TorchFile): ReadonlyMap<string, TorchEntry> {
  const limit = Math.max(SMALL_BYTES, MOST_BYTES_PER_BYTE * source.size);
  const firsts = new Map<string, string>();
  const entries = new Map<string, TorchEntry>();
  let total = 0;
  for (const [name, call] of namedTensors(file.value, source.name)) {
    const where = tensorPlace(source, name);
    const entry = torchEntry(call, file, where);
    const sharedWith = firsts.get(viewOf(entry));
    entries.set(name, sharedWith === undefined ? entry : { ...entry, sharedWith });
    if (sharedWith !== undefined) continue;
    firsts.set(viewOf(entry), name);
    total += entry.length;
    check(total <= limit, () =>
      tensorError(
        where,
        "bad-shape",
        `up to it the tensors take ${total} bytes, a file of ${source.size} may hold ${limit}`,
      ),
    );
  }
  return entries;
}

/** Equal for tensors that are the same view of the same memory. */
function viewOf({ storageKey, storedType, start, shape, strides }: TorchEntry): string {
  return JSON.stringify([storageKey, storedType, start, shape, strides]);
}

async function readTensor(
  source: ByteSource,
  file: TorchFile,
  name: string,
  entries: ReadonlyMap<string, TorchEntry>,
): Promise<Tensor> {
  const entry = readableEntry(source, name, entries);
  const size = bytesPerElement(entry.dtype) as WordBytes;
  const bytes = await source.read((await file.locate(entry.storageKey)) + entry.start, entry.span);
  const ordered = file.isBigEndian ? swapBytes(bytes, size) : bytes;
  return tensorFromBytes(entry.dtype, entry.shape, isRowMajor(entry) ? ordered : gather(ordered, size, entry));
}
