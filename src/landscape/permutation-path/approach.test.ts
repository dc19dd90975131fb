import { afterAll, describe, expect, it } from "vitest";
import type { Dataset } from "../../data/index.ts";
import { type Model, mlp, type Parameters } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { curvatureOf, minimize } from "../../train/index.ts";
import { flatChannels } from "../critical/index.ts";
import { type ComputedPoint, type PathMethod, type PermutationPath, permutationPath } from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

const samples = 40;

/** A number of one input, at normal places. */
function taskOf(f: (x: number) => number): Dataset {
  const inputs = normal(rngKey(1), [samples, 1], { dtype: "float64" });
  const split = { inputs, targets: fromNumbers("float64", [...inputs.data].map(f), [samples, 1]) };
  const normalization = { mean: [0], deviation: [1] };
  const empty = { name: "line", task: "regression", classes: 0, sampleShape: [1] } as const;
  return { ...empty, normalization, train: split, test: split };
}

/** Units a tanh(w x + b), as [w, b, a]; without biases where these are all 0. */
function teacher(units: readonly (readonly [number, number, number])[]): Model & { readonly task: Dataset } {
  const bias = units.some(([, b]) => b !== 0);
  const network = mlp({ input: [1], widths: [units.length], outputs: 1, activation: "tanh", bias });
  const column = (k: 0 | 1 | 2) => units.map((unit) => unit[k]);
  const biases = { "layers.0.bias": fromNumbers("float64", column(1)), "layers.1.bias": fromNumbers("float64", [0]) };
  const parameters: Parameters = {
    "layers.0.weight": fromNumbers("float64", column(0), [units.length, 1]),
    "layers.1.weight": fromNumbers("float64", column(2), [1, units.length]),
    ...(bias && biases),
  };
  return {
    network,
    parameters,
    task: taskOf((x) => units.reduce((sum, [w, b, a]) => sum + a * Math.tanh(w * x + b), 0)),
  };
}

async function walk({ task, ...model }: ReturnType<typeof teacher>, method: PathMethod) {
  const computed: ComputedPoint[] = [];
  const steps = permutationPath(model, task, { layer: 0, units: [0, 1], engine, method, steps: 20 });
  for (;;) {
    const next = await steps.next();
    if (next.done) return { computed, path: next.value satisfies PermutationPath };
    computed.push(next.value);
  }
}

describe("two units with outgoing weights of different signs", () => {
  const [withBiases, without] = [
    teacher([
      [2, 0, 1],
      [1, -1, -0.5],
    ]),
    teacher([
      [2, 0, 1],
      [0.5, 0, -0.5],
    ]),
  ];
  it.each([
    ["strict", withBiases],
    ["greedy", withBiases],
    ["strict", without],
    ["greedy", without],
  ] as const)("leave by the %s method a channel to infinity for the best single unit", async (method, model) => {
    const { computed, path } = await walk(model, method);
    expect(path.converged).toBe(true);
    expect(path.branchChanges.map(({ kind, distance }) => [kind, distance])).toEqual([["channel", 0]]);
    const products = computed.slice(-4, -1).map(({ distance, parameters }) => {
      const [a, b] = toNumbers(parameters["layers.1.weight"] as Tensor);
      return distance * ((a as number) - (b as number));
    });
    expect((products[2] as number) / (products[0] as number)).toBeCloseTo(1, method === "strict" ? 3 : 1);
    const last = computed.at(-2) as ComputedPoint;
    const channels = flatChannels(
      { ...model, parameters: last.parameters },
      { layer: 0, norm: 10, cosineDistance: 0.01 },
    );
    expect(channels.map(({ units }) => units)).toEqual([[0, 1]]);
    const single = mlp({ ...(model.network.description as object), input: [1], widths: [1], outputs: 1 });
    await using curvature = await curvatureOf(single, model.task, { engine });
    const starts = [1, 2, 3].map((w) => new Float64Array(curvature.size).fill(0.1).with(0, w));
    const minima = await minimize(curvature, starts);
    expect(path.permutationPoint.loss).toBeCloseTo(Math.min(...minima.map(({ loss }) => loss)), 14);
  });
});

describe("two units with outgoing weights of one sign", () => {
  it("come to their permutation point on one branch", async () => {
    const { path } = await walk(
      teacher([
        [1.5, 0, 1],
        [0.8, 0.3, 0.9],
      ]),
      "strict",
    );
    expect(path).toMatchObject({ converged: true, branchChanges: [] });
    expect(path.permutationPoint.gradientNorm).toBeLessThan(1e-12);
  });
});
