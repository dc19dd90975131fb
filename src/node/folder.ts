import { mkdir, rmdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InputError } from "../errors.ts";
import { errorCode, explain } from "./system-error.ts";

/** Makes a folder, and those above it, unless it is there. Disposal removes those that it made and that stayed empty. */
export async function makeFolder(path: string): Promise<AsyncDisposable> {
  const folder = resolve(path);
  const topmost = await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw errorCode(cause) === "EEXIST" ? notAFolder(path, cause) : explain("write", path, cause);
  });
  return { [Symbol.asyncDispose]: () => removeEmpty(folder, topmost) };
}

function notAFolder(path: string, cause: unknown): InputError {
  const message = "expected a folder, got a file";
  return new InputError({ code: "not-a-folder", where: path, message, remedy: "choose another -o", cause });
}

/** Removes the folder and those above it, up to `topmost`, as far as they are empty. */
async function removeEmpty(folder: string, topmost: string | undefined): Promise<void> {
  if (topmost === undefined) return;
  try {
    await rmdir(folder);
  } catch {
    return;
  }
  if (folder !== topmost) await removeEmpty(dirname(folder), topmost);
}
