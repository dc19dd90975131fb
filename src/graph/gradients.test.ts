import { describe, expect, it } from "vitest";
import { caseInputs, caseTensors, type OperatorCase, operatorCases } from "../../test/operator-cases.ts";
import { referenceEngine } from "../engine/index.ts";
import { fold, isFloat, normal, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { constant, grad, hessianVectorProduct, type Value } from "./index.ts";

const engine = referenceEngine();
const key = rngKey(7);

/** Central differences with this step are off by its square and by rounding over it: about 1e-10 relative. */
const step = 1e-5;
const tolerance = 2e-7;

async function evaluate(value: Value, feeds: Record<string, Tensor>): Promise<Float64Array> {
  const program = await engine.compile({ value });
  return toNumbers((await program.run(feeds)).value as Tensor);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
}

function moved(feeds: Record<string, Tensor>, directions: Record<string, Tensor>, amount: number) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => {
      const direction = directions[name];
      if (!direction) return [name, value];
      const data = toNumbers(value).map((x, i) => x + amount * (toNumbers(direction)[i] as number));
      return [name, { ...value, data } as Tensor];
    }),
  );
}

/** A scalar that depends on every element of the result, and tangents for the real inputs. */
function setUp(each: OperatorCase) {
  const inputs = caseInputs(each, "float64");
  const result = each.build(...inputs);
  const weights = constant(normal(fold(key, each.name), result.shape, { dtype: "float64" }));
  const variables = inputs.filter(({ dtype }) => isFloat(dtype));
  const directions = Object.fromEntries(
    variables.map(({ attributes: { name }, shape }) => [name, normal(fold(key, name), shape, { dtype: "float64" })]),
  );
  return { loss: result.mul(weights).sum(), variables, directions, feeds: caseTensors(each, "float64") };
}

function directional(
  gradients: readonly Value[],
  variables: readonly Value<"Input">[],
  directions: Record<string, Tensor>,
) {
  return gradients
    .map((g, i) => g.mul(constant(directions[(variables[i] as Value<"Input">).attributes.name] as Tensor)).sum())
    .reduce((a, b) => a.add(b));
}

const smooth = operatorCases.filter(({ flat }) => !flat);

describe("the gradient of each operator", () => {
  it.each(smooth.map((each) => [each.name, each] as const))("%s agrees with differences", async (_, each) => {
    const { loss, variables, directions, feeds } = setUp(each);
    const slope = directional(grad(loss, variables), variables, directions);
    const [ahead] = await evaluate(loss, moved(feeds, directions, step));
    const [behind] = await evaluate(loss, moved(feeds, directions, -step));
    const expected = ((ahead as number) - (behind as number)) / (2 * step);
    const [got] = await evaluate(slope, feeds);
    expect(Math.abs((got as number) - expected)).toBeLessThan(tolerance * (1 + Math.abs(expected)));
  });
});

describe("the gradient of each gradient", () => {
  it.each(smooth.map((each) => [each.name, each] as const))("%s agrees with differences", async (_, each) => {
    const { loss, variables, directions, feeds } = setUp(each);
    // Squaring makes the second derivative depend on the first wherever the operator itself is linear.
    const curved = loss.square();
    const tangents = variables.map(({ attributes }) => constant(directions[attributes.name] as Tensor));
    const products = hessianVectorProduct(curved, variables, tangents);
    const gradients = grad(curved, variables);
    for (const [i, variable] of variables.entries()) {
      const ahead = await evaluate(gradients[i] as Value, moved(feeds, directions, step));
      const behind = await evaluate(gradients[i] as Value, moved(feeds, directions, -step));
      const expected = ahead.map((x, j) => (x - (behind[j] as number)) / (2 * step));
      const got = await evaluate(products[i] as Value, feeds);
      const error = got.map((x, j) => x - (expected[j] as number));
      expect(got.length).toBe(variable.shape.reduce((a, b) => a * b, 1));
      expect(Math.sqrt(dot(error, error))).toBeLessThan(tolerance * (1 + Math.sqrt(dot(expected, expected))));
    }
  });
});
