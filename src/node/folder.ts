import { mkdir, rmdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InputError } from "../errors.ts";
import { errorCode, explain } from "./system-error.ts";

/** Makes a folder, and those above it, unless it is there. Disposal removes those that it made and that stayed empty. */
export async function makeFolder(path: string): Promise<AsyncDisposable> {
  const made: string[] = [];
  try {
    await makeWithin(resolve(path), made);
  } catch (cause) {
    await removeEmpty(made);
    throw refusal(path, cause);
  }
  return { [Symbol.asyncDispose]: () => removeEmpty(made) };
}

/** Not mkdir's own recursion, which never ends where a file system has no room for folders, such as /proc. */
async function makeWithin(folder: string, made: string[]): Promise<void> {
  if (await isFolder(folder)) return;
  if (folder !== dirname(folder)) await makeWithin(dirname(folder), made);
  try {
    await mkdir(folder);
    made.push(folder);
  } catch (cause) {
    // Another process may have made it meanwhile.
    if (errorCode(cause) !== "EEXIST" || !(await isFolder(folder))) throw cause;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return false;
    throw cause;
  }
}

function refusal(path: string, cause: unknown): unknown {
  const details = refusals[errorCode(cause)];
  if (!details) return explain("write", path, cause);
  const [code, message] = details;
  return new InputError({ code, where: path, message, remedy: "choose another -o", cause });
}

const refusals: Readonly<Record<string, readonly [code: string, message: string]>> = {
  EEXIST: ["not-a-folder", "expected a folder, got a file"],
  ENOENT: ["no-permission", "no folder can be made there"],
};

/** Removes folders, each after those in it, as far as they are empty. */
async function removeEmpty(folders: readonly string[]): Promise<void> {
  for (const folder of folders.toReversed()) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
  }
}
