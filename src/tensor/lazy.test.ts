import { describe, expect, it } from "vitest";
import { byteLength, fromNumbers, held, isLazy, lazyTensor, letGo, shelf } from "./index.ts";

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

  it("gives fresh elements back at once when they are let go, and fetches them again", () => {
    const load = () => Float32Array.of(1, 2);
    const tensor = lazyTensor({ dtype: "float32", shape: [2], load, isFresh: true }, shelf());
    const first = tensor.data;
    letGo(tensor);
    expect(first.buffer.detached).toBe(true);
    expect(tensor.data).toEqual(load());
  });

  it("keeps elements that are let go where others may have them", () => {
    const { fetched, tensor } = counted(5);
    const file = Float32Array.of(1, 2, 3);
    const part = lazyTensor({ dtype: "float32", shape: [2], load: () => file.subarray(1), isFresh: true }, shelf());
    const all = [tensor.data, part.data, fromNumbers("float32", [4]).data];
    letGo(tensor, part, fromNumbers("float32", [4]));
    expect(all.map(({ buffer }) => buffer.detached)).toEqual([false, false, false]);
    expect([tensor.data[0], fetched.times, file[2]]).toEqual([5, 1, 3]);
  });

  it("refuses elements that do not fill the shape", () => {
    const short = lazyTensor({ dtype: "float32", shape: [3], load: () => Float32Array.of(1) }, shelf());
    expect(() => short.data).toThrow("shape [3] needs 3 elements, got 1");
  });
});
