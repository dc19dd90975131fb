import { randomUUID } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { check, InputError, type InputErrorDetails } from "../errors.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { isRunning } from "./is-running.ts";
import { onExit } from "./on-exit.ts";
import { errorCode } from "./system-error.ts";

/** What a lock file says of its holder. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, in milliseconds since 1970. */
  readonly started: number;
}

// Once, because the clock that counts uptime stands still while a laptop sleeps.
const self: Holder = {
  pid: process.pid,
  host: hostname(),
  started: Math.round(Date.now() - process.uptime() * 1000),
};

/**
 * Makes this process the only one that writes to a folder, until the result is disposed or the process exits. A lock
 * left by a process of this machine that has died is taken over; another one is an error.
 */
export async function lockFolder(folder: string, options: { signal?: AbortSignal } = {}): Promise<AsyncDisposable> {
  options.signal?.throwIfAborted();
  const path = join(folder, ".orbifold-lock");
  const claim = JSON.stringify({ ...self, id: randomUUID() });
  await acquire(path, claim);
  const release = () => {
    if (readClaim(path) === claim) rmSync(path, { force: true });
  };
  const exit = onExit(release);
  return {
    async [Symbol.asyncDispose]() {
      exit[Symbol.dispose]();
      release();
    },
  };
}

async function acquire(path: string, claim: string): Promise<void> {
  if (await create(path, claim)) return;
  const held = readClaim(path);
  if (held !== null) {
    check(isAbandoned(held), () => busy(path, held));
    await bury(path, held, claim);
  }
  if (!(await create(path, claim))) throw new InputError(busy(path, readClaim(path)));
}

/**
 * Removes an abandoned lock. This takes a lock of its own: of two processes that found it abandoned, the slower one
 * would otherwise remove the new lock of the faster one.
 */
async function bury(path: string, held: string, claim: string): Promise<void> {
  const guard = `${path}-takeover`;
  await acquire(guard, claim);
  try {
    if (readClaim(path) === held) await rm(path);
  } finally {
    await rm(guard);
  }
}

/** Whether the lock could be made; its content appears with it at once. */
async function create(path: string, claim: string): Promise<boolean> {
  try {
    await writeFileAtomically(path, [new TextEncoder().encode(claim)]);
    return true;
  } catch (error) {
    if (error instanceof InputError && error.code === "file-exists") return false;
    throw error;
  }
}

function readClaim(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Only what is known for certain counts: a lock from another machine, or one that cannot be read, is still held. */
function isAbandoned(claim: string): boolean {
  const holder = parseHolder(claim);
  if (holder?.host !== self.host) return false;
  // A restarted container gives its main process the same number again.
  if (holder.pid === self.pid) return Math.abs(holder.started - self.started) > 2000;
  return !isRunning(holder.pid);
}

function parseHolder(claim: string): Holder | null {
  try {
    const holder: Partial<Holder> = Object(JSON.parse(claim));
    const isWhole = Number.isSafeInteger(holder.pid) && Number.isFinite(holder.started);
    return isWhole && typeof holder.host === "string" ? (holder as Holder) : null;
  } catch {
    return null;
  }
}

function busy(path: string, claim: string | null): InputErrorDetails {
  const holder = parseHolder(claim ?? "");
  const where = holder?.host === self.host ? "" : ` on ${holder?.host}`;
  const who = holder ? ` (pid ${holder.pid}${where})` : "";
  return {
    code: "folder-locked",
    message: `another orbifold process${who} is writing to ${dirname(path)}`,
    remedy: `wait or choose another -o, or delete ${path} if that process has ended`,
  };
}
