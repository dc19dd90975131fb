import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Starting Node on TypeScript sources takes three times as long without. */
const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "orbifold-test-compile-cache") };

/** What a command left behind. */
export interface Ended {
  /** The exit status, or the name of the signal that ended it. */
  readonly status: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs in a folder; its stderr is not a terminal. */
export function start(folder: string, ...words: readonly string[]): ChildProcess & { readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [main, ...words], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk;
    });
  }
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => resolve({ status: code ?? signal, ...text }));
  });
  return Object.assign(child, { ended });
}

/** Runs a command to its end. */
export function orbifold(folder: string, ...words: readonly string[]): Promise<Ended> {
  return start(folder, ...words).ended;
}

/** A folder of its own in the system's folder for temporary files. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "orbifold-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Every file and folder in a folder. */
export function contentsOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
}

/** Waits for a file to appear, for half a minute. */
export async function appearance(path: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!existsSync(path)) {
    if (performance.now() > deadline) throw new Error(`expected ${path} to appear`);
    await setTimeout(5);
  }
}
