import { check, InputError } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import {
  type Head,
  type MsgpackCursor,
  msgpackError,
  openMsgpack,
  readHead,
  readText,
  skipBytes,
} from "./flax-bytes.ts";
import { quote } from "./quote.ts";

const DEEPEST = 64;
const MOST_AXES = 64;

/** Without limits a hostile file costs time and memory: as many values as a safetensors header may have tensors. */
const MOST_VALUES = 2 ** 19;
const MOST_TEXT_BYTES = 100_000_000;

/** Types of extension that flax defines (flax.serialization). */
const extensions = { array: 1, complex: 2, scalarArray: 3 } as const;

/** A value of a flax file. */
export type FlaxNode = Tree | StoredArray | Scalar;

/** A dictionary, or a list, whose keys are then the positions. */
export interface Tree {
  readonly kind: "tree";
  readonly members: ReadonlyMap<string, FlaxNode>;
}

/** An array of NumPy: where its elements lie, and what they are. */
export interface StoredArray {
  readonly kind: "array";
  /** NumPy's name of the element type; of what is no array, what it is. */
  readonly storedType: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

export interface Scalar {
  readonly kind: "scalar";
  readonly value: number | bigint | boolean | string | null;
}

interface Walk {
  readonly cursor: MsgpackCursor;
  values: number;
  textBytes: number;
}

/** The tree in a file of flax.serialization.to_bytes, without the elements of its arrays. */
export async function readFlaxTree(source: ByteSource): Promise<FlaxNode> {
  const cursor = openMsgpack(source);
  const tree = await readNode({ cursor, values: 0, textBytes: 0 }, 0);
  check(cursor.at === source.size, () =>
    msgpackError(cursor, "bad-msgpack", `expected the end, got ${source.size - cursor.at} more bytes`),
  );
  return tree;
}

async function readNode(walk: Walk, depth: number): Promise<FlaxNode> {
  const { cursor } = walk;
  check(depth <= DEEPEST, () => msgpackError(cursor, "bad-msgpack", `expected at most ${DEEPEST} levels, got more`));
  check(++walk.values <= MOST_VALUES, () =>
    msgpackError(cursor, "bad-msgpack", `expected at most ${MOST_VALUES} values, got more`),
  );
  const head = await readHead(cursor);
  if (head.kind === "map") return readMap(walk, head.length, depth);
  if (head.kind === "array") return readList(walk, head.length, depth);
  if (head.kind === "scalar") return head;
  if (head.kind === "text") return { kind: "scalar", value: await readLimitedText(walk, head.length) };
  return head.kind === "extension" ? readExtension(cursor, head) : opaque(cursor, "bytes", head.length);
}

async function readMap(walk: Walk, length: number, depth: number): Promise<Tree> {
  const members = new Map<string, FlaxNode>();
  for (let i = 0; i < length; i++) {
    const key = await readKey(walk);
    check(!members.has(key), () => msgpackError(walk.cursor, "duplicate-key", `key ${quote(key)} occurs twice`));
    members.set(key, await readNode(walk, depth + 1));
  }
  return { kind: "tree", members };
}

async function readList(walk: Walk, length: number, depth: number): Promise<Tree> {
  const members = new Map<string, FlaxNode>();
  for (let i = 0; i < length; i++) members.set(String(i), await readNode(walk, depth + 1));
  return { kind: "tree", members };
}

async function readKey(walk: Walk): Promise<string> {
  const head = await readHead(walk.cursor);
  if (head.kind === "text") return readLimitedText(walk, head.length);
  if (head.kind === "scalar" && Number.isInteger(head.value)) return String(head.value);
  throw new InputError(msgpackError(walk.cursor, "bad-msgpack", `expected a key of text, got ${describe(head)}`));
}

async function readLimitedText(walk: Walk, length: number): Promise<string> {
  walk.textBytes += length;
  check(walk.textBytes <= MOST_TEXT_BYTES, () =>
    msgpackError(walk.cursor, "bad-msgpack", `expected at most ${MOST_TEXT_BYTES} bytes of text, got more`),
  );
  return readText(walk.cursor, length);
}

function readExtension(
  cursor: MsgpackCursor,
  { type, length }: Head & { kind: "extension" },
): StoredArray | Promise<StoredArray> {
  if (type === extensions.array || type === extensions.scalarArray) return readArray(cursor, cursor.at + length);
  return opaque(cursor, type === extensions.complex ? "complex" : `extension ${type}`, length);
}

/** What flax itself would give back, but is no tensor. */
function opaque(cursor: MsgpackCursor, storedType: string, length: number): StoredArray {
  const offset = cursor.at;
  skipBytes(cursor, length);
  return { kind: "array", storedType, shape: [], offset, length };
}

const LONGEST_TYPE_NAME = 64;

/** Reads [shape, name of the type, elements], which end at `end`. */
async function readArray(cursor: MsgpackCursor, end: number): Promise<StoredArray> {
  await expectHead(cursor, "array", 3);
  const shape = await readShape(cursor);
  const storedType = await readText(cursor, await expectHead(cursor, "text", LONGEST_TYPE_NAME));
  check(/^\w+$/.test(storedType), () =>
    msgpackError(cursor, "bad-msgpack", `expected the name of an element type, got ${quote(storedType)}`),
  );
  const length = await expectHead(cursor, "bytes", Number.POSITIVE_INFINITY);
  const offset = cursor.at;
  skipBytes(cursor, length);
  check(cursor.at === end, () => msgpackError(cursor, "bad-msgpack", `expected an array that ends at byte ${end}`));
  return { kind: "array", storedType, shape, offset, length };
}

async function readShape(cursor: MsgpackCursor): Promise<number[]> {
  const shape: number[] = [];
  const rank = await expectHead(cursor, "array", MOST_AXES);
  while (shape.length < rank) {
    const head = await readHead(cursor);
    const isSize = head.kind === "scalar" && (typeof head.value === "number" || typeof head.value === "bigint");
    const size = isSize ? Number(head.value) : -1;
    check(Number.isSafeInteger(size) && size >= 0, () =>
      msgpackError(cursor, "bad-msgpack", `expected a size of a NumPy array, got ${describe(head)}`),
    );
    shape.push(size);
  }
  return shape;
}

/** The length of what must be of this kind and no longer than `most`. */
async function expectHead(cursor: MsgpackCursor, kind: "array" | "text" | "bytes", most: number): Promise<number> {
  const head = await readHead(cursor);
  check(head.kind === kind && head.length <= most, () =>
    msgpackError(cursor, "bad-msgpack", `expected the ${kind} of a NumPy array, got ${describe(head)}`),
  );
  return head.length;
}

function describe(head: Head): string {
  return head.kind === "scalar" ? String(head.value) : `${head.kind} of length ${head.length}`;
}
