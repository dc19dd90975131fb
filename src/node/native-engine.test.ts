import { expect, it } from "vitest";
import { input } from "../graph/index.ts";
import { normal, rngKey } from "../tensor/index.ts";
import { nativeEngine } from "./native-engine.ts";

it("computes the same bytes whether its threads spin or sleep", async () => {
  const [x, y] = [1, 2].map((seed) => normal(rngKey(seed), [200, 200]));
  const products = [true, false].map(async (spins) => {
    await using engine = await nativeEngine({ threads: 2, spins });
    const product = input("x", "float32", [200, 200]).matmul(input("y", "float32", [200, 200]));
    await using program = await engine.compile({ product });
    return (await program.run({ x: x as NonNullable<typeof x>, y: y as NonNullable<typeof y> })).product;
  });
  const [spinning, sleeping] = await Promise.all(products);
  expect(sleeping).toEqual(spinning);
});
