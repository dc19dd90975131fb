import { describe, expect, test } from "vitest";
import { fromNumbers } from "../tensor/index.ts";
import { standardized } from "./dataset.ts";
import { pixelNormalization } from "./normalization.ts";

describe("pixelNormalization", () => {
  test("gives the mean and population deviation of each channel", () => {
    const images = fromNumbers("uint8", [0, 2, 10, 10, 4, 6, 10, 250], [2, 2, 1, 2]);
    const { mean, deviation } = pixelNormalization(images);
    expect(mean).toEqual([3, 70]);
    expect(deviation[0]).toBeCloseTo(Math.sqrt(5), 14);
    expect(deviation[1]).toBeCloseTo(Math.sqrt(10800), 12);
  });

  test("gives a constant channel deviation 1, so that dividing by it is safe", () => {
    const images = fromNumbers("uint8", [7, 7, 7], [3, 1, 1, 1]);
    expect(pixelNormalization(images)).toEqual({ mean: [7], deviation: [1] });
  });
});

test("standardized gives each channel mean 0 and deviation 1", () => {
  const images = fromNumbers("uint8", [0, 2, 10, 10, 4, 6, 10, 250], [2, 2, 1, 2]);
  const { dtype, shape, data } = standardized(images, pixelNormalization(images), "float64");
  expect({ dtype, shape }).toEqual({ dtype: "float64", shape: [2, 2, 1, 2] });
  for (const channel of [0, 1]) {
    const own = [0, 1, 4, 5].map((i) => Number(data[i + 2 * channel]));
    expect(own.reduce((sum, x) => sum + x)).toBeCloseTo(0, 13);
    expect(own.reduce((sum, x) => sum + x * x, 0) / 4).toBeCloseTo(1, 13);
  }
});
