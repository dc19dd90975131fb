import { describe, expect, it } from "vitest";
import { apply, conv, input, type Value } from "../../graph/index.ts";
import { biasedLayers } from "./biased-layers.ts";

const named = (name: string, ...shape: number[]) => input(name, "float32", shape);
const [x, image] = [named("x", 2, 3), named("image", 2, 3, 4, 4)];
const [square, matrix, bias] = [named("square", 3, 3), named("matrix", 3, 5), named("bias", 5)];
const [kernel, filters] = [named("kernel", 2, 2, 3, 5), named("filters", 5, 3, 2, 2)];
const gemm = (beta: number, transB = false) =>
  apply("Gemm", [x, transB ? named("matrix", 5, 3) : matrix, bias], { transA: false, transB, alpha: 2, beta });

/** The layers below a rectifier, all inputs but the data being parameters. */
function found(value: Value) {
  const parameters = new Set<Value>();
  const collect = (each: Value) => {
    if (each.op === "Input" && each !== x && each !== image) parameters.add(each);
    each.operands.forEach(collect);
  };
  collect(value);
  return biasedLayers(value.relu(), parameters).map(({ output, ...names }) => ({ ...names, isIt: output === value }));
}

describe("layers with a bias", () => {
  it.each([
    ["a product", x.matmul(matrix).add(bias), 1, 1],
    ["a product with the bias first", bias.add(x.matmul(matrix)), 1, 1],
    ["a transposed product", x.matmul(named("matrix", 5, 3).transpose()).add(bias), 0, 1],
    ["Gemm", gemm(1), 1, 1],
    ["a transposed Gemm", gemm(1, true), 0, 1],
  ] as const)("are found in %s", (_, value, axis, unitAxis) => {
    expect(found(value)).toEqual([{ weight: "matrix", bias: "bias", axis, unitAxis, isIt: true }]);
  });

  it("are found in convolutions, also where kernels are stored in another order", () => {
    expect(found(conv(image, filters, { bias }))).toMatchObject([{ weight: "filters", axis: 0, unitAxis: 1 }]);
    const turned = kernel.transpose([3, 2, 0, 1]);
    expect(found(conv(image, turned, { bias }))).toMatchObject([{ weight: "kernel", axis: 3, unitAxis: 1 }]);
  });

  it.each([
    ["has no bias", x.matmul(matrix)],
    ["has a bias for all units together", x.matmul(matrix).add(named("one", 1))],
    ["scales its bias", gemm(0.5)],
    ["adds data", x.matmul(square).add(x)],
    ["has weights that another has too", x.matmul(square).add(named("b", 3)).matmul(square)],
    ["shares its bias", x.matmul(matrix).add(bias).mul(bias)],
  ] as const)("are none where a layer %s", (_, value) => {
    expect(found(value)).toEqual([]);
  });

  it("are not those of the output", () => {
    expect(biasedLayers(gemm(1), new Set<Value>([matrix, bias]))).toEqual([]);
  });
});
