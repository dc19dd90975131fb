import { check } from "../errors.ts";
import type { TensorProto } from "./proto.ts";

/** Where the elements of a tensor lie: a file beside the model's, and the bytes in it. */
export interface ExternalLocation {
  /** Relative path with forward slashes that stays inside the model's folder. */
  readonly location: string;
  readonly offset: number;
  /** Undefined: to the end of the file. */
  readonly length: number | undefined;
}

/** The location that a tensor with `dataLocation` 1 names, checked not to leave the model's folder. */
export function externalLocation(proto: TensorProto, where: string): ExternalLocation {
  const entries = new Map(proto.externalData?.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  check(isInside(location), () => ({
    code: "unsafe-external-data",
    where,
    message: `expected external data at a relative path inside the model's folder, got ${JSON.stringify(location)}`,
    remedy: "save the model again with its data file beside it",
  }));
  return {
    location,
    offset: parseByteCount(entries.get("offset") ?? "0", where),
    length: entries.has("length") ? parseByteCount(entries.get("length") ?? "", where) : undefined,
  };
}

/** Whether a location is safe both as a path on any system and, in a browser, as a relative URL. */
export function isInside(location: string): boolean {
  // Colons start drives and URL schemes; URL parsers drop control characters, read %2e as a dot and \ as a slash.
  const hasForbidden = /[\\:?#]/.test(location) || [...location].some((character) => character < " ");
  const segments = location
    .replace(/%2e/gi, ".")
    .replace(/%2f|%5c/gi, "/")
    .split("/");
  return !hasForbidden && segments.every((segment) => segment !== "" && segment !== "..");
}

function parseByteCount(value: string, where: string): number {
  const count = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  check(Number.isSafeInteger(count), () => ({
    code: "bad-external-data",
    where,
    message: `expected the offset and length of external data as a whole number of bytes, got ${JSON.stringify(value)}`,
    remedy: "save the model again",
  }));
  return count;
}
