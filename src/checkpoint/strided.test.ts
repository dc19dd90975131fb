import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementCount } from "../tensor/index.ts";
import { swapBytes } from "./byte-order.ts";
import { gather, isRowMajor, spanOf, type WordBytes } from "./strided.ts";

const layouts = fc
  .array(fc.record({ size: fc.nat({ max: 4 }), stride: fc.nat({ max: 6 }) }), { maxLength: 4 })
  .map((axes) => ({ shape: axes.map(({ size }) => size), strides: axes.map(({ stride }) => stride) }));

/** The position of each element, by dividing its place in the row-major order. */
function positions({ shape, strides }: { shape: number[]; strides: number[] }): number[] {
  return Array.from({ length: elementCount(shape) }, (_, place) => {
    let rest = place;
    let position = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += (rest % (shape[axis] as number)) * (strides[axis] as number);
      rest = Math.floor(rest / (shape[axis] as number));
    }
    return position;
  });
}

describe("gather", () => {
  it("puts the elements of any layout in row-major order, from a span that just holds them", () => {
    fc.assert(
      fc.property(layouts, fc.constantFrom<WordBytes>(1, 2, 4, 8), (layout, size) => {
        const wanted = positions(layout);
        const span = spanOf(layout);
        expect(span).toBe(Math.max(-1, ...wanted) + 1);
        const bytes = Uint8Array.from({ length: span * size }, (_, i) => (i * 73) & 255);
        const expected = wanted.flatMap((position) => [...bytes.subarray(position * size, (position + 1) * size)]);
        expect([...gather(bytes, size, layout)]).toEqual(expected);
        const isInOrder = wanted.every((position, place) => position === place);
        expect(isRowMajor(layout)).toBe(isInOrder);
      }),
    );
  });
});

describe("swapBytes", () => {
  it("turns each element round and leaves its argument", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    expect([...swapBytes(bytes, 4)]).toEqual([4, 3, 2, 1, 8, 7, 6, 5]);
    expect([...swapBytes(bytes, 1)]).toEqual([...bytes]);
  });
});
