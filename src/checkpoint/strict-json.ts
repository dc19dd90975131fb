import { InputError } from "../errors.ts";
import { quote } from "./quote.ts";

// Beyond 2^23 properties V8 takes time quadratic in their number to build an object.
const MOST_KEYS = 2 ** 22;

/**
 * A place in JSON whose structure the caller knows and reads value by value. Stricter than JSON.parse: a repeated key
 * is an error, numbers are non-negative whole ones kept exactly, and the input nests no deeper than the caller asks.
 */
export interface JsonCursor {
  readonly text: string;
  at: number;
  /** Keys that lead to the value being read. */
  readonly path: string[];
  /** What error messages call the value at a path. */
  readonly describe: (path: readonly string[]) => string;
}

/** A cursor at the start of `text`. */
export function openJson(text: string, describe: JsonCursor["describe"]): JsonCursor {
  return { text, at: 0, path: [], describe };
}

/** Reads an object, with `readValue` for the value of each key. */
export function readObject<T>(json: JsonCursor, readValue: (key: string) => T): Map<string, T> {
  const values = new Map<string, T>();
  readSequence(json, "{}", () => {
    const key = readString(json);
    json.path.push(key);
    if (values.size === MOST_KEYS) throw jsonError(json, "bad-header", `expected at most ${MOST_KEYS} keys, got more`);
    if (values.has(key)) throw jsonError(json, "duplicate-key", `key ${quote(key)} occurs twice`);
    expect(json, ":");
    values.set(key, readValue(key));
    json.path.pop();
  });
  return values;
}

/** Reads a string. */
export function readString(json: JsonCursor): string {
  if (skipSpace(json) !== '"') throw unexpected(json, "a string");
  const end = closingQuote(json.text, json.at);
  const value = parseString(json.text.slice(json.at, end));
  if (value === null) throw unexpected(json, "a valid string");
  json.at = end;
  return value;
}

/** Reads an array of at most `limit` non-negative safe integers. */
export function readIntegers(json: JsonCursor, limit: number): number[] {
  const values: number[] = [];
  readSequence(json, "[]", () => {
    if (values.length === limit) throw jsonError(json, "bad-header", `expected at most ${limit} numbers, got more`);
    values.push(readInteger(json));
  });
  return values;
}

/** Makes sure that only white space is left. */
export function readEnd(json: JsonCursor): void {
  if (skipSpace(json) !== undefined) throw unexpected(json, "nothing after the last brace");
}

/** An error about the value being read. */
export function jsonError({ path, describe }: JsonCursor, code: string, message: string): InputError {
  const remedy =
    code === "truncated" ? "copy or download it again" : "the file is damaged or its writer is at fault; save it again";
  return new InputError({ code, where: describe(path), message, remedy });
}

function unexpected(json: JsonCursor, wanted: string): InputError {
  const rest = json.text.slice(json.at, json.at + 40);
  const token = /^(?:"[^"]*"?|[^\s,\]}]+|.)/su.exec(rest)?.[0];
  const got = token === undefined ? "the end of the header" : quote(token);
  return jsonError(json, "bad-header", `expected ${wanted}, got ${got} at character ${json.at}`);
}

function readSequence(json: JsonCursor, brackets: "{}" | "[]", readItem: () => void): void {
  expect(json, brackets[0] as string);
  if (skipSpace(json) !== brackets[1]) {
    readItem();
    while (skipSpace(json) === ",") {
      json.at++;
      readItem();
    }
  }
  expect(json, brackets[1] as string);
}

function readInteger(json: JsonCursor): number {
  skipSpace(json);
  const digits = /(?:0|[1-9]\d{0,15})(?=[\s,\]])/y;
  digits.lastIndex = json.at;
  const value = Number(digits.exec(json.text)?.[0]);
  if (!Number.isSafeInteger(value)) throw unexpected(json, "a whole number from 0 to 2^53 - 1");
  json.at = digits.lastIndex;
  return value;
}

function expect(json: JsonCursor, character: string): void {
  if (skipSpace(json) !== character) throw unexpected(json, `"${character}"`);
  json.at++;
}

/** Skips white space and returns the character after it, undefined at the end. */
function skipSpace(json: JsonCursor): string | undefined {
  while (isSpace(json.text.charCodeAt(json.at))) json.at++;
  return json.text[json.at];
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** The position after the string that starts at `start`, or the end of the text. */
function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) at++;
  }
  return text.length;
}

function parseString(literal: string): string | null {
  try {
    const value = JSON.parse(literal) as string;
    return value.isWellFormed() ? value : null;
  } catch {
    return null;
  }
}
