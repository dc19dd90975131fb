import { InputError } from "../errors.ts";
import { quote } from "./quote.ts";

/** Five times the tensors of the largest models published; more would only cost a reader time and memory. */
export const MOST_KEYS = 2 ** 19;

/** V8 hashes longer strings by their length alone, so that a table of them takes quadratic time. */
const LONGEST_KEY = 16_000;

const DEEPEST_SKIPPED = 16;

const [QUOTE, BACKSLASH, COLON, COMMA, ZERO, NINE] = [0x22, 0x5c, 0x3a, 0x2c, 0x30, 0x39];
const BRACES = [0x7b, 0x7d] as const;
const BRACKETS = [0x5b, 0x5d] as const;

/**
 * A place in JSON whose structure the caller knows and reads value by value. Stricter than JSON.parse: a repeated key
 * is an error, numbers are non-negative whole ones kept exactly, and the input nests no deeper than the caller asks.
 */
export interface JsonCursor {
  readonly text: string;
  at: number;
  /** Keys that lead to the value being read. */
  readonly path: string[];
  readonly words: JsonWords;
}

/** How error messages speak of a JSON text. */
export interface JsonWords {
  /** What the whole text is called. */
  readonly noun: string;
  /** The error's code where the text has another form than expected. */
  readonly code: string;
  /** What the value at a path is called. */
  readonly describe: (path: readonly string[]) => string;
}

/** A cursor at the start of a text in UTF-8. */
export function openJson(bytes: Uint8Array<ArrayBuffer>, words: JsonWords): JsonCursor {
  return { text: decodeUtf8(bytes, words), at: 0, path: [], words };
}

/** Reads an object, with `readValue` for the value of each key. */
export function readObject<T>(json: JsonCursor, readValue: (key: string) => T): Map<string, T> {
  const values = new Map<string, T>();
  readMembers(json, (key) => {
    if (values.size === MOST_KEYS) throw jsonError(json, `expected at most ${MOST_KEYS} keys, got more`);
    if (values.has(key)) throw repeatedKey(json, key);
    values.set(key, readValue(key));
  });
  return values;
}

/** Reads an object member by member; the caller looks out for keys that occur twice. */
export function readMembers(json: JsonCursor, readMember: (key: string) => void): void {
  readSequence(json, BRACES, () => {
    const key = readString(json);
    json.path.push(key);
    if (key.length > LONGEST_KEY)
      throw jsonError(json, `expected keys of at most ${LONGEST_KEY} characters, got a longer one`);
    expect(json, COLON);
    readMember(key);
    json.path.pop();
  });
}

/** Reads a string. One without escapes keeps the whole text in memory. */
export function readString(json: JsonCursor): string {
  if (skipSpace(json) !== QUOTE) throw unexpected(json, "a string");
  const start = json.at;
  const { end, isPlain } = scanString(json.text, start + 1);
  const value = isPlain ? json.text.slice(start + 1, end) : parseString(json.text.slice(start, end + 1));
  if (value === null) throw unexpected(json, "a valid string");
  json.at = end + 1;
  return value;
}

/** Reads an array of at most `limit` non-negative safe integers. */
export function readIntegers(json: JsonCursor, limit: number): number[] {
  const values: number[] = [];
  readSequence(json, BRACKETS, () => {
    if (values.length === limit) throw jsonError(json, `expected at most ${limit} numbers, got more`);
    values.push(readInteger(json));
  });
  // What push has grown keeps room for more.
  return values.slice();
}

/** Passes over a value of any kind. */
export function skipValue(json: JsonCursor, depth = 0): void {
  if (depth === DEEPEST_SKIPPED) throw jsonError(json, `expected at most ${DEEPEST_SKIPPED} levels, got more`);
  const first = skipSpace(json);
  if (first === BRACES[0]) readObject(json, () => skipValue(json, depth + 1));
  else if (first === BRACKETS[0]) readSequence(json, BRACKETS, () => skipValue(json, depth + 1));
  else if (first === QUOTE) readString(json);
  else skipWord(json);
}

