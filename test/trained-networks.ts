import { average } from "../src/align/index.ts";
import type { Dataset } from "../src/data/index.ts";
import type { Engine } from "../src/engine/index.ts";
import type { Network, Parameters } from "../src/nets/index.ts";
import { fold, type RngKey } from "../src/tensor/index.ts";
import { evaluate, memberParameters, train } from "../src/train/index.ts";

/** Two networks trained apart, in float64, until they know most of a few samples. */
export async function trainedPair(
  network: Network,
  dataset: Dataset,
  { engine, key }: { readonly engine: Engine; readonly key: RngKey },
): Promise<readonly [Parameters, Parameters]> {
  const keys = [fold(key, "a"), fold(key, "b")];
  const optimizer = { kind: "adam", learningRate: 0.02 } as const;
  const run = train(network, dataset, { engine, keys, optimizer, epochs: 30, batchSize: 20, dtype: "float64" });
  let step = await run.next();
  while (!step.done) step = await run.next();
  return memberParameters(network, step.value) as [Parameters, Parameters];
}

/** The loss of the mean of `a` and each of the others. */
export async function lossesHalfWay(
  network: Network,
  [a, others]: readonly [Parameters, readonly Parameters[]],
  { dataset, engine }: { readonly dataset: Dataset; readonly engine: Engine },
): Promise<number[]> {
  const middles = others.map((other) => average([a, other]));
  const found = await evaluate(network, middles, dataset, { engine, split: "train" });
  return found.map(({ loss }) => loss);
}

/** Every permutation of 0..n-1. */
export function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) => Array.from({ length: n }, (_, at) => rest.toSpliced(at, 0, n - 1)));
}
