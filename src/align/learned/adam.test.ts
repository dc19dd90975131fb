import { expect, it } from "vitest";
import { adam } from "./adam.ts";

it("takes the steps of torch.optim.Adam in float64", () => {
  const values = Float64Array.of(1, -2, 0.5);
  const update = adam(3);
  for (const gradient of [
    [0.5, -1, 2],
    [1, 0, -3],
    [-0.25, 4, 1e-3],
  ]) {
    update(values, Float64Array.from(gradient), 0.1);
  }
  const torch = [0.7446211282555567, -1.882421365180208, 0.44389987427190797];
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(torch[i] as number, 14);
});
