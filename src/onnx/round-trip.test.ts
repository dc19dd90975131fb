import { describe, expect, test } from "vitest";
import { caseInputs, caseTensors, type OperatorCase, operatorCases } from "../../test/operator-cases.ts";
import { referenceEngine } from "../engine/index.ts";
import { grad, type Value } from "../graph/index.ts";
import { type DType, isFloat, type Tensor, toNumbers } from "../tensor/index.ts";
import { decodeModel, encodeModel, graphToModel, lower, modelToGraph } from "./index.ts";

type Outputs = Readonly<Record<string, Value>>;
type Tensors = Readonly<Record<string, Tensor>>;

/** Both graphs are run in float64; only the order of a few additions may differ. */
const tolerance = 1e-12;

function withGradients(each: OperatorCase, dtype: DType): Outputs {
  const inputs = caseInputs(each, dtype);
  const value = each.build(...inputs);
  if (each.flat) return { value };
  const gradients = grad(
    value.square().sum(),
    inputs.filter((x) => isFloat(x.dtype)),
  );
  return { value, ...Object.fromEntries(gradients.map((g, i) => [`gradient${i}`, g])) };
}

function imported(outputs: Outputs, runtime: boolean): Outputs {
  const bytes = encodeModel(graphToModel(outputs, { runtime }));
  return modelToGraph(decodeModel(bytes)).outputs;
}

/** Lowering to float32 rounds constants, such as the weights of a mean. */
function lowered(outputs: Outputs, runtime: boolean): Outputs {
  const values = lower(Object.values(outputs), { runtime });
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, values[i] as Value]));
}

async function run(outputs: Outputs, feeds: Tensors): Promise<Tensors> {
  const program = await referenceEngine().compile(outputs);
  return program.run(feeds);
}

function expectEqual(got: Tensors, expected: Tensors): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [name, tensor] of Object.entries(expected)) {
    const numbers = toNumbers(tensor);
    const scale = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    expect(got[name]!.shape).toEqual(tensor.shape);
    const difference = toNumbers(got[name]!).reduce((most, x, i) => Math.max(most, Math.abs(x - numbers[i]!)), 0);
    expect(difference).toBeLessThanOrEqual(tolerance * scale);
  }
}

describe.each([
  { form: "standard", runtime: false },
  { form: "runtime", runtime: true },
])("a graph encoded in $form operators and decoded", ({ runtime }) => {
  test.each(operatorCases)("computes the same value and gradient: $name", async (each) => {
    const [narrow, wide] = [withGradients(each, "float32"), withGradients(each, "float64")];
    const feeds = { narrow: caseTensors(each, "float32"), wide: caseTensors(each, "float64") };
    expectEqual(await run(imported(wide, runtime), feeds.wide), await run(wide, feeds.wide));
    expectEqual(await run(imported(narrow, runtime), feeds.narrow), await run(lowered(narrow, runtime), feeds.narrow));
  });
});
