import { check, InputError } from "../errors.ts";
import type { Tensor } from "../tensor/index.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Checkpoint, TensorEntry } from "./checkpoint.ts";
import { openOne } from "./open-one.ts";
import { quote } from "./quote.ts";
import { LONGEST_HEADER } from "./safetensors-format.ts";
import { openJson, readEnd, readObject, readString, skipValue } from "./strict-json.ts";
import { readableEntry, tensorPlace } from "./tensor-entry.ts";

/** Opens a file in the folder of another by its plain name. */
export type OpenSibling = (fileName: string) => Promise<ByteSource>;

/**
 * Opens a checkpoint in several files by its index, such as model.safetensors.index.json: reads the table of contents
 * of each file, once. The index and the files must name the same tensors.
 */
export async function openSharded(index: ByteSource, openShard: OpenSibling): Promise<Checkpoint> {
  const shardNames = await readIndex(index);
  const shards = new Map<string, Checkpoint>();
  for (const fileName of new Set(shardNames.values())) {
    checkFileName(index, fileName);
    shards.set(fileName, await openOne(await openShard(fileName)));
  }
  const entries = new Map<string, TensorEntry>();
  for (const [name, fileName] of shardNames) entries.set(name, entryIn(shards, fileName, index, name));
  checkAllNamed(index, shards, shardNames);
  const [first] = shards.values();
  const shardOf = (name: string) => {
    readableEntry(index, name, entries);
    return shards.get(shardNames.get(name) as string) as Checkpoint;
  };
  const isReadNow = [...shards.values()].every(({ readNow }) => readNow !== undefined);
  return {
    format: first?.format ?? "safetensors",
    metadata: Object.assign({}, ...[...shards.values()].map(({ metadata }) => metadata).reverse()),
    entries,
    read: async (name) => shardOf(name).read(name),
    ...(isReadNow && { readNow: (name) => (shardOf(name).readNow as (name: string) => Tensor)(name) }),
  };
}

/** The name of the file of each tensor. */
async function readIndex(index: ByteSource): Promise<ReadonlyMap<string, string>> {
  check(index.size <= LONGEST_HEADER, () => ({
    code: "bad-index",
    where: index.name,
    message: `expected an index of at most ${LONGEST_HEADER} bytes, got ${index.size}`,
    remedy: "check that it is the right file",
  }));
  const describe = ([key, name]: readonly string[]) => {
    return key === "weight_map" && name !== undefined ? tensorPlace(index, name) : index.name;
  };
  const json = openJson(await index.read(0, index.size), { noun: "the index", code: "bad-index", describe });
  let weightMap: Map<string, string> | null = null;
  // Its metadata are left alone: writers do not agree on whether total_size counts tied tensors once.
  readObject(json, (key) => {
    if (key === "weight_map") weightMap = readObject(json, () => readString(json));
    else skipValue(json);
  });
  readEnd(json);
  if (weightMap) return weightMap;
  const message = "expected a checkpoint or the index of one, with a weight_map, got other JSON";
  throw new InputError({ code: "bad-index", where: index.name, message, remedy: "check that it is the right file" });
}

function checkFileName(index: ByteSource, fileName: string): void {
  const isPlain = /^[^/\\:\p{C}]+$/u.test(fileName) && fileName !== "." && fileName !== "..";
  check(isPlain, () => ({
    code: "bad-index",
    where: index.name,
    message: `expected names of files in its own folder, got ${quote(fileName)}`,
    remedy: "keep the files beside the index",
  }));
}

function entryIn(
  shards: ReadonlyMap<string, Checkpoint>,
  fileName: string,
  index: ByteSource,
  name: string,
): TensorEntry {
  const entry = shards.get(fileName)?.entries.get(name);
  check(entry, () => ({
    code: "bad-index",
    where: tensorPlace(index, name),
    message: `expected it in ${quote(fileName)}, got a file without it`,
    remedy: "download the index and its files together",
  }));
  return entry;
}

function checkAllNamed(
  index: ByteSource,
  shards: ReadonlyMap<string, Checkpoint>,
  shardNames: ReadonlyMap<string, string>,
): void {
  for (const [fileName, { entries }] of shards) {
    const stray = [...entries.keys()].find((name) => shardNames.get(name) !== fileName);
    check(stray === undefined, () => ({
      code: "bad-index",
      where: index.name,
      message: `${quote(fileName)} holds a tensor ${quote(stray as string)} that the index does not place there`,
      remedy: "download the index and its files together",
    }));
  }
}
