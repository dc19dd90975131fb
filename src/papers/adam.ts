import { type Dataset, splitSize } from "../data/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { rngKey } from "../tensor/index.ts";
import { initialState, memberParameters, stackMembers, train } from "../train/index.ts";
import type { Lab } from "./paper.ts";

export interface AdamOptions {
  readonly steps: number;
  readonly learningRate: number;
  readonly dtype: "float32" | "float64";
}

/** Full-batch Adam from given weights of several networks, which are trained together; its moments start at zero. */
export async function adamFrom(
  network: Network,
  starts: readonly Parameters[],
  { dataset, lab, steps, learningRate, dtype }: AdamOptions & { readonly dataset: Dataset; readonly lab: Lab },
): Promise<readonly Parameters[]> {
  const { engine, signal, onProgress } = lab;
  const optimizer = { kind: "adam", learningRate } as const;
  // Keys order the samples of a batch, which here is all of them.
  const keys = starts.map((_, member) => rngKey(member));
  const initial = initialState(network, optimizer, keys, dtype);
  const resumeFrom = { ...initial, tensors: { ...initial.tensors, ...stackMembers(starts) } };
  const batchSize = splitSize(dataset.train);
  const run = train(network, dataset, { engine, keys, optimizer, epochs: steps, batchSize, dtype, resumeFrom, signal });
  for (;;) {
    const next = await run.next();
    if (next.done) return memberParameters(network, next.value);
    onProgress(next.value.step / next.value.steps);
  }
}
