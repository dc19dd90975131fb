import { check, InputError } from "../errors.ts";
import {
  decodeLatin1,
  decodeUtf8,
  type PickleMachine,
  pickleError,
  pickleMachine,
  pop,
  popToMark,
  push,
  pushContainer,
  takeBytes,
  takeLine,
  takePlace,
  top,
} from "./pickle-machine.ts";
import { isKind, type PickleMap, type PicklePersistent, type PickleValue } from "./pickle-values.ts";

/** One pickle of a file. */
export interface Pickle {
  readonly value: PickleValue;
  /** Every persistent object that it refers to. */
  readonly persistent: readonly PicklePersistent[];
  /** The byte after it. */
  readonly end: number;
}

/** Checkpoints of thousands of tensors take some ten thousand; without a limit a hostile one fills the memory. */
const MOST_OPERATIONS = 2 ** 23;
const LATEST_PROTOCOL = 5;
const STOP = 0x2e;

/**
 * Reads the pickle that starts at byte `start`, of protocol 0 to 5 (https://docs.python.org/3/library/pickletools.html).
 * No object is made, no name looked up and nothing called: the value describes what Python would have done.
 */
export function readPickle(bytes: Uint8Array<ArrayBuffer>, where: string, start = 0): Pickle {
  const machine = pickleMachine(bytes, where, start);
  for (let count = 0; count < MOST_OPERATIONS; count++) {
    const opcode = machine.view.getUint8(takePlace(machine, 1));
    if (opcode === STOP) return { value: pop(machine), persistent: machine.persistent, end: machine.at };
    const operate = operations.get(opcode);
    check(operate, () => pickleError(machine, `opcode ${opcode} is none of the pickle protocols before`));
    operate(machine);
  }
  throw new InputError(pickleError(machine, `expected at most ${MOST_OPERATIONS} operations, got more`));
}

const byCharacter: Readonly<Record<string, (machine: PickleMachine) => void>> = {
  "\x80": (m) => {
    const protocol = takeUint8(m);
    check(protocol <= LATEST_PROTOCOL, () => pickleError(m, `protocol ${protocol} is later than ${LATEST_PROTOCOL}`));
  },
  "\x95": (m) => void takePlace(m, 8),

  "(": (m) => void m.marks.push(m.stack.length),
  "0": (m) => {
    if (m.stack.length > (m.marks.at(-1) ?? 0)) m.stack.pop();
    else popToMark(m);
  },
  "1": (m) => void popToMark(m),
  "2": (m) => push(m, top(m)),

  p: (m) => memorize(m, decimal(m)),
  q: (m) => memorize(m, takeUint8(m)),
  r: (m) => memorize(m, takeUint32(m)),
  "\x94": (m) => memorize(m, m.memo.size),
  g: (m) => recall(m, decimal(m)),
  h: (m) => recall(m, takeUint8(m)),
  j: (m) => recall(m, takeUint32(m)),

  N: (m) => push(m, null),
  "\x88": (m) => push(m, true),
  "\x89": (m) => push(m, false),
  I: (m) => {
    const line = takeLine(m);
    push(m, line === "01" ? true : line === "00" ? false : wholeNumber(m, line));
  },
  J: (m) => push(m, m.view.getInt32(takePlace(m, 4), true)),
  K: (m) => push(m, takeUint8(m)),
  M: (m) => push(m, m.view.getUint16(takePlace(m, 2), true)),
  L: (m) => push(m, wholeNumber(m, takeLine(m).replace(/L$/, ""))),
  "\x8a": (m) => push(m, twosComplement(takeBytes(m, takeUint8(m)))),
  "\x8b": (m) => push(m, twosComplement(takeBytes(m, takeLength32(m)))),
  F: (m) => push(m, Number(takeLine(m))),
  G: (m) => push(m, m.view.getFloat64(takePlace(m, 8), false)),

  S: (m) => push(m, decodeBytes(characters(readEscapes(takeLine(m).slice(1, -1))))),
  T: (m) => push(m, decodeBytes(takeBytes(m, takeLength32(m)))),
  U: (m) => push(m, decodeBytes(takeBytes(m, takeUint8(m)))),
  V: (m) => push(m, readEscapes(takeLine(m))),
  X: (m) => push(m, decodeUtf8(m, takeBytes(m, takeUint32(m)))),
  "\x8c": (m) => push(m, decodeUtf8(m, takeBytes(m, takeUint8(m)))),
  "\x8d": (m) => push(m, decodeUtf8(m, takeBytes(m, takeLength64(m)))),
  B: (m) => push(m, takeBytes(m, takeUint32(m))),
  C: (m) => push(m, takeBytes(m, takeUint8(m))),
  "\x8e": (m) => push(m, takeBytes(m, takeLength64(m))),
  "\x96": (m) => push(m, takeBytes(m, takeLength64(m))),

  "]": (m) => pushContainer(m, []),
  l: (m) => pushContainer(m, popToMark(m)),
  a: (m) => append(m, [pop(m)]),
  e: (m) => append(m, popToMark(m)),
  ")": (m) => pushContainer(m, []),
  t: (m) => pushContainer(m, popToMark(m)),
  "\x85": (m) => pushContainer(m, popSeveral(m, 1)),
  "\x86": (m) => pushContainer(m, popSeveral(m, 2)),
  "\x87": (m) => pushContainer(m, popSeveral(m, 3)),
  "\x8f": (m) => pushContainer(m, []),
  "\x90": (m) => append(m, popToMark(m)),
  "\x91": (m) => pushContainer(m, popToMark(m)),
  "}": (m) => pushContainer(m, new Map()),
  d: (m) => {
    const pairs = popToMark(m);
    const map: PickleMap = new Map();
    pushContainer(m, map);
    setItems(m, map, pairs);
  },
  s: (m) => {
    const pair = popSeveral(m, 2);
    setItems(m, itemsOf(m), pair);
  },
  u: (m) => {
    const pairs = popToMark(m);
    setItems(m, itemsOf(m), pairs);
  },

  c: (m) => pushGlobal(m, takeLine(m), takeLine(m)),
  "\x93": (m) => pushGlobal(m, ...(popSeveral(m, 2) as [PickleValue, PickleValue])),
  "\x82": (m) => pushGlobal(m, "copyreg extension", String(takeUint8(m))),
  "\x83": (m) => pushGlobal(m, "copyreg extension", String(m.view.getUint16(takePlace(m, 2), true))),
  "\x84": (m) => pushGlobal(m, "copyreg extension", String(takeUint32(m))),
  R: (m) => pushObject(m, popSeveral(m, 2), false),
  i: (m) => {
    const name = `${takeLine(m)}.${takeLine(m)}`;
    pushObject(m, [{ kind: "global", name }, popToMark(m)], false);
  },
  o: (m) => {
    const [callee = null, ...args] = popToMark(m);
    pushObject(m, [callee, args], false);
  },
  "\x81": (m) => pushObject(m, popSeveral(m, 2), true),
  "\x92": (m) => pushObject(m, popSeveral(m, 3), true),
  b: (m) => {
    const state = pop(m);
    const instance = top(m);
    if (isKind(instance, "object")) instance.state = state;
  },
  P: (m) => pushPersistent(m, takeLine(m)),
  Q: (m) => pushPersistent(m, pop(m)),
};

