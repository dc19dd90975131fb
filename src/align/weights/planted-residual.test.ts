import { expect, it } from "vitest";
import { recoveries, residualSizes } from "../../../test/architectures/residual.ts";
import { referenceEngine } from "../../engine/index.ts";

it.each(residualSizes.slice(0, 2).flatMap((sizes) => [0, 0.1].map((noise) => [sizes.stream, sizes.block, noise])))(
  "a renumbered residual network with a stream of %d and blocks of %d is recovered under %d of noise",
  async (stream = 0, block = 0, noise = 0) => {
    await using engine = referenceEngine();
    expect(await recoveries({ stream, block }, { engine, noise, seeds: 2 })).toBe(2);
  },
);
