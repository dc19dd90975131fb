import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { initializeParameters, mlp, type Network, type Parameters, resnet18 } from "../../nets/index.ts";
import { act, compareOrbits, discoverSymmetry, identity, randomElement } from "../../symmetry/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, tensorBytes, toNumbers } from "../../tensor/index.ts";
import { innerProduct } from "../matching/match.ts";
import { matchGreedily } from "./match-greedily.ts";
import { matchWeights } from "./match-weights.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());
const key = rngKey(21);

function noisy(parameters: Parameters, part: number, seed: number): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, tensor]) => {
      const { data } = normal(fold(rngKey(seed), name), tensor.shape, { dtype: "float64" });
      const numbers = [...toNumbers(tensor)];
      const size = Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
      return [
        name,
        fromNumbers(
          tensor.dtype,
          numbers.map((x, i) => x + part * size * (data[i] as number)),
          tensor.shape,
        ),
      ];
    }),
  );
}

/** Llama's stream has signs of its own in every norm, which only all together restore. */
const withoutPlantedSigns = /^(llama|mobilenet)/;

describe.each(architectures.map(({ name, network }) => [name, network] as const))("matching %s", (name, network) => {
  const group = discoverSymmetry(network);
  const a = randomParameters(network, key);
  const planted = randomElement(group, fold(key, name), { spread: 1 });
  const still = identity(group);
  const element = withoutPlantedSigns.test(name) ? { ...planted, scales: still.scales } : planted;

  it("recovers a planted renumbering", async () => {
    const match = await matchWeights(a, act(group, element, a), group, { engine, key, restarts: 8 });
    expect(match.objective.after).toBeCloseTo(match.objective.bound, 8);
    expect(compareOrbits(group, a, match.parameters).sameOrbit).toBe(true);
  });
});

describe("planted residual networks", () => {
  const network = resnet18({ input: [3, 8, 8], outputs: 4, width: 4 });
  const group = discoverSymmetry(network);

  it.each([0, 0.1])("are recovered exactly under %d of noise, from every seed", async (noise) => {
    for (const seed of [1, 2, 3]) {
      const a = randomParameters(network, rngKey(seed));
      const planted = randomElement(group, fold(rngKey(seed), "planted"), { spread: 1 });
      const still = { ...planted, scales: identity(group).scales };
      const b = act(group, still, noisy(a, noise, seed));
      const { parameters } = await matchWeights(a, b, group, { engine, key: rngKey(seed) });
      expect(tensorBytes(parameters["fc.weight"] as Tensor)).toEqual(
        tensorBytes(noisy(a, noise, seed)["fc.weight"] as Tensor),
      );
    }
  });
});

/** Every permutation of 0..n-1. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) => Array.from({ length: n }, (_, at) => rest.toSpliced(at, 0, n - 1)));
}

function parametersOf(network: Network, values: readonly (readonly number[])[]): Parameters {
  return Object.fromEntries(
    network.parameters.map(({ name, shape }, i) => [name, fromNumbers("float64", [...(values[i] as number[])], shape)]),
  );
}

describe("known answers", () => {
  // Git Re-Basin (arXiv 2209.04836), appendix A.7, with epsilon 0.01.
  const network = mlp({ input: [1], widths: [2, 2], outputs: 1, activation: "gelu", bias: false });
  const group = discoverSymmetry(network);
  const a = parametersOf(network, [
    [1, 1.01],
    [1, 0, 0, 0.01],
    [1, 0],
  ]);
  const b = parametersOf(network, [
    [1, 1.01],
    [0, 0, 0, 1],
    [0, 1],
  ]);

  it("coordinate descent swaps both layers in any order", async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { element, objective } = await matchWeights(a, b, group, { engine, key: rngKey(seed) });
      expect(element.permutations.map((units) => [...units])).toEqual([
        [1, 0],
        [1, 0],
      ]);
      expect(objective.after).toBeCloseTo(4.02, 12);
    }
  });

  it("a greedy pass recovers a planted renumbering of layers that follow each other", async () => {
    const chain = mlp({ input: [5], widths: [7, 6], outputs: 3 });
    const own = discoverSymmetry(chain);
    const x = initializeParameters(chain, key, "float64");
    const { parameters } = await matchGreedily(x, act(own, randomElement(own, key, { spread: 1 }), x), own, { engine });
    expect(parameters).toEqual(x);
  });

  it("finds the best of all permutations of a small network", async () => {
    const small = mlp({ input: [3], widths: [4], outputs: 2, activation: "gelu" });
    const own = discoverSymmetry(small);
    const [x, y] = [1, 2].map((seed) => initializeParameters(small, rngKey(seed), "float64")) as [
      Parameters,
      Parameters,
    ];
    const names = Object.keys(own.layouts);
    const values = permutations(4).map((units) =>
      innerProduct(x, act(own, { ...identity(own), permutations: [Int32Array.from(units)] }, y), names),
    );
    const { objective } = await matchWeights(x, y, own, { engine, key });
    expect(objective.after).toBeCloseTo(Math.max(...values), 12);
    expect(objective.after).toBeLessThanOrEqual(objective.bound);
  });
});

describe("matching", () => {
  const network = mlp({ input: [6], widths: [8, 7], outputs: 3, activation: "tanh" });
  const group = discoverSymmetry(network);
  const [a, b] = [1, 2].map((seed) => initializeParameters(network, rngKey(seed))) as [Parameters, Parameters];

  it("gives the same bytes for the same key", async () => {
    const [one, other] = [
      await matchWeights(a, b, group, { engine, key }),
      await matchWeights(a, b, group, { engine, key }),
    ];
    expect(other).toEqual(one);
  });

  it("never makes the objective worse than at any of its starts", async () => {
    const { objective, starts } = await matchWeights(a, b, group, { engine, key, restarts: 5 });
    expect(objective.after).toBeGreaterThanOrEqual(objective.before);
    expect(objective.after).toBeCloseTo(Math.max(...starts.map((start) => start.objective)), 10);
  });

  it("refuses numbers that are not finite, in one line", async () => {
    const bad = { ...b, "layers.0.bias": fromNumbers("float32", new Array(8).fill(Number.NaN)) };
    await expect(matchWeights(a, bad, group, { engine, key })).rejects.toThrow(
      /^layers.0.bias: expected finite numbers in the second of both, got NaN or infinity;/,
    );
  });

  it("stops when it is told to", async () => {
    await expect(matchWeights(a, b, group, { engine, key, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});
