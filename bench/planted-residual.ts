import { nativeEngine } from "../src/node/index.ts";
import { type ResidualSizes, recoveries, residualSizes } from "../test/architectures/residual.ts";

// How many planted renumberings of residual networks are found again: node bench/planted-residual.ts [seeds]
const seeds = Number(process.argv[2] ?? 100);
await using engine = await nativeEngine();
for (const sizes of residualSizes) for (const noise of [0, 0.1]) process.stdout.write(`${await line(sizes, noise)}\n`);

async function line(sizes: ResidualSizes, noise: number): Promise<string> {
  const start = performance.now();
  const found = await recoveries(sizes, { engine, noise, seeds });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  return `stream ${sizes.stream}, blocks of ${sizes.block}, ${100 * noise} % noise: ${found} of ${seeds} recovered exactly, ${seconds} s`;
}