const operations = new Map(Object.entries(byCharacter).map(([character, run]) => [character.charCodeAt(0), run]));

function memorize(machine: PickleMachine, index: number): void {
  machine.memo.set(index, top(machine));
}

function recall(machine: PickleMachine, index: number): void {
  const value = machine.memo.get(index);
  check(value !== undefined, () => pickleError(machine, `expected a value in the memo at ${index}, got none`));
  push(machine, value);
}

function popSeveral(machine: PickleMachine, count: number): PickleValue[] {
  return Array.from({ length: count }, () => pop(machine)).reverse();
}

function append(machine: PickleMachine, values: readonly PickleValue[]): void {
  const target = top(machine);
  if (isKind(target, "object")) return;
  check(Array.isArray(target), () => pickleError(machine, "expected a list to append to, got something else"));
  for (const value of values) target.push(value);
}

function itemsOf(machine: PickleMachine): PickleMap {
  const target = top(machine);
  if (target instanceof Map) return target;
  check(isKind(target, "object"), () => pickleError(machine, "expected a dict to put items into, got something else"));
  target.items ??= new Map();
  return target.items;
}

function setItems(machine: PickleMachine, map: PickleMap, pairs: readonly PickleValue[]): void {
  check(pairs.length % 2 === 0, () => pickleError(machine, "expected keys and values, got a key without a value"));
  for (let i = 0; i < pairs.length; i += 2) map.set(pairs[i] as PickleValue, pairs[i + 1] as PickleValue);
}

function pushGlobal(machine: PickleMachine, module: PickleValue, name: PickleValue): void {
  check(typeof module === "string" && typeof name === "string", () =>
    pickleError(machine, "expected the names of a module and of something in it, got other values"),
  );
  push(machine, { kind: "global", name: `${module}.${name}` });
}

function pushObject(
  machine: PickleMachine,
  [callee = null, args = null]: readonly PickleValue[],
  isInstance: boolean,
): void {
  pushContainer(machine, { kind: "object", isInstance, callee, args, state: null, items: null });
}

function pushPersistent(machine: PickleMachine, id: PickleValue): void {
  const value = { kind: "persistent", id } as const;
  machine.persistent.push(value);
  push(machine, value);
}

function takeUint8(machine: PickleMachine): number {
  return machine.view.getUint8(takePlace(machine, 1));
}

function takeUint32(machine: PickleMachine): number {
  return machine.view.getUint32(takePlace(machine, 4), true);
}

/** A length that Python writes with a sign. */
function takeLength32(machine: PickleMachine): number {
  const length = machine.view.getInt32(takePlace(machine, 4), true);
  check(length >= 0, () => pickleError(machine, `expected a length, got ${length} before`));
  return length;
}

function takeLength64(machine: PickleMachine): number {
  return Number(machine.view.getBigUint64(takePlace(machine, 8), true));
}

function decimal(machine: PickleMachine): number {
  const line = takeLine(machine);
  check(/^\d{1,15}$/.test(line), () => pickleError(machine, "expected a place in the memo, got other text before"));
  return Number(line);
}

const MOST_DIGITS = 40;
const LONGEST_INTEGER = 16;

function wholeNumber(machine: PickleMachine, digits: string): PickleValue {
  check(/^[+-]?\d+$/.test(digits), () => pickleError(machine, "expected a whole number, got other text before"));
  return digits.length <= MOST_DIGITS ? narrow(BigInt(digits.replace("+", ""))) : digits;
}

function twosComplement(bytes: Uint8Array): PickleValue {
  if (bytes.length > LONGEST_INTEGER) return bytes;
  const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return narrow(BigInt.asIntN(8 * bytes.length, value));
}

function narrow(value: bigint): number | bigint {
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : value;
}

function characters(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Byte strings of Python 2 are text, mostly. */
function decodeBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return decodeLatin1(bytes);
  }
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** Text as protocol 0 writes it, with the escapes of Python's literals. */
function readEscapes(text: string): string {
  return text.replace(/\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(.))/g, (whole, x, u, U, character) => {
    if (character !== undefined) return escapes[character] ?? character;
    const code = Number.parseInt(x ?? u ?? U, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
