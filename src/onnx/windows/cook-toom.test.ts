import { describe, expect, test } from "vitest";
import { type Matrix, shortCorrelation, transposed } from "./cook-toom.ts";

function times(matrix: Matrix, vector: readonly number[]): number[] {
  return matrix.map((row) => row.reduce((sum, x, i) => sum + x * (vector[i] as number), 0));
}

describe.each([2, 3, 4, 5])("four results of %i taps", (taps) => {
  const { outputTransform, tapTransform, inputTransform, products } = shortCorrelation(4, taps);
  const weights = Array.from({ length: taps }, (_, i) => Math.cos(3 * i + 1));
  const inputs = Array.from({ length: taps + 3 }, (_, i) => Math.sin(2 * i + 1));

  test("are the correlation", () => {
    const [g, d] = [times(tapTransform, weights), times(inputTransform, inputs)];
    const y = times(
      outputTransform,
      g.map((x, i) => x * (d[i] as number)),
    );
    for (const [at, result] of y.entries()) {
      expect(result).toBeCloseTo(
        weights.reduce((sum, w, i) => sum + w * (inputs[at + i] as number), 0),
        12,
      );
    }
  });

  test("need as few products as there are inputs", () => expect(products).toBe(inputs.length));

  test("have transforms of about equal size at every point", () => {
    const norm = (row: readonly number[]) => Math.hypot(...row);
    for (let point = 0; point < products; point++) {
      const rows = [transposed(outputTransform)[point], tapTransform[point], inputTransform[point]];
      const sizes = rows.map((row) => norm(row ?? []));
      expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThanOrEqual(4);
    }
  });
});
