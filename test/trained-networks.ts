import type { Dataset } from "../src/data/index.ts";
import type { Engine } from "../src/engine/index.ts";
import type { Network, Parameters } from "../src/nets/index.ts";
import { fold, type RngKey } from "../src/tensor/index.ts";
import { memberParameters, train } from "../src/train/index.ts";

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
