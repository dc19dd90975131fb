import { expect, test } from "vitest";
import { referenceEngine } from "../../engine/index.ts";
import { input, type Value } from "../../graph/index.ts";
import { normal, rngKey } from "../../tensor/index.ts";
import { type Arrangement, arrange, axesInOrder, blocksAlong, merged, restore, withWindows } from "./arrangement.ts";

const shape = [3, 5, 4, 6];
const arrangements: Readonly<Record<string, Arrangement>> = {
  natural: axesInOrder(shape, [1, 2, 3]),
  "rows first": axesInOrder(shape, [2, 1, 3]),
  "places of windows first": [
    { axis: 2, size: 2, stride: 1 },
    { axis: 3, size: 3, stride: 1 },
    { axis: 2, size: 2, stride: 2 },
    { axis: 1, size: 5, stride: 1 },
    { axis: 3, size: 2, stride: 3 },
  ],
};

async function evaluate(value: Value) {
  await using program = await referenceEngine().compile({ value });
  return (await program.run({ x: normal(rngKey(1), shape) })).value;
}

test.each(Object.entries(arrangements))("%s: put back, a tensor is what it was", async (_, arrangement) => {
  const x = input("x", "float32", shape);
  const there = arrange(x, arrangement, x.rank);
  expect(await evaluate(restore({ value: there, arrangement, shape }))).toEqual(await evaluate(x.mul(1)));
});

test.each(Object.entries(arrangements))("%s: every block is where it is said to be", async (_, arrangement) => {
  const x = input("x", "float32", shape);
  const [samples, channels, height, width] = shape as [number, number, number, number];
  const [there, natural] = [await evaluate(arrange(x, arrangement, x.rank)), await evaluate(x.mul(1))];
  const [c, h, w] = [1, 2, 3].map((axis) => blocksAlong(axis, arrangement)) as [number[], number[], number[]];
  for (let i = 0; i < samples * channels * height * width; i++) {
    const [column, row] = [i % width, Math.floor(i / width) % height];
    const [channel, n] = [Math.floor(i / width / height) % channels, Math.floor(i / width / height / channels)];
    const block = (c[channel] as number) + (h[row] as number) + (w[column] as number);
    expect(there?.data[block * samples + n]).toBe(natural?.data[i]);
  }
});

test("windows that do not divide an axis have no arrangement", () => {
  expect(withWindows(axesInOrder(shape, [1, 2, 3]), 3, 4)).toBeNull();
});

test("digits that lie side by side are one", () => {
  const order = axesInOrder(shape, [2, 1, 3]);
  expect(merged(withWindows(order, 3, 2) ?? [])).toEqual(order);
});
