import { availableParallelism } from "node:os";
import type { Dataset } from "../data/index.ts";
import { check } from "../errors.ts";
import type { Network } from "../nets/index.ts";
import type { CriticalPoint, MinimizeOptions } from "../train/index.ts";
import type { MinimizeJob, MinimizeSetup } from "./minimize-job.ts";
import { workerPool } from "./worker-pool.ts";

/** Some starts take much longer than others: with several jobs for each thread all end at about the same time. */
const jobsPerThread = 4;

/**
 * `minimize` of a network's loss on the train split, on several threads, each of which builds the network from its
 * description. The results do not depend on how many threads there are.
 */
export async function minimizeInThreads(
  network: Network,
  dataset: Dataset,
  starts: readonly Float64Array[],
  { threads = availableParallelism(), signal, ...options }: MinimizeOptions & { readonly threads?: number } = {},
): Promise<readonly CriticalPoint[]> {
  check(Number.isInteger(threads) && threads >= 1, () => ({
    code: "bad-option",
    where: "minimize",
    message: `expected at least one thread, got ${threads}`,
  }));
  const setup: MinimizeSetup = { description: network.description, dataset, options };
  const module = new URL("./minimize-job", import.meta.url);
  await using pool = workerPool<MinimizeSetup, MinimizeJob, readonly CriticalPoint[]>(threads, { module, setup });
  const count = Math.min(starts.length, threads * jobsPerThread);
  const found = await Promise.all(
    Array.from({ length: count }, (_, job) => {
      const own = starts.filter((_, i) => i % count === job);
      return pool.run(own, signal ? { signal } : {});
    }),
  );
  return starts.map((_, i) => found[i % count]?.[Math.floor(i / count)] as CriticalPoint);
}
