import { describe, expect, it } from "vitest";
import { emptyScratches, releaseScratches, scratchOf, spare } from "./scratch.ts";

const MORE_THAN_KEPT = 2 ** 25 + 8;

describe("scratch memory", () => {
  it("is the same for all that fits into it, and grows for what does not", () => {
    const { moved } = emptyScratches();
    const first = scratchOf(moved, "float64", 4).fill(7);
    const shorter = scratchOf(moved, "float32", 3);
    expect([shorter.length, shorter.buffer === first.buffer]).toEqual([3, true]);
    expect(scratchOf(moved, "float64", 5)).toHaveLength(5);
    expect(first.buffer.detached).toBe(true);
  });

  it("is given back when it is spared and large, and can be had again", () => {
    const { a, b } = emptyScratches();
    const [small, large] = [scratchOf(a, "uint8", 8), scratchOf(b, "uint8", MORE_THAN_KEPT)];
    spare(a, b);
    expect([small.buffer.detached, large.buffer.detached]).toEqual([false, true]);
    expect(scratchOf(b, "uint8", 8)).toHaveLength(8);
  });

  it("is all given back in the end", () => {
    const scratches = emptyScratches();
    const terms = scratchOf(scratches.terms, "float32", 8);
    releaseScratches(scratches);
    releaseScratches(scratches);
    expect(terms.buffer.detached).toBe(true);
    expect(scratchOf(scratches.terms, "float32", 8)).toEqual(new Float32Array(8));
  });
});
