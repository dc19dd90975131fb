import { expect, it } from "vitest";
import { input } from "../graph/index.ts";
import { normal, rngKey } from "../tensor/index.ts";
import { nativeEngine } from "./native-engine.ts";

it("computes the same bytes whether its threads spin or sleep", async () => {
  const feeds = { x: normal(rngKey(1), [200, 200]), y: normal(rngKey(2), [200, 200]) };
  const products = [true, false].map(async (spins) => {
    await using engine = await nativeEngine({ threads: 2, spins });
    const product = input("x", "float32", [200, 200]).matmul(input("y", "float32", [200, 200]));
    await using program = await engine.compile({ product });
    return (await program.run(feeds)).product;
  });
  const [spinning, sleeping] = await Promise.all(products);
  expect(sleeping).toEqual(spinning);
});
