import { afterAll, describe, expect, it } from "vitest";
import { caseInputs, caseTensors, type OperatorCase, operatorCases } from "../../test/operator-cases.ts";
import { grad, type Value } from "../graph/index.ts";
import { nativeEngine } from "../node/native-engine.ts";
import { type DType, isFloat, type Tensor, toNumbers } from "../tensor/index.ts";
import { type Engine, referenceEngine } from "./index.ts";

const reference = referenceEngine();
const cpu = await nativeEngine({ threads: 2 });
afterAll(() => cpu[Symbol.asyncDispose]());

/** Rounding of a short chain of operations, relative to the largest element. */
const tolerances = { float32: 2e-5, float64: 1e-13 } as const;

function outputsOf(each: OperatorCase, dtype: DType): Record<string, Value> {
  const inputs = caseInputs(each, dtype);
  const value = each.build(...inputs);
  if (each.flat) return { value };
  const variables = inputs.filter((x) => isFloat(x.dtype));
  const gradients = grad(value.square().sum(), variables);
  return { value, ...Object.fromEntries(gradients.map((g, i) => [`gradient${i}`, g])) };
}

async function run(engine: Engine, outputs: Record<string, Value>, feeds: Record<string, Tensor>) {
  const program = await engine.compile(outputs);
  const results = await program.run(feeds);
  await program[Symbol.asyncDispose]();
  return results;
}

function largestDifference(a: Tensor, b: Tensor): number {
  const [x, y] = [toNumbers(a), toNumbers(b)];
  const scale = y.reduce((most, element) => Math.max(most, Math.abs(element)), 1e-3);
  return x.reduce((most, element, i) => Math.max(most, Math.abs(element - (y[i] as number))), 0) / scale;
}

for (const dtype of ["float32", "float64"] as const) {
  describe(`ONNX Runtime against the reference in ${dtype}`, () => {
    it.each(operatorCases.map((each) => [each.name, each] as const))("%s, value and gradient", async (_, each) => {
      const outputs = outputsOf(each, dtype);
      const feeds = caseTensors(each, dtype);
      const expected = await run(reference, outputs, feeds);
      const got = await run(cpu, outputs, feeds);
      for (const name of Object.keys(outputs)) {
        const [a, b] = [got[name] as Tensor, expected[name] as Tensor];
        expect(a.shape).toEqual(b.shape);
        expect(largestDifference(a, b)).toBeLessThan(tolerances[dtype]);
      }
    });
  });
}
