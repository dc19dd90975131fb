import { describe, expect, it } from "vitest";
import {
  allocate,
  bytesPerElement,
  dtypes,
  fromNumbers,
  partOf,
  reshape,
  stack,
  tensor,
  tensorBytes,
  tensorFromBytes,
  zeros,
} from "./index.ts";

function at(offset: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const shifted = new Uint8Array(bytes.length + offset);
  shifted.set(bytes, offset);
  return shifted.subarray(offset);
}

describe.each(dtypes)("a tensor of %s", (dtype) => {
  const value = fromNumbers(dtype, [1, 0, 1, 1, 0, 0], [2, 3]);

  it("is its bytes, however these are aligned", () => {
    const bytes = tensorBytes(value);
    expect(bytes.length).toBe(6 * bytesPerElement(dtype));
    for (let offset = 0; offset <= 8; offset++) {
      expect(tensorFromBytes(dtype, [2, 3], at(offset, bytes))).toEqual(value);
    }
  });

  it("shares aligned memory and copies the rest", () => {
    const bytes = tensorBytes(value);
    expect(tensorFromBytes(dtype, [6], bytes).data.buffer).toBe(bytes.buffer);
    const shifted = at(1, bytes);
    expect(tensorFromBytes(dtype, [6], shifted).data.buffer === shifted.buffer).toBe(bytesPerElement(dtype) === 1);
  });

  it("may be empty or a scalar", () => {
    expect(zeros(dtype, [2, 0]).data).toEqual(allocate(dtype, 0));
    expect(tensorFromBytes(dtype, [0, 4], at(3, new Uint8Array(0)))).toEqual(zeros(dtype, [0, 4]));
    expect(zeros(dtype, [])).toEqual(fromNumbers(dtype, [0], []));
  });

  it("refuses bytes of another length", () => {
    const expected = 2 * bytesPerElement(dtype);
    expect(() => tensorFromBytes(dtype, [2], new Uint8Array(expected + 1))).toThrow(
      `tensor: ${dtype} [2] needs ${expected} bytes, got ${expected + 1}`,
    );
  });
});

it("bytes are little-endian and only those of the tensor", () => {
  const memory = Uint16Array.of(9, 0x0102, 9);
  expect([...tensorBytes(tensor("uint16", [1], memory.subarray(1, 2)))]).toEqual([2, 1]);
});

it("reshape shares memory", () => {
  const value = fromNumbers("float32", [1, 2, 3, 4], [2, 2]);
  expect(reshape(value, [4, 1]).data).toBe(value.data);
  expect(() => reshape(value, [3])).toThrow("tensor: shape [3] needs 3 elements, got 4");
});

it("refuses shapes that are none", () => {
  expect(() => tensor("int8", [-1, -2], new Int8Array(2))).toThrow("tensor: expected a shape of non-negative whole");
  expect(() => tensorFromBytes("int8", [-1, -2], new Uint8Array(2))).toThrow("tensor: expected a shape of non-neg");
  expect(() => zeros("int8", [2.5])).toThrow("zeros: expected a shape of non-negative whole numbers, got [2.5]");
});

it("stack puts parts along a new first axis, and partOf gives them back", () => {
  const parts = [fromNumbers("float32", [1, 2], [2, 1]), fromNumbers("float32", [3, 4], [2, 1])];
  const whole = stack(parts);
  expect(whole.shape).toEqual([2, 2, 1]);
  expect([partOf(whole, 0), partOf(whole, 1)]).toEqual(parts);
  expect(partOf(whole, 1).data.buffer).toBe(whole.data.buffer);
});
