import { afterAll, describe, expect, it } from "vitest";
import { grad, input, type Value } from "../graph/index.ts";
import { nativeEngine } from "../node/native-engine.ts";
import { fold, normal, rngKey, type Tensor, tensorBytes, zeros } from "../tensor/index.ts";
import { referenceEngine } from "./index.ts";

const cpu = await nativeEngine({ threads: 2 });
afterAll(() => cpu[Symbol.asyncDispose]());
const engines = [referenceEngine(), cpu];
const key = rngKey(5);

type Floats = "float32" | "float64";

/** Gradient descent on |x w - y|^2 with its own x and rate in every round, one y for all. */
function descent(dtype: Floats): Record<string, Value> {
  const [x, w, y] = [input("x", dtype, [6, 3]), input("w", dtype, [3, 2]), input("y", dtype, [6, 2])];
  const loss = x.matmul(w).sub(y).square().mean();
  const [gradient] = grad(loss, [w]) as [Value];
  return { w: w.sub(gradient.mul(input("rate", dtype, []))), loss, prediction: x.matmul(w) };
}

function feedsFor(dtype: Floats, rounds: number): Record<string, Tensor> {
  const draw = (name: string, shape: number[]) => normal(fold(key, name), shape, { dtype, deviation: 0.5 });
  return { x: draw("x", [rounds, 6, 3]), w: draw("w", [3, 2]), y: draw("y", [6, 2]), rate: draw("rate", [rounds]) };
}

function roundOf({ dtype, shape, data }: Tensor, round: number): Tensor {
  const size = data.length / (shape[0] as number);
  return { dtype, shape: shape.slice(1), data: data.slice(round * size, (round + 1) * size) as Tensor["data"] };
}

describe.each(engines.map((engine) => [engine.name, engine] as const))("loops of the %s engine", (_, engine) => {
  it.each([
    ["float32", 1],
    ["float32", 7],
    ["float64", 4],
  ] as const)("give in %s, %d rounds, what single runs give", async (dtype, rounds) => {
    const feeds = feedsFor(dtype, rounds);
    await using single = await engine.compile(descent(dtype));
    await using loop = await engine.compileLoop(descent(dtype), ["x", "rate"]);
    const into = { w: zeros(dtype, [3, 2]) };
    const looped = await loop.run(rounds, feeds, into);
    let w = feeds.w as Tensor;
    for (let round = 0; round < rounds; round++) {
      const own = { x: roundOf(feeds.x as Tensor, round), rate: roundOf(feeds.rate as Tensor, round) };
      const next = zeros(dtype, [3, 2]);
      const results = await single.run({ ...own, y: feeds.y as Tensor, w }, { w: next });
      expect(roundOf(looped.loss as Tensor, round)).toEqual(results.loss);
      expect(roundOf(looped.prediction as Tensor, round)).toEqual(results.prediction);
      w = next;
    }
    expect(looped.w).toBe(into.w);
    expect(into.w).toEqual(w);
  });

  it("give the same bytes however the rounds are split", async () => {
    const feeds = feedsFor("float32", 5);
    await using loop = await engine.compileLoop(descent("float32"), ["x", "rate"]);
    const [whole, half, split] = [zeros("float32", [3, 2]), zeros("float32", [3, 2]), zeros("float32", [3, 2])];
    const part = (from: number, to: number) => ({
      ...feeds,
      x: { dtype: "float32", shape: [to - from, 6, 3], data: feeds.x?.data.slice(from * 18, to * 18) } as Tensor,
      rate: { dtype: "float32", shape: [to - from], data: feeds.rate?.data.slice(from, to) } as Tensor,
    });
    await loop.run(5, feeds, { w: whole });
    await loop.run(2, part(0, 2), { w: half });
    await loop.run(3, { ...part(2, 5), w: half }, { w: split });
    expect(tensorBytes(split)).toEqual(tensorBytes(whole));
  });

  it("may run side by side", async () => {
    await using loop = await engine.compileLoop(descent("float32"), ["x", "rate"]);
    const alone = [await loop.run(2, feedsFor("float32", 2)), await loop.run(5, feedsFor("float32", 5))];
    const together = [2, 5].map((rounds) => loop.run(rounds, feedsFor("float32", rounds)));
    expect(await Promise.all(together)).toEqual(alone);
  });

  it.each([0, -1, 1.5])("refuse %d rounds", async (rounds) => {
    await using loop = await engine.compileLoop(descent("float32"), ["x", "rate"]);
    const run = loop.run(rounds, feedsFor("float32", 1));
    await expect(run).rejects.toThrow(`loop: expected at least one round, got ${rounds}`);
  });

  it("refuse a stepped input without a value for every round", async () => {
    await using loop = await engine.compileLoop(descent("float32"), ["x", "rate"]);
    await expect(loop.run(3, feedsFor("float32", 2))).rejects.toThrow(
      /x: expected float32 \[3, 6, 3\], got float32 \[2, 6, 3\]/,
    );
  });
});
