import { describe, expect, test } from "vitest";
import { cifar10Dataset, decodeCifar10 } from "./cifar.ts";

const plane = 32 * 32;

/** A record whose red, green and blue planes are constant. */
function record(label: number, [red, green, blue]: readonly [number, number, number]): number[] {
  return [label, ...[red, green, blue].flatMap((value) => new Array<number>(plane).fill(value))];
}

const first = { where: "data_batch_1.bin", bytes: Uint8Array.from([...record(3, [1, 2, 3]), ...record(9, [4, 5, 6])]) };
const second = { where: "data_batch_2.bin", bytes: Uint8Array.from(record(0, [7, 8, 255])) };

describe("decodeCifar10", () => {
  test("reads records of all files in order, channels first", () => {
    const { inputs, targets } = decodeCifar10([first, second]);
    expect(inputs).toMatchObject({ dtype: "uint8", shape: [3, 3, 32, 32] });
    expect(targets).toMatchObject({ dtype: "int32", shape: [3], data: Int32Array.of(3, 9, 0) });
    const corners = Array.from({ length: 9 }, (_, channel) => [
      inputs.data[channel * plane],
      inputs.data[(channel + 1) * plane - 1],
    ]);
    expect(corners).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 255].map((value) => [value, value]));
  });

  test.each([0, 1, 3072, 3074, 6147])("refuses a file of %i bytes", (length) => {
    const cut = { where: "cut.bin", bytes: new Uint8Array(length) };
    expect(() => decodeCifar10([first, cut])).toThrow(`cut.bin: expected a multiple of 3073 bytes, got ${length}`);
  });

  test("refuses a label above 9 and names its file", () => {
    const wrong = { where: "wrong.bin", bytes: second.bytes.with(0, 10) };
    expect(() => decodeCifar10([first, wrong])).toThrow("wrong.bin: expected labels from 0 to 9, got 10 for sample 0");
  });
});

describe("cifar10Dataset", () => {
  test("normalises each channel by the train split", () => {
    const dataset = cifar10Dataset({ train: [first], test: second });
    expect(dataset).toMatchObject({ name: "cifar10", classes: 10, sampleShape: [3, 32, 32] });
    expect(dataset.normalization).toEqual({ mean: [2.5, 3.5, 4.5], deviation: [1.5, 1.5, 1.5] });
    expect(dataset.test.inputs.shape).toEqual([1, 3, 32, 32]);
  });
});
