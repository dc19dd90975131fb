import { constants } from "node:fs";
import { access, lstat, realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { check } from "../errors.ts";
import { explain, explained } from "./system-error.ts";

/** Throws where writing to `path` would destroy one of the files it is made from, replace a file without `force`, or fail. */
export async function checkTarget(path: string, sources: readonly string[], isForced: boolean): Promise<void> {
  const target = await located(path);
  for (const source of sources) {
    check(target !== (await located(source)), () => ({
      code: "usage",
      where: path,
      message: "expected another file than the input",
      remedy: "choose another -o",
    }));
  }
  await explained("write", path, access(dirname(path), constants.W_OK));
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  if (isThere && !isForced) throw explain("write", path, { code: "EEXIST" });
}

/** Where a path leads through symbolic links. */
function located(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}
