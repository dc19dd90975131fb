import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "./atomic-file.ts";
import { errorCode, explain } from "./system-error.ts";

/** Results of units of work in a folder, each a file under the hash of its task and of the version of the code. */
export interface TaskStore {
  /** The result of a task, or undefined where there is none. */
  read(task: object): Promise<{ readonly result: unknown } | undefined>;
  write(task: object, result: unknown): Promise<void>;
  /** The name of a task, the same in whatever order its parts are. */
  keyOf(task: object): string;
}

/** The store in a folder that is there; tasks and results are plain JSON. */
export function taskStore(folder: string, version: string): TaskStore {
  const keyOf = (task: object) => digestOf({ task, version });
  const pathOf = (task: object) => join(folder, `${keyOf(task)}.json`);
  return {
    keyOf,
    async read(task) {
      const text = await textAt(pathOf(task));
      return text === null ? undefined : parsed(text);
    },
    async write(task, result) {
      const text = JSON.stringify({ task, version, result });
      await writeFileAtomically(pathOf(task), [new TextEncoder().encode(text)], { force: true });
    },
  };
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}

/** JSON with the names of every object in order. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part) => {
    const isObject = part !== null && typeof part === "object" && !Array.isArray(part);
    return isObject ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part;
  });
}

async function textAt(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw explain("read", path, error);
  }
}

/** A file that somebody has damaged is as good as none. */
function parsed(text: string): { readonly result: unknown } | undefined {
  try {
    const found = Object(JSON.parse(text));
    return Object.hasOwn(found, "result") ? found : undefined;
  } catch {
    return undefined;
  }
}
