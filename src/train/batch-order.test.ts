import { describe, expect, it } from "vitest";
import { rngKey } from "../tensor/index.ts";
import { batchOrder } from "./batch-order.ts";

describe("the batches of an epoch", () => {
  it.each([
    [50, 8],
    [50, 50],
    [50, 1],
    [7, 3],
  ])("of %i samples in batches of %i repeat none", (samples, batchSize) => {
    const keys = [rngKey(1), rngKey(2)];
    const order = batchOrder(keys, samples, batchSize);
    const indices = new Int32Array(2 * batchSize);
    for (const epoch of [0, 1]) {
      const seen = [new Set<number>(), new Set<number>()];
      for (let step = 0; step < order.stepsPerEpoch; step++) {
        order.fill(indices, epoch * order.stepsPerEpoch + step);
        for (const [i, index] of indices.entries()) seen[Math.floor(i / batchSize)]?.add(index);
      }
      const dealt = order.stepsPerEpoch * batchSize;
      expect(samples - dealt).toBeLessThan(batchSize);
      for (const member of seen) {
        expect(member.size).toBe(dealt);
        expect([...member].every((index) => index >= 0 && index < samples)).toBe(true);
      }
    }
  });

  it("are in another order in every epoch and for every member", () => {
    const order = batchOrder([rngKey(1), rngKey(2)], 50, 50);
    const [first, second] = [new Int32Array(100), new Int32Array(100)];
    order.fill(first, 0);
    order.fill(second, 1);
    expect(second).not.toEqual(first);
    expect(first.slice(50)).not.toEqual(first.slice(0, 50));
  });
});