/** Makes sure that only white space is left. */
export function readEnd(json: JsonCursor): void {
  skipSpace(json);
  if (json.at < json.text.length) throw unexpected(json, "nothing after the last brace");
}

/** An error about the value being read. */
export function jsonError({ path, words }: JsonCursor, message: string, code = words.code): InputError {
  const remedy =
    code === "truncated" ? "copy or download it again" : "the file is damaged or its writer is at fault; save it again";
  return new InputError({ code, where: words.describe(path), message, remedy });
}

/** An error about a key that occurs twice in an object. */
export function repeatedKey(json: JsonCursor, key: string): InputError {
  return jsonError(json, `key ${quote(key)} occurs twice`, "duplicate-key");
}

function decodeUtf8(bytes: Uint8Array<ArrayBuffer>, { noun, code, describe }: JsonWords): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const message = `expected ${noun} in UTF-8, got other bytes`;
    const remedy = "the file is damaged; copy it again";
    throw new InputError({ code, where: describe([]), message, remedy, cause });
  }
}

function unexpected(json: JsonCursor, wanted: string): InputError {
  const rest = json.text.slice(json.at, json.at + 40);
  const token = /^(?:"[^"]*"?|[^\s,\]}]+|.)/su.exec(rest)?.[0];
  const got = token === undefined ? `the end of ${json.words.noun}` : quote(token);
  return jsonError(json, `expected ${wanted}, got ${got} at character ${json.at}`);
}

function readSequence(json: JsonCursor, [open, close]: readonly [number, number], readItem: () => void): void {
  expect(json, open);
  if (skipSpace(json) !== close) {
    readItem();
    while (skipSpace(json) === COMMA) {
      json.at++;
      readItem();
    }
  }
  expect(json, close);
}

function readInteger(json: JsonCursor): number {
  let code = skipSpace(json);
  let at = json.at;
  let value = 0;
  while (code >= ZERO && code <= NINE && value <= Number.MAX_SAFE_INTEGER) {
    value = value * 10 + (code - ZERO);
    code = json.text.charCodeAt(++at);
  }
  const isCanonical = at === json.at + 1 || (at > json.at && json.text.charCodeAt(json.at) !== ZERO);
  const isWhole = isSpace(code) || code === COMMA || code === BRACKETS[1];
  if (!isCanonical || !isWhole || !Number.isSafeInteger(value)) {
    throw unexpected(json, "a whole number from 0 to 2^53 - 1");
  }
  json.at = at;
  return value;
}

function skipWord(json: JsonCursor): void {
  const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
  word.lastIndex = json.at;
  if (!word.test(json.text)) throw unexpected(json, "a value");
  json.at = word.lastIndex;
}

function expect(json: JsonCursor, code: number): void {
  if (skipSpace(json) !== code) throw unexpected(json, `"${String.fromCharCode(code)}"`);
  json.at++;
}

/** Skips white space and returns the code of the character after it, NaN at the end. */
function skipSpace(json: JsonCursor): number {
  const { text } = json;
  let { at } = json;
  let code = text.charCodeAt(at);
  while (isSpace(code)) code = text.charCodeAt(++at);
  json.at = at;
  return code;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Where the string from `start` is closed, if at all, and whether it stands for itself. */
function scanString(text: string, start: number): { readonly end: number; readonly isPlain: boolean } {
  let isPlain = true;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return { end: at, isPlain };
    if (code === BACKSLASH) at++;
    if (code === BACKSLASH || code < 0x20) isPlain = false;
  }
  return { end: text.length, isPlain: false };
}

function parseString(literal: string): string | null {
  try {
    const value = JSON.parse(literal) as string;
    return value.isWellFormed() ? value : null;
  } catch {
    return null;
  }
}
