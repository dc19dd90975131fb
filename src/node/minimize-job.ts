import type { Dataset } from "../data/index.ts";
import { type NetworkDescription, networkFrom } from "../nets/index.ts";
import { type CriticalPoint, curvatureOf, type MinimizeOptions, minimize } from "../train/index.ts";
import { nativeEngine } from "./native-engine.ts";
import type { WorkerModule } from "./worker-pool.ts";

/** What all threads minimise. */
export interface MinimizeSetup {
  readonly description: NetworkDescription;
  readonly dataset: Dataset;
  readonly options: Omit<MinimizeOptions, "signal">;
}

export type MinimizeJob = readonly Float64Array[];

const open: WorkerModule<MinimizeSetup, MinimizeJob, readonly CriticalPoint[]> = async (setup) => {
  const { description, dataset, options } = setup;
  const engine = await nativeEngine({ threads: 1 });
  const curvature = await curvatureOf(networkFrom(description), dataset, { engine });
  return (starts, { signal }) => minimize(curvature, starts, { ...options, signal });
};

export default open;
