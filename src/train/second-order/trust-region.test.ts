import { expect, it } from "vitest";
import { gainRatio } from "./trust-region.ts";

const at = (loss: number, slope: number) => ({
  loss,
  gradient: Float64Array.of(slope),
  hessian: Float64Array.of(1),
});

it.each([1e6, -1e6])("lets the gradient decide where rounding hides the gain, at a loss of %d", (loss) => {
  expect(gainRatio(at(loss, 1e-5), at(loss, 1e-9), 1e-10)).toBe(1);
  expect(gainRatio(at(loss, 1e-9), at(loss, 1e-5), 1e-10)).toBe(-1);
  expect(gainRatio(at(loss, 1), at(loss - 3, 0), 4)).toBe(0.75);
});
