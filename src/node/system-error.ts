import { InputError } from "../errors.ts";

type Explanation = readonly [code: string, message: string, remedy: string];

const tooLong: Explanation = [
  "name-too-long",
  "the name is longer than the file system allows",
  "choose a shorter one",
];
const notAFolder: Explanation = ["folder-not-found", "part of its path is a file, not a folder", "check the path"];

const readErrors: Readonly<Record<string, Explanation>> = {
  ENOENT: ["file-not-found", "no such file", "check the path"],
  ENOTDIR: notAFolder,
  EACCES: ["no-permission", "may not be read", "change its permissions"],
  EPERM: ["no-permission", "may not be read", "change its permissions"],
  EISDIR: ["is-a-folder", "expected a file, got a folder", "name a file in it"],
  ENAMETOOLONG: tooLong,
  EIO: ["read-failed", "the disk reports an error", "copy the file from elsewhere"],
};

const writeErrors: Readonly<Record<string, Explanation>> = {
  EEXIST: ["file-exists", "already exists", "pass --force or another -o"],
  ENOENT: ["folder-not-found", "its folder does not exist", "create the folder or choose another -o"],
  ENOTDIR: notAFolder,
  EACCES: ["no-permission", "its folder may not be written to", "change its permissions or choose another -o"],
  EPERM: ["no-permission", "its folder may not be written to", "change its permissions or choose another -o"],
  EROFS: ["read-only", "the file system is read-only", "choose another -o"],
  EISDIR: ["is-a-folder", "expected a file, got a folder", "name a file in it"],
  ENAMETOOLONG: tooLong,
  ENOSPC: ["disk-full", "no space is left on the disk", "free some or choose another -o"],
  EDQUOT: ["disk-full", "your disk quota is used up", "free some space or choose another -o"],
  EFBIG: ["file-too-large", "the file system holds no file of this size", "choose another -o"],
  EIO: ["write-failed", "the disk reports an error", "choose another -o"],
};

/** Awaits work on the file `path`, and turns what the system refuses into an InputError that says what to do. */
export async function explained<T>(purpose: "read" | "write", path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw explain(purpose, path, cause);
  }
}

/** An InputError for a system error that the reader can do something about, or the error itself. */
export function explain(purpose: "read" | "write", path: string, cause: unknown): unknown {
  const explanation = (purpose === "read" ? readErrors : writeErrors)[errorCode(cause)];
  if (!explanation) return cause;
  const [code, message, remedy] = explanation;
  return new InputError({ code, where: path, message, remedy, cause });
}

/** The system's name of an error, such as "ENOENT", or an empty string. */
export function errorCode(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? "");
}
