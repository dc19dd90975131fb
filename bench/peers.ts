import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What a peer script prints: per variant its median and best time, or why it could not run. */
export interface PeerResult {
  readonly results: Readonly<
    Record<
      string,
      { readonly median_ms: number; readonly min_ms: number; readonly choice: string } | { readonly error: string }
    >
  >;
  readonly versions: Readonly<Record<string, string>>;
}

/** A Python that has the peers: `$ORBIFOLD_PYTHON`, or that of a virtual environment in bench/peers. */
const candidates = [
  process.env.ORBIFOLD_PYTHON,
  fileURLToPath(new URL("peers/.venv/bin/python", import.meta.url)),
].filter((path) => path !== undefined && existsSync(path));

/** Runs a peer; null where there is no Python for it. */
export function runPeer(name: string, threads: number, variants: readonly string[] = []): PeerResult | null {
  const [python] = candidates;
  if (python === undefined) return null;
  const script = fileURLToPath(new URL(`peers/${name}.py`, import.meta.url));
  const { stdout, stderr, status } = spawnSync(python, [script, String(threads), ...variants], {
    encoding: "utf8",
    env: { ...process.env, PEER_SECONDS: process.env.PEER_SECONDS ?? "2" },
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`peer ${name} failed: ${stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) as string) as PeerResult;
}
