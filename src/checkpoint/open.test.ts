import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as flax from "../../test/golden/flax/goldens.ts";
import * as safetensors from "../../test/golden/safetensors/goldens.ts";
import { fromNumbers } from "../tensor/index.ts";
import { bytesSource } from "./byte-source.ts";
import { encodeNpy } from "./npy-writer.ts";
import { openCheckpoint } from "./open.ts";
import { encodeCheckpoint } from "./write.ts";
import { encodeZip } from "./zip-writer.ts";

const golden = (path: string) => new Uint8Array(readFileSync(new URL(`../../test/golden/${path}`, import.meta.url)));
const tensors = { w: fromNumbers("float32", [1, 2]) };
const join = (pieces: Uint8Array[]) => new Uint8Array(Buffer.concat(pieces));
const text = (characters: string) => Uint8Array.from(characters, (character) => character.charCodeAt(0));
const zipOf = (...names: string[]) => join(encodeZip(names.map((name) => ({ name, pieces: [text("x")] }))));

function withPrefix(header: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + header.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(text(header), 8);
  return bytes;
}

describe("openCheckpoint tells by its contents", () => {
  it.each([
    ["safetensors", safetensors.goldenBytes("dtypes")],
    ["safetensors", safetensors.goldenBytes("nothing")],
    ["npz", join([...encodeCheckpoint("npz", tensors)])],
    ["npz", join([...encodeCheckpoint("npz", {})])],
    ["npy", join(encodeNpy(tensors.w, "w"))],
    ["pytorch", golden("pytorch/small.pt")],
    ["pytorch", golden("pytorch/legacy-small.pt")],
    ["npz", golden("npz/compressed.npz")],
    ["flax", flax.goldenBytes("variables")],
    ["flax", flax.goldenBytes("shapes")],
    ["flax", Uint8Array.of(0x80)],
  ])("%s", async (format, bytes) => {
    for (const name of ["net", "net.pt", "net.gguf"]) {
      expect((await openCheckpoint(bytesSource(name, bytes))).format).toBe(format);
    }
  });

  it("safetensors whose header has the length of an opening brace", async () => {
    const header = `{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`.padEnd(0x7b);
    expect((await openCheckpoint(bytesSource("net", withPrefix(header)))).entries.size).toBe(1);
    const longer = header.padEnd(0x227b);
    expect((await openCheckpoint(bytesSource("net", withPrefix(longer)))).entries.size).toBe(1);
  });

  it("an index, and says what is missing where its files cannot be opened", async () => {
    const index = text(' {"weight_map":{"w":"one.safetensors"}}');
    const shard = bytesSource("one", join([...encodeCheckpoint("safetensors", tensors)]));
    const checkpoint = await openCheckpoint(bytesSource("index", index), { openSibling: async () => shard });
    expect(await checkpoint.read("w")).toEqual(tensors.w);
    await expect(openCheckpoint(bytesSource("index", index))).rejects.toThrow(
      'index: its tensors lie in other files, such as "one.safetensors"; open',
    );
  });
});

const readable = "expected a checkpoint \\(safetensors, PyTorch, npz, npy or flax\\), got ";
const foreign: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] = [
  ["nothing", text(""), `${readable}an empty file; copy or download it again`],
  ["HDF5", text("\x89HDF\r\n\x1a\n\0\0\0\0"), `${readable}an HDF5 file, as Keras writes; save the weights as`],
  ["Keras", zipOf("metadata.json", "config.json", "model.weights.h5"), `${readable}a Keras archive; save`],
  ["GGUF", text("GGUF\x03\0\0\0\0\0\0\0"), `${readable}a GGUF file; take the safetensors that it was made from`],
  ["gzip", text("\x1f\x8b\x08\0\0\0\0\0\0\x03"), `${readable}a gzip archive; unpack it first`],
  ["Zstandard", text("\x28\xb5\x2f\xfd\0\0\0\0"), `${readable}a Zstandard archive`],
  ["xz", text("\xfd7zXZ\0\0\0"), `${readable}an xz archive`],
  ["bzip2", text("BZh91AY&SY\x00"), `${readable}a bzip2 archive`],
  ["7z", text("7z\xbc\xaf\x27\x1c\0\x04"), `${readable}a 7z archive`],
  ["tar", text(`net.pt${"\0".repeat(251)}ustar`), `${readable}a tar archive`],
  ["TensorFlow Lite", text("\x1c\0\0\0TFL3\x14\0"), `${readable}a TensorFlow Lite model`],
  ["a SavedModel", text("\x08\x01\x12\xe0\x01\n"), `${readable}a TensorFlow SavedModel`],
  ["a TensorFlow graph", text("\n\x29\n\x01x\x12\x0bPlaceholder"), `${readable}a TensorFlow graph`],
  ["a long TensorFlow node", text("\n\xa9\x01\n\x01x\x12\x0bPlaceholder"), `${readable}a TensorFlow graph`],
  ["a TensorFlow index", text("\0\0\x01\0\0\0\0\x08\x57\xfb\x80\x8b\x24\x75\x47\xdb"), "the index of a TensorFlow"],
  ["ONNX", text("\x08\x07\x12\x07pytorch"), `${readable}an ONNX model; give it a name that ends in .onnx`],
  [
    "a pointer",
    text("version https://git-lfs.github.com/spec/v1\noid"),
    "the pointer that Git LFS leaves.*; run git lfs",
  ],
  ["a web page", text("\n<!DOCTYPE html><html>"), `${readable}a web page; download the file itself`],
  ["an error of a store", text('<?xml version="1.0"?><Error>'), `${readable}a web page`],
  ["other text", text("not weights\n"), `${readable}text that starts with "not weights\\\\n"; check`],
  ["text in UTF-8", new TextEncoder().encode("Gewichte für später"), 'got text that starts with "Gewichte für später"'],
  ["JSON", text('{"net":"mlp"}'), "expected a checkpoint or the index of one, with a weight_map, got other JSON"],
  ["a list in JSON", text("[1,2]"), 'got text that starts with "\\[1,2\\]"'],
  ["other files in a ZIP", zipOf("a.txt", "b.txt"), 'a ZIP archive of other files \\("a.txt", "b.txt", ...\\)'],
  ["noise", text("\xf1\xe2\x9b\0\0\0\0\x10\x20"), `${readable}9 bytes that start with f1 e2 9b 00 00 00 00 10;`],
  ["a wrong length", text('\0\0\0\0\0\0\0\x01{"w":'), "expected a header of at most 100000000 bytes"],
];

describe("openCheckpoint refuses in one line that says what it is", () => {
  it.each(foreign)("%s", async (_, bytes, message) => {
    const error = await openCheckpoint(bytesSource("net.safetensors", bytes)).then(String, (e) => e.message);
    expect(error).toMatch(/^net\.safetensors[^\n]*; [^\n]+$/);
    expect(error).toMatch(new RegExp(message));
  });
});
