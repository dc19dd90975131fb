import { check, InputError, type InputErrorDetails } from "../errors.ts";
import type { PickleMap, PickleObject, PicklePersistent, PickleValue } from "./pickle-values.ts";

/** A pickle being read: its bytes, the place in them, and the state of Python's pickle machine. */
export interface PickleMachine {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly where: string;
  at: number;
  readonly stack: PickleValue[];
  /** Heights of the stack at its marks. */
  readonly marks: number[];
  readonly memo: Map<number, PickleValue>;
  /** Every persistent object met. */
  readonly persistent: PicklePersistent[];
  containers: number;
}

/** Containers cost up to a few hundred bytes each, far more than their opcode; checkpoints have thousands. */
const MOST_CONTAINERS = 2 ** 20;

/** A pickle machine at byte `at`. */
export function pickleMachine(bytes: Uint8Array<ArrayBuffer>, where: string, at: number): PickleMachine {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes, view, where, at, stack: [], marks: [], memo: new Map(), persistent: [], containers: 0 };
}

/** An error about the pickle at the place reached. */
export function pickleError({ where, at }: PickleMachine, message: string, code = "bad-pickle"): InputErrorDetails {
  const remedy =
    code === "truncated" ? "copy or download it again" : "the file is damaged or no checkpoint; save it again";
  return { code, where, message: `${message} at byte ${at} of the pickle`, remedy };
}

/** The place of the next `length` bytes, which are taken. */
export function takePlace(machine: PickleMachine, length: number): number {
  const { bytes, at } = machine;
  check(length <= bytes.length - at, () =>
    pickleError(machine, `expected ${length} bytes, got the ${bytes.length - at} that are left`, "truncated"),
  );
  machine.at = at + length;
  return at;
}

/** The next `length` bytes, shared. */
export function takeBytes(machine: PickleMachine, length: number): Uint8Array<ArrayBuffer> {
  const at = takePlace(machine, length);
  return machine.bytes.subarray(at, machine.at);
}

/** The text, of one byte for each character, up to the end of the line, which is taken too. */
export function takeLine(machine: PickleMachine): string {
  const { bytes, at } = machine;
  const end = bytes.indexOf(0x0a, at);
  check(end >= 0, () => pickleError(machine, "expected a line, got no end of it", "truncated"));
  machine.at = end + 1;
  return decodeLatin1(bytes.subarray(at, end));
}

const PART_BYTES = 2 ** 13;

/** Text of one byte for each character; the decoder that calls itself latin1 is of Windows' code page. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, at + PART_BYTES));
  }
  return text;
}

/** Text in UTF-8. */
export function decodeUtf8(machine: PickleMachine, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InputError(pickleError(machine, "expected text in UTF-8, got other bytes before"));
  }
}

/** Puts a value on the stack. */
export function push(machine: PickleMachine, value: PickleValue): void {
  machine.stack.push(value);
}

/** Puts a value that has parts on the stack. */
export function pushContainer(machine: PickleMachine, value: PickleValue[] | PickleMap | PickleObject): void {
  machine.containers++;
  check(machine.containers <= MOST_CONTAINERS, () =>
    pickleError(machine, `expected at most ${MOST_CONTAINERS} objects, got more`),
  );
  machine.stack.push(value);
}

/** Takes the value on the stack that was put there last. */
export function pop(machine: PickleMachine): PickleValue {
  top(machine);
  return machine.stack.pop() as PickleValue;
}

/** The value on the stack that was put there last. */
export function top(machine: PickleMachine): PickleValue {
  const { stack, marks } = machine;
  check(stack.length > (marks.at(-1) ?? 0), () => pickleError(machine, "expected a value on the stack, got none"));
  return stack.at(-1) as PickleValue;
}

/** Takes the values above the last mark, and the mark. */
export function popToMark(machine: PickleMachine): PickleValue[] {
  const mark = machine.marks.pop();
  check(mark !== undefined, () => pickleError(machine, "expected a mark on the stack, got none"));
  return machine.stack.splice(mark);
}
