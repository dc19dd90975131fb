import { mkdir } from "node:fs/promises";
import { explained } from "./system-error.ts";

/** Makes a folder, and those above it, unless it is there. */
export async function makeFolder(path: string): Promise<void> {
  await explained("write", path, mkdir(path, { recursive: true }));
}
