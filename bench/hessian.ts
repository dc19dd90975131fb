import { takeSamples } from "../src/data/index.ts";
import type { Engine } from "../src/engine/index.ts";
import { eigenpairs, hessianOperator } from "../src/landscape/index.ts";
import { mlp } from "../src/nets/index.ts";
import { loadDataset } from "../src/node/index.ts";
import { rngKey } from "../src/tensor/index.ts";
import { memberParameters, train } from "../src/train/index.ts";
import { type Timing, timingOf } from "./harness.ts";

export interface TopEigenvalues {
  readonly timing: Timing;
  readonly products: number;
  /** Whether all residuals are as small as those of the peer. */
  readonly ok: boolean;
  readonly largest: number;
  readonly tenth: number;
}

const samples = 10_000;
const count = 10;
/** Residuals, relative to each eigenvalue, that the peer is held to as well. */
const accuracy = 1e-2;
/** The bound of the search is relative to the largest eigenvalue, which may be so many times the tenth. */
const spread = 10;

/** The top ten of the Hessian of 784-512-512-10 after an epoch on 10,000 digits of MNIST, compiling included, once. */
export async function timeTopEigenvalues(engine: Engine): Promise<TopEigenvalues> {
  const { dataset } = await loadDataset("mnist", { dataDir: process.env.ORBIFOLD_DATA });
  const few = { ...dataset, train: takeSamples(dataset.train, samples) };
  const network = mlp({ input: [1, 28, 28], widths: [512, 512], outputs: 10 });
  const optimizer = { kind: "sgd", learningRate: 0.05, momentum: 0.9 } as const;
  const run = train(network, few, { engine, keys: [rngKey(0)], optimizer, epochs: 1, batchSize: 128 });
  let last = await run.next();
  while (!last.done) last = await run.next();
  const [parameters] = memberParameters(network, last.value);
  const start = performance.now();
  await using operator = hessianOperator(network, parameters as NonNullable<typeof parameters>, few, { engine });
  const found = await eigenpairs(operator, { count, tolerance: accuracy / spread, key: rngKey(1) });
  const timing = timingOf([performance.now() - start]);
  const values = found.pairs.map(({ value }) => value);
  const ok = found.pairs.every(({ value, residual }) => residual <= accuracy * value);
  return { timing, products: found.products, ok, largest: Math.max(...values), tenth: Math.min(...values) };
}
