import { check, type InputErrorDetails } from "../errors.ts";
import {
  bytesPerElement,
  type DType,
  dtypes,
  elementCount,
  formatShape,
  type Tensor,
  tensorFromBytes,
} from "../tensor/index.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Checkpoint, TensorEntry } from "./checkpoint.ts";
import { type FlaxNode, readFlaxTree, type StoredArray, type Tree } from "./flax-tree.ts";
import { quote } from "./quote.ts";
import { readableEntry, tensorPlace } from "./tensor-entry.ts";

/** Marks the dictionary that stands for an array of more than 2^30 bytes. */
const CHUNKED_KEY = "__msgpack_chunked_array__";

/** V8 hashes longer strings by their length alone, so that a table of them takes quadratic time. */
const LONGEST_NAME = 16_000;

/** A name repeats the keys above it: a hostile file could turn a megabyte of keys into gigabytes of names. */
const MOST_NAME_CHARACTERS = 100_000_000;

/** Where some of the elements of a tensor lie. */
interface Part {
  readonly offset: number;
  readonly length: number;
}

interface FlaxEntry extends TensorEntry {
  readonly parts: readonly Part[];
}

/**
 * Opens what flax.serialization.to_bytes or msgpack_serialize wrote: reads the keys and passes over the arrays, and
 * later reads each by its own bytes alone. A tensor is called by the keys that lead to it, joined by dots, such as
 * "params.Dense_0.kernel". Numbers and texts that are no arrays are metadata.
 */
export async function openFlax(source: ByteSource): Promise<Checkpoint> {
  const tree = await readFlaxTree(source);
  const entries = new Map<string, FlaxEntry>();
  const metadata = new Map<string, string>();
  let characters = 0;
  for (const [name, node] of leavesOf(tree, "")) {
    characters += name.length;
    check(name.length <= LONGEST_NAME && characters <= MOST_NAME_CHARACTERS, () =>
      flaxError(
        source.name,
        `expected names of at most ${LONGEST_NAME} characters, ${MOST_NAME_CHARACTERS} in all, got longer ones`,
      ),
    );
    const where = tensorPlace(source, name);
    check(!entries.has(name) && !metadata.has(name), () => flaxError(where, "two values have this name"));
    if (node.kind === "scalar") metadata.set(name, String(node.value));
    else entries.set(name, node.kind === "array" ? wholeEntry(node, where) : chunkedEntry(node, where));
  }
  const read = async (name: string) => readTensor(source, readableEntry(source, name, entries));
  return { format: "flax", metadata: Object.fromEntries(metadata), entries, read };
}

/** The values of a tree that are tensors or metadata, by name. */
function* leavesOf(node: FlaxNode, name: string): Generator<readonly [string, FlaxNode]> {
  if (node.kind !== "tree" || node.members.has(CHUNKED_KEY)) yield [name, node];
  else for (const [key, member] of node.members) yield* leavesOf(member, name === "" ? key : `${name}.${key}`);
}

function wholeEntry({ storedType, shape, offset, length }: StoredArray, where: string): FlaxEntry {
  const dtype = typeNamed(storedType);
  if (dtype) checkLength(dtype, shape, length, where);
  return { dtype, storedType, shape, length, parts: [{ offset, length }] };
}

/** The tensor that is the dictionary {shape: {"0": 2, ...}, chunks: {"0": part of the flat array, ...}}. */
function chunkedEntry({ members }: Tree, where: string): FlaxEntry {
  const shape = listOf(members.get("shape"), where).map((node) => sizeOf(node, where));
  const chunks = listOf(members.get("chunks"), where).map((node) => {
    check(node.kind === "array" && node.shape.length === 1, () => flaxError(where, "a chunk of it is no vector"));
    return { ...node, ...wholeEntry(node, where) };
  });
  const [{ dtype, storedType } = { dtype: null, storedType: "no chunks" }] = chunks;
  const isUniform = chunks.every((chunk) => chunk.storedType === storedType);
  check(isUniform, () => flaxError(where, `expected chunks of ${quote(storedType)} alone, got others, too`));
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (dtype) checkLength(dtype, shape, length, where);
  return { dtype, storedType, shape, length, parts: chunks.map(({ offset, length }) => ({ offset, length })) };
}

/** The members "0", "1", ... of a dictionary that stands for a list. */
function listOf(node: FlaxNode | undefined, where: string): FlaxNode[] {
  const members = node?.kind === "tree" ? node.members : new Map<string, FlaxNode>();
  const list = Array.from({ length: members.size }, (_, i) => members.get(String(i)));
  const isList = node?.kind === "tree" && list.every((member) => member !== undefined);
  check(isList, () => flaxError(where, "expected an array in chunks with lists called shape and chunks, got others"));
  return list as FlaxNode[];
}

function sizeOf(node: FlaxNode, where: string): number {
  const size = node.kind === "scalar" ? node.value : null;
  check(typeof size === "number" && Number.isSafeInteger(size) && size >= 0, () =>
    flaxError(where, "a size in its shape is no whole number"),
  );
  return size as number;
}

function typeNamed(name: string): DType | null {
  return dtypes.find((dtype) => dtype === name) ?? null;
}

function checkLength(dtype: DType, shape: readonly number[], length: number, where: string): void {
  const needed = elementCount(shape) * bytesPerElement(dtype);
  check(needed === length && Number.isSafeInteger(needed), () => ({
    ...flaxError(where, `${dtype} ${formatShape(shape)} needs ${needed} bytes, it has ${length}`),
    code: "bad-shape",
  }));
}

async function readTensor(source: ByteSource, entry: FlaxEntry & { readonly dtype: DType }): Promise<Tensor> {
  const { dtype, shape, parts, length } = entry;
  const [whole, ...others] = parts as [Part, ...Part[]];
  if (others.length === 0) return tensorFromBytes(dtype, shape, await source.read(whole.offset, whole.length));
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(await source.read(part.offset, part.length), at);
    at += part.length;
  }
  return tensorFromBytes(dtype, shape, bytes);
}

function flaxError(where: string, message: string): InputErrorDetails {
  return { code: "bad-flax", where, message, remedy: "the file is damaged or its writer is at fault; save it again" };
}
