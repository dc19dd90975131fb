import { type Engine, referenceEngine } from "../src/engine/index.ts";
import { grad, type Value } from "../src/graph/index.ts";
import { type DType, formatShape, isFloat, sameShape, type Tensor, toNumbers } from "../src/tensor/index.ts";
import { caseInputs, caseTensors, type OperatorCase, operatorCases } from "./operator-cases.ts";

/** What became of one case of the matrix: how far from the reference it was, or why it did not run. */
export type Outcome = { readonly difference: number } | { readonly failure: string };

/** The whole matrix on one engine, by the name of the case; plain data, so that it can come from another process. */
export async function runMatrix(engine: Engine, dtype: DType): Promise<Record<string, Outcome>> {
  const outcomes: Record<string, Outcome> = {};
  for (const each of operatorCases) {
    outcomes[each.name] = await disagreement(engine, each, dtype).then(
      (difference) => ({ difference }),
      (error: unknown) => ({ failure: String(error) }),
    );
  }
  return outcomes;
}

/** The largest difference from the reference over the value and gradients, relative to each one's largest element. */
export async function disagreement(engine: Engine, each: OperatorCase, dtype: DType): Promise<number> {
  const outputs = outputsOf(each, dtype);
  const feeds = caseTensors(each, dtype);
  const expected = await run(referenceEngine(), outputs, feeds);
  const got = await run(engine, outputs, feeds);
  return Math.max(
    ...Object.keys(outputs).map((name) => largestDifference(got[name] as Tensor, expected[name] as Tensor)),
  );
}

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
  try {
    return await program.run(feeds);
  } finally {
    await program[Symbol.asyncDispose]();
  }
}

function largestDifference(a: Tensor, b: Tensor): number {
  if (!sameShape(a.shape, b.shape)) throw new Error(`expected ${formatShape(b.shape)}, got ${formatShape(a.shape)}`);
  const [x, y] = [toNumbers(a), toNumbers(b)];
  const scale = y.reduce((most, element) => Math.max(most, Math.abs(element)), 1e-3);
  return x.reduce((most, element, i) => Math.max(most, Math.abs(element - (y[i] as number))), 0) / scale;
}
