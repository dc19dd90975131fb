import { describe, expect, it } from "vitest";
import { referenceEngine } from "../../engine/index.ts";
import { grad, hessianVectorProduct, input, type Value } from "../../graph/index.ts";
import { rngKey, tensor } from "../../tensor/index.ts";
import { indexOf } from "../../train/index.ts";
import { eigenpairs, type SymmetricOperator } from "./index.ts";

const engine = referenceEngine();

/** The Hessian of a function of two coordinates at a point, and the norm of its gradient there. */
async function hessianOf(f: (x: Value, y: Value) => Value, at: readonly [number, number]) {
  const [point, direction] = [input("point", "float64", [2]), input("direction", "float64", [2])];
  const value = f(...([0, 1].map((i) => point.slice(0, i, i + 1).reshape([])) as [Value, Value]));
  const [gradient] = grad(value, [point]) as [Value];
  const [product] = hessianVectorProduct(value, [point], [direction]) as [Value];
  const program = await engine.compile({ gradient, product });
  const run = async (v: Float64Array<ArrayBuffer>) =>
    program.run({ point: tensor("float64", [2], Float64Array.from(at)), direction: tensor("float64", [2], v) });
  const operator: SymmetricOperator = {
    size: 2,
    dtype: "float64",
    width: 1,
    products: async (vectors) =>
      Promise.all(
        vectors.map(async (v) => (await run(Float64Array.from(v))).product?.data as Float64Array<ArrayBuffer>),
      ),
  };
  const { pairs } = await eigenpairs(operator, { key: rngKey(3), count: 2 });
  const slope = (await run(new Float64Array(2))).gradient?.data as Float64Array;
  return { values: pairs.map((pair) => pair.value), gradientNorm: Math.hypot(...slope) };
}

const twoPi = 2 * Math.PI;
const b = 1 / (2 * ((5 * Math.PI) / 2) ** 2);

const eggCarton = (x: Value, y: Value) => x.mul(twoPi).cos().add(y.mul(twoPi).cos());
const curvyValley = (x: Value, y: Value) => {
  const square = x.square();
  return y
    .sub(x.sin())
    .square()
    .add(
      square
        .square()
        .mul(b)
        .sub(square)
        .mul(4 * b),
    )
    .add(1);
};
const rosenbrock = (x: Value, y: Value) => x.neg().add(1).square().add(y.sub(x.square()).square().mul(100));
const spread = Math.sqrt(501 ** 2 - 400);

/** Published or known in closed form; the last column is how many digits were published. */
describe.each([
  ["a minimum of the egg carton", eggCarton, [0.5, 0.5], [39.4784176, 39.4784176], { negative: 0, positive: 2 }, 7],
  ["a saddle of the egg carton", eggCarton, [0, 0.5], [39.4784176, -39.4784176], { negative: 1, positive: 1 }, 7],
  ["the saddle of the curvy valley", curvyValley, [0, 0], [3.96784001, -0.03268557], { negative: 1, positive: 1 }, 7.5],
  ["the minimum of Rosenbrock", rosenbrock, [1, 1], [501 + spread, 501 - spread], { negative: 0, positive: 2 }, 9],
] as const)("%s", (_, f, at, eigenvalues, index, digits) => {
  it("has the known curvature", async () => {
    const { values, gradientNorm } = await hessianOf(f, at);
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(eigenvalues[i] as number, digits);
    expect(gradientNorm).toBeLessThan(1e-13);
    expect(indexOf(Float64Array.from(values))).toMatchObject({ ...index, zero: 0 });
  });
});
