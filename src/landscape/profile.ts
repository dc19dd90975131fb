import type { Dataset, Split } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { tensorBytes } from "../tensor/index.ts";
import { type Evaluation, evaluate } from "../train/index.ts";
import type { Path } from "./path.ts";
import { type Profile, type ProfilePoint, type SamplingOptions, sampleCurve } from "./sampling.ts";
import { batchStatistics } from "./statistics.ts";

export interface ProfileOptions extends SamplingOptions {
  readonly engine: Engine;
  readonly split?: "train" | "test" | Split;
  /** "re-estimate" replaces the running statistics at every point by means over the train split; "keep" unless given. */
  readonly batchNorm?: "keep" | "re-estimate";
  /** Networks computed at once; by default as many as fit into 64 MiB, and no more than 32. */
  readonly atOnce?: number;
  readonly signal?: AbortSignal;
  /** Told how many points have been measured, of those known to be needed so far. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Loss and error along a path, its ends included; only `atOnce` of its networks exist at a time. */
export async function profile(
  network: Network,
  path: Path,
  dataset: Dataset,
  options: ProfileOptions,
): Promise<Profile> {
  const { engine, split = "test", batchNorm = "keep", atOnce = mostAtOnce(path(0)), signal, onProgress } = options;
  await using statistics =
    batchNorm === "keep" ? null : await batchStatistics(network, dataset, { engine, like: path(0) });
  // The same for every part: losses summed over other batches would differ by their rounding.
  const batchSize = Math.max(1, Math.floor(SAMPLES_AT_ONCE / atOnce));
  const evaluated = evaluatedOnce(async (places) => {
    const networks: Parameters[] = [];
    for (const place of places) networks.push(statistics ? await statistics.replaced(place) : place);
    return evaluate(network, networks, dataset, { engine, split, batchSize, ...(signal && { signal }) });
  });
  const counts = { done: 0, total: 0 };
  const measure = async (positions: readonly number[]) => {
    counts.total += positions.length;
    const points: ProfilePoint[] = [];
    for (const chunk of chunksOf(positions, atOnce)) {
      const results = await evaluated(chunk.map(path));
      for (const [i, { loss, error }] of results.entries()) points.push({ t: chunk[i] as number, loss, error });
      counts.done += chunk.length;
      onProgress?.(counts.done, counts.total);
    }
    return points;
  };
  return await sampleCurve(measure, options);
}

type Evaluator = (places: readonly Parameters[]) => Promise<readonly Evaluation[]>;

/** Evaluates each place once: in an ensemble each member is rounded in its own way, and a path that stays would not be level. */
function evaluatedOnce(evaluator: Evaluator): Evaluator {
  return async (places) => {
    const distinct = [...new Set(places)];
    const results = await evaluator(distinct);
    return places.map((place) => results[distinct.indexOf(place)] as Evaluation);
  };
}

// What evaluation takes by default for one network: its layers' outputs take as much memory for 32 networks as for one.
const SAMPLES_AT_ONCE = 500;

const MOST_BYTES = 2 ** 26;
const MOST_NETWORKS = 32;

function mostAtOnce(parameters: Parameters): number {
  const bytes = Object.values(parameters).reduce((sum, each) => sum + tensorBytes(each).length, 0);
  return Math.min(MOST_NETWORKS, Math.max(1, Math.floor(MOST_BYTES / bytes)));
}

/** Parts of nearly equal length, none longer than `most`. */
function chunksOf(positions: readonly number[], most: number): number[][] {
  const count = Math.ceil(positions.length / most);
  const startOf = (chunk: number) => Math.round((chunk * positions.length) / count);
  return Array.from({ length: count }, (_, chunk) => positions.slice(startOf(chunk), startOf(chunk + 1)));
}
