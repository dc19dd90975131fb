import { check, InputError, type InputErrorDetails } from "../errors.ts";
import { quote } from "./quote.ts";

/** A value of the Python literals that an npy header is made of; lists and tuples are both arrays. */
export type NpyLiteral = string | number | boolean | readonly NpyLiteral[];

/** Structured types nest; deeper than this is hostile. */
const MOST_LEVELS = 32;

interface LiteralCursor {
  readonly text: string;
  readonly where: string;
  at: number;
}

/**
 * The fields of an npy header, a Python dict display such as {'descr': '<f4', 'fortran_order': False, 'shape': (2,), },
 * read by a grammar of strings, whole numbers, booleans, tuples and lists: nothing is evaluated.
 */
export function parseNpyLiteral(text: string, where: string): ReadonlyMap<string, NpyLiteral> {
  const cursor: LiteralCursor = { text, where, at: 0 };
  const fields = new Map<string, NpyLiteral>();
  readItems(cursor, "{", "}", () => {
    const key = readString(cursor);
    check(!fields.has(key), () => literalError(where, `key ${quote(key)} occurs twice`));
    expect(cursor, ":");
    fields.set(key, readValue(cursor, 0));
  });
  if (nextCharacter(cursor) !== "") throw new InputError(unexpected(cursor, "nothing after the last brace"));
  return fields;
}

/** An error about the header of an npy array. */
export function literalError(where: string, message: string): InputErrorDetails {
  const remedy = "the file is damaged or its writer is at fault; save it again";
  return { code: "bad-header", where, message, remedy };
}

function readValue(cursor: LiteralCursor, depth: number): NpyLiteral {
  const character = nextCharacter(cursor);
  if (character === "'" || character === '"') return readString(cursor);
  if (character === "(" || character === "[") return readArray(cursor, character, depth);
  const word = /[\w-]*/y;
  word.lastIndex = cursor.at;
  const [token = ""] = word.exec(cursor.text) ?? [];
  const value = token === "True" ? true : token === "False" ? false : wholeNumber(token);
  if (value === null)
    throw new InputError(unexpected(cursor, "a string, a whole number, a truth value or a tuple of them"));
  cursor.at += token.length;
  return value;
}

/** Python 2 wrote long integers with an L. */
function wholeNumber(token: string): number | null {
  const value = /^-?\d{1,16}L?$/.test(token) ? Number(token.replace("L", "")) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}

function readArray(cursor: LiteralCursor, opening: "(" | "[", depth: number): NpyLiteral[] {
  if (depth === MOST_LEVELS)
    throw new InputError(literalError(cursor.where, `its header nests deeper than ${MOST_LEVELS} levels`));
  const values: NpyLiteral[] = [];
  readItems(cursor, opening, opening === "(" ? ")" : "]", () => values.push(readValue(cursor, depth + 1)));
  return values;
}

function readItems(cursor: LiteralCursor, opening: string, closing: string, readItem: () => void): void {
  expect(cursor, opening);
  while (nextCharacter(cursor) !== closing) {
    readItem();
    if (nextCharacter(cursor) !== closing) expect(cursor, ",");
  }
  cursor.at++;
}

function readString(cursor: LiteralCursor): string {
  nextCharacter(cursor);
  const literal = /'([^'\\\n]*)'|"([^"\\\n]*)"/y;
  literal.lastIndex = cursor.at;
  const match = literal.exec(cursor.text);
  if (!match) throw new InputError(unexpected(cursor, "a string"));
  cursor.at = literal.lastIndex;
  return match[1] ?? match[2] ?? "";
}

function expect(cursor: LiteralCursor, character: string): void {
  if (nextCharacter(cursor) !== character) throw new InputError(unexpected(cursor, `"${character}"`));
  cursor.at++;
}

/** Skips white space and returns the character after it, "" at the end. */
function nextCharacter(cursor: LiteralCursor): string {
  while (" \t\n\r".includes(cursor.text.charAt(cursor.at)) && cursor.at < cursor.text.length) cursor.at++;
  return cursor.text.charAt(cursor.at);
}

function unexpected({ text, where, at }: LiteralCursor, wanted: string): InputErrorDetails {
  const token = /^(?:\w+|.)/su.exec(text.slice(at, at + 40))?.[0];
  const got = token === undefined ? "the end of the header" : quote(token);
  return literalError(where, `expected ${wanted}, got ${got} at character ${at} of its header`);
}
