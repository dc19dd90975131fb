import { afterAll, describe, expect, it } from "vitest";
import { type GoldenRun, goldenDataset, goldenNetwork, goldenStart, goldens } from "../../test/golden/train/goldens.ts";
import { type Engine, referenceEngine } from "../engine/index.ts";
import { nativeEngine } from "../node/index.ts";
import { rngKey, toNumbers } from "../tensor/index.ts";
import { initialState, memberParameters, type Optimizer, train } from "./index.ts";

const reference = referenceEngine();
const cpu = await nativeEngine({ threads: 1 });
afterAll(() => cpu[Symbol.asyncDispose]());

/** Other orders of summation in float64, through twenty steps. */
const tolerance = 1e-10;

interface Trace {
  readonly learningRates: number[];
  readonly losses: number[][];
  readonly weights: Record<string, number[]>[];
}

async function follow(golden: GoldenRun, engine: Engine, members: number): Promise<Trace> {
  const { optimizer, schedule, task } = golden;
  const keys = Array.from({ length: members }, (_, i) => rngKey(i));
  const resumeFrom = goldenStart(initialState(goldenNetwork, optimizer, keys, "float64"));
  const options = { engine, keys, optimizer, schedule, epochs: goldens.steps, batchSize: 8, dtype: "float64" } as const;
  const steps = train(goldenNetwork, goldenDataset(task), { ...options, stepsPerRun: 1, resumeFrom });
  const trace: Trace = { learningRates: [], losses: [], weights: [] };
  for (let next = await steps.next(); ; next = await steps.next()) {
    if (next.done) {
      trace.weights.push(...memberParameters(goldenNetwork, next.value).map(numbersOf));
      return trace;
    }
    trace.learningRates.push(next.value.learningRate);
    trace.losses.push([...next.value.losses]);
  }
}

function numbersOf(parameters: ReturnType<typeof memberParameters>[number]) {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, [...toNumbers(value)]]));
}

function expectClose(got: readonly number[] | undefined, expected: readonly number[] | undefined): void {
  expect(got?.length).toBe(expected?.length);
  for (const [i, x] of (expected ?? []).entries()) expect(Math.abs((got?.[i] as number) - x)).toBeLessThan(tolerance);
}

describe.each([
  ["the reference engine", reference],
  ["ONNX Runtime", cpu],
] as const)("training beside PyTorch on %s", (_, engine) => {
  it.each(goldens.cases.map((each) => [each.name, each] as const))("%s", async (_, golden) => {
    const { learningRates, losses, weights } = await follow(golden, engine, 1);
    expectClose(learningRates, golden.learningRates);
    expectClose(losses.flat(), golden.losses);
    for (const name of Object.keys(golden.parameters)) expectClose(weights[0]?.[name], golden.parameters[name]);
  });

  it.each(goldens.cases.map((each) => [each.name, each] as const))("%s, two networks at once", async (_, golden) => {
    const { losses, weights } = await follow(golden, engine, 2);
    for (const member of [0, 1]) {
      expectClose(
        losses.map((both) => both[member] as number),
        golden.losses,
      );
      for (const name of Object.keys(golden.parameters)) expectClose(weights[member]?.[name], golden.parameters[name]);
    }
  });
});

describe("an optimizer that makes no sense is refused in one line", () => {
  const sgd = { kind: "sgd", learningRate: 0.1 } as const;
  const adam = { kind: "adam", learningRate: 0.1 } as const;
  it.each([
    [{ ...sgd, learningRate: 0 }, "sgd: expected a positive learning rate, got 0"],
    [{ ...sgd, learningRate: Number.NaN }, "sgd: expected a positive learning rate, got NaN"],
    [{ ...sgd, learningRate: Number.POSITIVE_INFINITY }, "sgd: expected a positive learning rate, got Infinity"],
    [{ ...adam, weightDecay: -1 }, "adam: expected a weight decay of at least 0, got -1"],
    [{ ...sgd, momentum: 1 }, "sgd: expected a momentum from 0 to below 1, got 1"],
    [{ ...sgd, nesterov: true }, "sgd: expected a momentum above 0 with nesterov, got 0"],
    [{ ...adam, betas: [0.9, 1] }, "adam: expected betas from 0 to below 1, got 0.9, 1"],
  ] as readonly (readonly [Optimizer, string])[])("%j", async (optimizer, message) => {
    const options = { engine: reference, keys: [rngKey(0)], optimizer, epochs: 1, batchSize: 8 };
    const steps = train(goldenNetwork, goldenDataset("classification"), { ...options, stepsPerRun: 1 });
    await expect(steps.next()).rejects.toMatchObject({ name: "InputError", message });
  });
});
