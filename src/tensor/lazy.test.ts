import { describe, expect, it } from "vitest";
import { byteLength, fromNumbers, held, isLazy, lazyTensor, shelf } from "./index.ts";

/** A lazy tensor of one number, and how often it was fetched. */
function counted(value: number, on = shelf()) {
  const fetched = { times: 0 };
  const load = () => {
    fetched.times++;
    return Float32Array.of(value, value);
  };
  return { fetched, tensor: lazyTensor({ dtype: "float32", shape: [2], load }, on) };
}

describe("lazyTensor", () => {
  it("fetches nothing for its type, its shape and its size", () => {
    const { fetched, tensor } = counted(1);
    const copy = { a: tensor }.a;
    expect([copy.dtype, copy.shape, byteLength(copy), isLazy(copy)]).toEqual(["float32", [2], 8, true]);
    expect(fetched.times).toBe(0);
  });

  it("is fetched again only after another one of its shelf", () => {
    const on = shelf();
    const [x, y] = [counted(1, on), counted(2, on)];
    for (const { tensor } of [x, x, y, y, x]) expect(tensor.data[1]).toBe(tensor === x.tensor ? 1 : 2);
    expect([x.fetched.times, y.fetched.times]).toEqual([2, 1]);
  });

  it("can be held", () => {
    const { fetched, tensor } = counted(3);
    const inMemory = held(tensor);
    expect(isLazy(inMemory)).toBe(false);
    expect(inMemory).toEqual(fromNumbers("float32", [3, 3]));
    expect(inMemory.data).toBe(inMemory.data);
    expect(fetched.times).toBe(1);
  });

  it("refuses elements that do not fill the shape", () => {
    const short = lazyTensor({ dtype: "float32", shape: [3], load: () => Float32Array.of(1) }, shelf());
    expect(() => short.data).toThrow("shape [3] needs 3 elements, got 1");
  });
});
