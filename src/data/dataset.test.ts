import { describe, expect, test } from "vitest";
import { fromNumbers } from "../tensor/index.ts";
import { type Split, splitSize, takeSamples } from "./dataset.ts";

const split: Split = {
  inputs: fromNumbers("uint8", [1, 2, 3, 4, 5, 6], [3, 1, 2]),
  targets: fromNumbers("int32", [7, 8, 9]),
};

describe("takeSamples", () => {
  test("keeps the first samples and their targets", () => {
    const taken = takeSamples(split, 2);
    expect(splitSize(taken)).toBe(2);
    expect(taken.inputs).toEqual(fromNumbers("uint8", [1, 2, 3, 4], [2, 1, 2]));
    expect(taken.targets).toEqual(fromNumbers("int32", [7, 8]));
  });

  test("of all samples is the split itself", () => {
    expect(takeSamples(split, 3)).toEqual(split);
  });

  test.each([0, -1, 4, 1.5, Number.NaN])("refuses %s of 3 samples", (count) => {
    expect(() => takeSamples(split, count)).toThrow(`samples: expected a whole number from 1 to 3, got ${count}`);
  });
});
