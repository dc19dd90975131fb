import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { nativeEngine } from "../src/node/index.ts";
import { type Benchmark, benchmarks, type Measured } from "./benchmarks.ts";
import { matmulRate } from "./harness.ts";
import { type PeerResult, runPeer } from "./peers.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, threads: { type: "string" }, rounds: { type: "string" } },
});
const threads = Number(values.threads ?? availableParallelism());
const rounds = Number(values.rounds ?? 3);
const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);

const rows = [];
for (const name of names) {
  const benchmark = benchmarks[name];
  if (!benchmark) throw new Error(`expected benchmarks among ${Object.keys(benchmarks).join(", ")}, got ${name}`);
  const row = { name, title: benchmark.title, rounds: [] as Round[] };
  // Ours and the peer take turns, so that a slow minute of the machine slows both.
  for (let i = 0; i < (benchmark.peer ? rounds : 1); i++) row.rounds.push(await measure(benchmark));
  rows.push(row);
  if (!values.json) print(benchmark, row.rounds);
}
if (values.json) process.stdout.write(`${JSON.stringify({ threads, benchmarks: rows }, null, 2)}\n`);

interface Round {
  readonly ours: Measured;
  readonly rate: number;
  readonly peer: PeerResult | null;
}

async function measure(benchmark: Benchmark): Promise<Round> {
  await using engine = await nativeEngine({ threads });
  const before = await matmulRate(engine, benchmark.dtype);
  const ours = await benchmark.run(engine, threads);
  const rate = (before + (await matmulRate(engine, benchmark.dtype))) / 2;
  const peer = benchmark.peer ? runPeer(benchmark.peer.script, threads, Object.keys(benchmark.peer.targets)) : null;
  return { ours, rate, peer };
}

function print({ title, gflop, rateTarget, peer }: Benchmark, measured: readonly Round[]): void {
  const milliseconds = median(measured.map(({ ours }) => ours.median));
  const lines = [title, `  ours            ${format(milliseconds)} ms`];
  if (gflop !== undefined) {
    const shares = measured.map(({ ours, rate }) => gflop / (ours.median / 1000) / rate);
    const rate = median(measured.map((round) => round.rate));
    const goal =
      rateTarget === undefined ? "" : verdict(median(shares) >= rateTarget, `${Math.round(100 * rateTarget)} %`);
    const speed = `${Math.round((1000 * gflop) / milliseconds)} of ${Math.round(rate)} GFLOP/s`;
    lines.push(`  matmul rate     ${(100 * median(shares)).toFixed(0)} % (${speed})${goal}`);
  }
  for (const { outcome } of measured.map(({ ours }) => ours)) {
    if (outcome) lines.push(`  outcome         ${outcome.text}${outcome.ok ? "" : "  MISSED"}`);
  }
  for (const [variant, target] of Object.entries(peer?.targets ?? {})) lines.push(peerLine(variant, target, measured));
  process.stdout.write(`${lines.join("\n")}\n\n`);
}

function peerLine(variant: string, target: number, measured: readonly Round[]): string {
  const label = `  ${variant.padEnd(16)}`;
  const times = measured.map(({ peer }) => peer?.results[variant]);
  if (times.some((time) => time === undefined)) return `${label}no Python for it: see bench/peers/README.md`;
  const failure = times.find((time) => time && "error" in time);
  if (failure && "error" in failure) return `${label}could not run: ${failure.error.split("\n")[0]}`;
  const theirs = times.map((time) => (time as { median_ms: number }).median_ms);
  const ratio = median(theirs.map((time, i) => time / (measured[i] as Round).ours.median));
  return `${label}${format(median(theirs))} ms, ${ratio.toFixed(2)} times ours${target > 0 ? verdict(ratio >= target, `${target}`) : ""}`;
}

function verdict(reached: boolean, goal: string): string {
  return reached ? ` (to reach: ${goal})` : `  MISSED (to reach: ${goal})`;
}

function format(milliseconds: number): string {
  return milliseconds.toPrecision(3).padStart(6);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number;
}
