import { expect, it } from "vitest";
import { apply, conv, input } from "../graph/index.ts";
import { workOf } from "./precision.ts";

it("counts the products of matrices and convolutions, and the elements of all else", () => {
  const [x, w] = [input("x", "float64", [2, 6, 5, 5]), input("w", "float64", [4, 3, 3, 3])];
  // 2 images of 4 filters of 3x3 outputs, each the sum of 3 channels of 9 taps.
  expect(workOf([conv(x, w, { group: 2 })]) - workOf([x, w])).toBe(2 * 4 * 9 * 27);
  const [a, b] = [input("a", "float64", [5, 3, 7]), input("b", "float64", [7, 2])];
  expect(workOf([a.matmul(b)]) - workOf([a, b])).toBe(5 * 3 * 2 * 7);
  const [u, v] = [input("u", "float64", [7, 3]), input("v", "float64", [7, 2])];
  const product = apply("Gemm", [u, v], { transA: true, transB: false, alpha: 1, beta: 1 });
  expect(workOf([product]) - workOf([u, v])).toBe(3 * 2 * 7);
  expect(workOf([u.tanh()]) - workOf([u])).toBe(21);
});

it("counts a transposed convolution as the convolution that it is the adjoint of", () => {
  const [g, w] = [input("g", "float64", [2, 4, 3, 3]), input("w", "float64", [4, 6, 3, 3])];
  const window = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1, inputShape: [2, 6, 5, 5] };
  expect(workOf([apply("ConvInputGrad", [g, w], window)]) - workOf([g, w])).toBe(2 * 4 * 9 * 6 * 9);
});
