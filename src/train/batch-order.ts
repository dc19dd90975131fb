import { fold, permutation, type RngKey } from "../tensor/index.ts";

/** Which samples make up the batch of a step. */
export interface BatchOrder {
  /** A last batch that would not be full is left out; what it would have held differs from epoch to epoch. */
  readonly stepsPerEpoch: number;
  /** Writes the samples of a step, member after member. */
  fill(indices: Int32Array, step: number): void;
}

/** Deals the samples of a split into batches: every member in its own order, drawn anew from its key every epoch. */
export function batchOrder(keys: readonly RngKey[], samples: number, batchSize: number): BatchOrder {
  const stepsPerEpoch = Math.floor(samples / batchSize);
  let drawn = { epoch: -1, orders: [] as readonly Int32Array[] };
  const ordersOf = (epoch: number) => {
    if (drawn.epoch !== epoch) {
      const orders = keys.map((key) => permutation(fold(key, "epoch", epoch), samples));
      drawn = { epoch, orders };
    }
    return drawn.orders;
  };
  return {
    stepsPerEpoch,
    fill(indices, step) {
      const start = (step % stepsPerEpoch) * batchSize;
      for (const [m, order] of ordersOf(Math.floor(step / stepsPerEpoch)).entries()) {
        indices.set(order.subarray(start, start + batchSize), m * batchSize);
      }
    },
  };
}
