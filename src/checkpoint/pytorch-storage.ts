import { globalName, isKind, type PickleValue } from "./pickle-values.ts";
import { type TorchType, typeOfStorage } from "./pytorch-types.ts";

/** A storage as the pickle refers to it. */
export interface StorageReference {
  readonly key: string;
  readonly type: TorchType;
  /** Elements. */
  readonly count: number;
  /** First element, of a view in an old file. */
  readonly start: number;
}

/** An unpickled PyTorch file: its object, and where each storage lies. */
export interface TorchFile {
  readonly value: PickleValue;
  readonly isBigEndian: boolean;
  /** Bytes of a storage, undefined where the file has none of that key. */
  lengthOf(key: string): number | undefined;
  /** The byte of the file where a storage starts. */
  locate(key: string): Promise<number>;
}

/** The storage that a persistent identifier ("storage", class, key, location, count, view) names, or null. */
export function storageReference(value: PickleValue | undefined): StorageReference | null {
  if (!isKind(value, "persistent") || !Array.isArray(value.id)) return null;
  const [tag, storageClass, key, , count, view] = value.id;
  const type = typeOfStorage(globalName(storageClass));
  if (tag !== "storage" || !type || typeof key !== "string" || !isCount(count)) return null;
  const start = Array.isArray(view) ? view[1] : 0;
  return isCount(start) ? { key, type, count, start } : null;
}

/** Whether it is a non-negative whole number kept exactly. */
export function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
