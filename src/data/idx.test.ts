import { describe, expect, test } from "vitest";
import { fromNumbers } from "../tensor/index.ts";
import { decodeIdx } from "./idx.ts";

function idx(code: number, shape: readonly number[], elements: readonly number[]): Uint8Array<ArrayBuffer> {
  const axes = shape.flatMap((size) => [(size >>> 24) & 255, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]);
  return Uint8Array.from([0, 0, code, shape.length, ...axes, ...elements]);
}

const matrix = idx(0x08, [2, 3], [1, 2, 3, 4, 5, 255]);
const most = 0xffffffff;

describe("decodeIdx", () => {
  test.each([
    ["uint8", 0x08, [0, 255], [0, 255]],
    ["int8", 0x09, [127, 0x80], [127, -128]],
    ["int16", 0x0b, [0x01, 0x02, 0xff, 0xfe], [258, -2]],
    ["int32", 0x0c, [0x00, 0x01, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff], [65536, -1]],
    ["float32", 0x0d, [0x3f, 0x80, 0, 0, 0xc0, 0x49, 0x0f, 0xdb], [1, -Math.fround(Math.PI)]],
    ["float64", 0x0e, [0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18, 0xbf, 0xe0, 0, 0, 0, 0, 0, 0], [Math.PI, -0.5]],
  ] as const)("reads big-endian %s", (dtype, code, elements, values) => {
    expect(decodeIdx(idx(code, [2], elements), "a")).toEqual(fromNumbers(dtype, values));
  });

  test("reads an array that starts anywhere in its buffer, and leaves the bytes alone", () => {
    const padded = Uint8Array.from([9, 9, 9, ...idx(0x0b, [2], [0, 1, 0, 2])]);
    const before = padded.slice();
    expect(decodeIdx(padded.subarray(3), "a")).toEqual(fromNumbers("int16", [1, 2]));
    expect(padded).toEqual(before);
  });

  test("keeps the shape, also of an empty array", () => {
    expect(decodeIdx(matrix, "a").shape).toEqual([2, 3]);
    expect(decodeIdx(idx(0x08, [0, 28], []), "a").shape).toEqual([0, 28]);
  });

  test("refuses a file cut at any byte, in one line", () => {
    for (let length = 0; length < matrix.length; length++) {
      expect(() => decodeIdx(matrix.slice(0, length), "cut")).toThrow(/^cut: expected [^\n]+got [^\n]+$/);
    }
  });

  test("refuses bytes after the array", () => {
    expect(() => decodeIdx(Uint8Array.from([...matrix, 0]), "long")).toThrow(
      "long: expected 18 bytes for uint8 [2, 3], got 19; remove what follows the array",
    );
  });

  test.each([
    ["an unknown element type", idx(0x0a, [1], [0])],
    ["no axes", idx(0x08, [], [0])],
    ["a wrong first byte", idx(0x08, [1], [0]).with(0, 1)],
  ])("refuses %s", (_, bytes) => {
    expect(() => decodeIdx(bytes, "a")).toThrow(/^a: expected an IDX file/);
  });

  test("recognises a file that is still compressed", () => {
    expect(() => decodeIdx(Uint8Array.of(0x1f, 0x8b, 8, 0), "a")).toThrow(/decompress it first$/);
  });

  test.each([
    ["larger than memory", [most]],
    ["beyond whole numbers", [most, most, most]],
    ["infinite", new Array(100).fill(most)],
    ["infinite times zero", [...new Array(100).fill(most), 0]],
  ])("refuses axes %s without allocating", (_, shape) => {
    expect(() => decodeIdx(idx(0x0e, shape, []), "huge")).toThrow(/^huge: expected /);
  });
});
