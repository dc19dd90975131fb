import { InputError } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import type { CheckpointFormat } from "./checkpoint.ts";
import { quote } from "./quote.ts";
import { LONGEST_HEADER, PREFIX_BYTES } from "./safetensors-format.ts";
import { readZipDirectory } from "./zip-directory.ts";

/** Enough for every mark below. */
const HEAD_BYTES = 512;

/** What a file is, by its contents: one of the formats, or the index of a checkpoint in several files. */
export type FileKind = Exclude<CheckpointFormat, "onnx"> | "index";

/** A format that is known and not read: how to tell it, and what to do about it. */
type ForeignFormat = readonly [isIt: (head: Uint8Array) => boolean, what: string, remedy: string];

const asSafetensors = "save the weights as safetensors or npz";
const unpack = "unpack it first";

const foreignBytes: readonly ForeignFormat[] = [
  [startsWith("\x89HDF\r\n"), "an HDF5 file, as Keras writes", asSafetensors],
  [startsWith("GGUF"), "a GGUF file", "take the safetensors that it was made from"],
  [startsWith("\x1f\x8b"), "a gzip archive", unpack],
  [startsWith("\x28\xb5\x2f\xfd"), "a Zstandard archive", unpack],
  [startsWith("\xfd7zXZ"), "an xz archive", unpack],
  [startsWith("BZh"), "a bzip2 archive", unpack],
  [startsWith("7z\xbc\xaf"), "a 7z archive", unpack],
  [startsWith("ustar", 257), "a tar archive", unpack],
  [startsWith("TFL3", 4), "a TensorFlow Lite model", asSafetensors],
  [startsWith("\x08\x01\x12"), "a TensorFlow SavedModel", asSafetensors],
  [isOnnx, "an ONNX model", "give it a name that ends in .onnx"],
  [isTensorFlowGraph, "a TensorFlow graph", asSafetensors],
];

const foreignTexts: readonly ForeignFormat[] = [
  [startsWith("version https://git-lfs"), "the pointer that Git LFS leaves in its place", "run git lfs pull"],
  [(head) => /^\s*<(?:!doctype|html|head|!--|\?xml)/i.test(latin1(head)), "a web page", "download the file itself"],
  [startsWith("model_checkpoint_path:"), "the text beside a TensorFlow checkpoint", asSafetensors],
];

/** At the end of the .index file of a TensorFlow checkpoint, a table of LevelDB. */
const LEVELDB_MAGIC = 0xdb4775248b80fb57n;

/** Tells from its contents, whatever it is called, what a file is; throws an InputError where that cannot be read. */
export async function recognise(source: ByteSource): Promise<FileKind> {
  const head = await source.read(0, Math.min(source.size, HEAD_BYTES));
  if (startsWith("\x93NUMPY")(head)) return "npy";
  if (startsWith("PK\x03\x04")(head) || startsWith("PK\x05\x06")(head)) return recogniseZip(source);
  if (isSafetensors(head)) return "safetensors";
  if (isText(head)) return recogniseText(source, head);
  const foreign = foreignBytes.find(([isIt]) => isIt(head));
  if (foreign) throw unreadable(source, foreign[1], foreign[2]);
  if (isPickle(head)) return "pytorch";
  if (isFlax(head)) return "flax";
  if (await endsLikeLevelDb(source)) throw unreadable(source, "the index of a TensorFlow checkpoint", asSafetensors);
  const shown = [...head.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw unreadable(source, `${source.size} bytes that start with ${shown}`, "check that it is the right file");
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Whether bytes hold a mark, one byte a character, at an offset. */
function startsWith(mark: string, offset = 0): (head: Uint8Array) => boolean {
  return (head) => [...mark].every((character, i) => head[offset + i] === character.charCodeAt(0));
}

/** A possible length of the header, then the header or the end of the file; or any length before what looks like one. */
function isSafetensors(head: Uint8Array): boolean {
  if (head.length < PREFIX_BYTES) return false;
  const length = head.slice(0, PREFIX_BYTES).reduceRight((sum, byte) => sum * 256 + byte, 0);
  const isHeader = head[PREFIX_BYTES] === 0x7b;
  if (length <= LONGEST_HEADER) return isHeader || head.length === PREFIX_BYTES;
  return isHeader && head[PREFIX_BYTES + 1] === 0x22 && !isText(head);
}

/** ASCII or UTF-8, as far as control characters tell. */
function isText(head: Uint8Array): boolean {
  const start = startsWith("\xef\xbb\xbf")(head) ? 3 : 0;
  return (head[start] ?? 0) < 0x80 && head.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

/** The start of a pickle of protocol 2 or later. */
function isPickle(head: Uint8Array): boolean {
  const [first, protocol = 0] = head;
  return first === 0x80 && protocol >= 2 && protocol <= 5;
}

/** The start of a MessagePack map with its first key, or the empty map. */
function isFlax(head: Uint8Array): boolean {
  const [first = 0] = head;
  if (first === 0x80) return head.length === 1;
  const key = head[first === 0xde ? 3 : first === 0xdf ? 5 : 1] ?? 0;
  const isMap = (first > 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf;
  return isMap && (key < 0x80 || (key >= 0xa0 && key < 0xc0) || (key >= 0xd9 && key <= 0xdb));
}

/** A small version under field 1, then another field of a ModelProto. */
function isOnnx([tag, version = 0, next = 0]: Uint8Array): boolean {
  return tag === 0x08 && version > 0 && version < 0x40 && [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42].includes(next);
}

/** A node under field 1 that starts with its name. */
function isTensorFlowGraph(head: Uint8Array): boolean {
  const end = head.findIndex((byte, i) => i > 0 && byte < 0x80);
  return head[0] === 0x0a && end > 0 && end < 5 && head[end + 1] === 0x0a;
}

async function recogniseZip(source: ByteSource): Promise<FileKind> {
  const names = [...(await readZipDirectory(source)).keys()];
  if (names.some((name) => /(?:^|\/)data\.pkl$/.test(name))) return "pytorch";
  if (names.length === 0 || names.some((name) => name.endsWith(".npy"))) return "npz";
  if (names.includes("model.weights.h5")) throw unreadable(source, "a Keras archive", asSafetensors);
  const some = names.slice(0, 3).map(quote).join(", ");
  throw unreadable(source, `a ZIP archive of other files (${some}, ...)`, unpack);
}

function recogniseText(source: ByteSource, head: Uint8Array): FileKind {
  if (source.size === 0) throw unreadable(source, "an empty file", "copy or download it again");
  if (latin1(head).trimStart().startsWith("{")) return "index";
  const foreign = foreignTexts.find(([isIt]) => isIt(head));
  if (foreign) throw unreadable(source, foreign[1], foreign[2]);
  const text = new TextDecoder().decode(head).slice(0, 40);
  throw unreadable(source, `text that starts with ${quote(text)}`, "check that it is the right file");
}

async function endsLikeLevelDb(source: ByteSource): Promise<boolean> {
  if (source.size < 8) return false;
  const { buffer, byteOffset } = await source.read(source.size - 8, 8);
  return new DataView(buffer, byteOffset, 8).getBigUint64(0, true) === LEVELDB_MAGIC;
}

function unreadable({ name }: ByteSource, what: string, remedy: string): InputError {
  const message = `expected a checkpoint (safetensors, PyTorch, npz, npy or flax), got ${what}`;
  return new InputError({ code: "unknown-format", where: name, message, remedy });
}
