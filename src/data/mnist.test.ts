import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type MnistFiles, mnistDataset } from "./mnist.ts";

const mnistFolder = new URL("../../../shared/data/mnist/", import.meta.url);

function file(where: string, shape: readonly number[], elements: readonly number[]) {
  const axes = shape.flatMap((size) => [0, 0, 0, size]);
  return { where, bytes: Uint8Array.from([0, 0, 8, shape.length, ...axes, ...elements]) };
}

const files: MnistFiles = {
  trainImages: file("train-images", [2, 1, 2], [0, 2, 4, 6]),
  trainLabels: file("train-labels", [2], [9, 0]),
  testImages: file("test-images", [1, 1, 2], [5, 7]),
  testLabels: file("test-labels", [1], [3]),
};

describe("mnistDataset", () => {
  test("puts four files together, normalised by the train split alone", () => {
    const dataset = mnistDataset("tiny", files);
    expect(dataset).toMatchObject({ name: "tiny", task: "classification", classes: 10, sampleShape: [1, 1, 2] });
    expect(dataset.normalization).toEqual({ mean: [3], deviation: [Math.sqrt(5)] });
    expect(dataset.train.inputs).toMatchObject({ dtype: "uint8", shape: [2, 1, 1, 2] });
    expect(dataset.train.targets).toMatchObject({ dtype: "int32", data: Int32Array.of(9, 0) });
    expect(dataset.test.targets.data).toEqual(Int32Array.of(3));
  });

  test.each([
    ["a label out of range", { trainLabels: file("labels", [2], [0, 10]) }, "got 10 for sample 1"],
    ["too few labels", { trainLabels: file("labels", [1], [0]) }, "expected 2 labels"],
    ["exchanged files", { trainImages: files.trainLabels }, "expected uint8 images [N, height, width]"],
    ["no samples", { testImages: file("images", [0, 1, 2], []) }, "not empty, got uint8 [0, 1, 2]"],
    [
      "test images of another size",
      { testImages: file("images", [1, 2, 2], [1, 2, 3, 4]) },
      "expected images of shape",
    ],
  ])("refuses %s", (_, changed, message) => {
    expect(() => mnistDataset("tiny", { ...files, ...changed })).toThrow(message);
  });

  test.skipIf(!existsSync(mnistFolder))("reads MNIST (needs ../shared/data/mnist)", () => {
    const read = (where: string) => ({
      where,
      bytes: new Uint8Array(gunzipSync(readFileSync(new URL(`${where}.gz`, mnistFolder)))),
    });
    const {
      train,
      test: held,
      ...dataset
    } = mnistDataset("mnist", {
      trainImages: read("train-images-idx3-ubyte"),
      trainLabels: read("train-labels-idx1-ubyte"),
      testImages: read("t10k-images-idx3-ubyte"),
      testLabels: read("t10k-labels-idx1-ubyte"),
    });
    expect(train.inputs.shape).toEqual([60000, 1, 28, 28]);
    expect(held.inputs.shape).toEqual([10000, 1, 28, 28]);
    expect([...train.targets.data.slice(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    // The constants that everybody normalises MNIST with.
    expect((dataset.normalization.mean[0] as number) / 255).toBeCloseTo(0.1307, 4);
    expect((dataset.normalization.deviation[0] as number) / 255).toBeCloseTo(0.3081, 4);
  });
});
