/**
 * What a pickle describes, as plain data: lists, tuples and sets are arrays, integers beyond 128 bits and byte strings
 * are bytes. Nothing is looked up or called: a name stays a name, a call a record of what would have been called.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleMap
  | PickleGlobal
  | PickleObject
  | PicklePersistent;

/** A dict. */
export interface PickleMap extends Map<PickleValue, PickleValue> {}

/** A class or function by its name, such as "torch._utils._rebuild_tensor_v2". */
export interface PickleGlobal {
  readonly kind: "global";
  readonly name: string;
}

/** An object that Python would make by a call. */
export interface PickleObject {
  readonly kind: "object";
  /** By cls.__new__ alone, as plain instances are, not by a call of a function. */
  readonly isInstance: boolean;
  readonly callee: PickleValue;
  readonly args: PickleValue;
  /** The attributes it would be given. */
  state: PickleValue;
  /** The items it would be given, where it is a kind of dict. */
  items: PickleMap | null;
}

/** An object kept outside the pickle, by its identifier. */
export interface PicklePersistent {
  readonly kind: "persistent";
  readonly id: PickleValue;
}

/** Whether the value is one that a `kind` names. */
export function isKind<K extends "global" | "object" | "persistent">(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { kind: K }> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

/** The name of a class or function, null for anything else. */
export function globalName(value: PickleValue | undefined): string | null {
  return isKind(value, "global") ? value.name : null;
}
