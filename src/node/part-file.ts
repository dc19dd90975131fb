import { randomBytes } from "node:crypto";
import { readdir, rename } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { isRunning } from "./is-running.ts";

/**
 * A name beside `destination` for a download in progress that no other process uses. Bytes left there by a download that
 * stopped are taken over by renaming them, which only one of several processes can do.
 */
export async function claimPart(destination: string): Promise<string> {
  const own = `${destination}.${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}.part`;
  for (const abandoned of await abandonedParts(destination)) {
    const isTaken = await rename(abandoned, own).then(
      () => true,
      () => false,
    );
    if (isTaken) return own;
  }
  return own;
}

/** Gives a part up, under the name `<destination>.part`, for the next download to take over. */
export async function releasePart(part: string, destination: string): Promise<void> {
  await rename(part, `${destination}.part`).catch(() => {});
}

async function abandonedParts(destination: string): Promise<string[]> {
  const folder = dirname(destination);
  const released = `${basename(destination)}.part`;
  const names = await readdir(folder);
  return names
    .filter((name) => name === released || isOrphan(name, basename(destination)))
    .map((name) => join(folder, name));
}

/** Whether it belongs to a process of this machine that has ended without releasing it. */
function isOrphan(name: string, stem: string): boolean {
  const prefix = `${stem}.${hostname()}-`;
  if (!name.startsWith(prefix)) return false;
  const owner = /^(\d+)-[0-9a-f]{8}\.part$/.exec(name.slice(prefix.length));
  return owner !== null && !isRunning(Number(owner[1]));
}
