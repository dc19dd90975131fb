import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { initializeParameters, type MlpOptions, mlp, type Network, type Parameters } from "../../nets/index.ts";
import {
  act,
  compose,
  discoverSymmetry,
  type GroupElement,
  identity,
  inverse,
  randomElement,
  type SymmetryGroup,
} from "../../symmetry/index.ts";
import { convert, fold, fromNumbers, normal, rngKey, toNumbers } from "../../tensor/index.ts";
import { innerProduct } from "../matching/match.ts";
import { average, mergeAligned } from "../merging/merge.ts";
import { matchWeights } from "../weights/match-weights.ts";
import { matchCycleConsistently } from "./match-cycle-consistently.ts";
import { mergeMany } from "./merge-many.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

const methods = [
  ["cycle-consistent", matchCycleConsistently],
  ["merge-many", mergeMany],
] as const;

function independent(network: Network, count: number, seed: number): Parameters[] {
  return Array.from({ length: count }, (_, i) => randomParameters(network, fold(rngKey(seed), "model", i)));
}

function noisy(parameters: Parameters, deviation: number, seed: number): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, tensor]) => {
      const { data } = normal(fold(rngKey(seed), name), tensor.shape, { dtype: "float64", deviation });
      const values = Float64Array.from(toNumbers(tensor), (x, i) => x + (data[i] as number));
      return [name, fromNumbers(tensor.dtype, values, tensor.shape)];
    }),
  );
}

function pairwise(group: SymmetryGroup, models: readonly Parameters[]): number {
  const names = Object.keys(group.layouts);
  return models.reduce((sum, b, i) => models.slice(0, i).reduce((all, a) => all + innerProduct(a, b, names), sum), 0);
}

/** Every permutation of 0..n-1. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) => Array.from({ length: n }, (_, at) => rest.toSpliced(at, 0, n - 1)));
}

/** The largest objective of three networks with one set of units, by trying every permutation and sign of two of them. */
function bestOfAll(group: SymmetryGroup, models: readonly Parameters[]): number {
  const size = group.factors[0]?.size as number;
  const signs = group.generators.findIndex(({ kind }) => kind === "sign");
  const still = identity(group);
  const flips = Array.from({ length: signs < 0 ? 1 : 2 ** size }, (_, bits) =>
    Float64Array.from({ length: size }, (_, i) => ((bits >> i) & 1 ? -1 : 1)),
  );
  const elements = permutations(size).flatMap((units) =>
    flips.map((flip) => ({
      permutations: [Int32Array.from(units)],
      scales: still.scales.map((ones, i) => (i === signs ? flip : ones)),
    })),
  );
  const flat = (parameters: Parameters) =>
    Float64Array.from(Object.keys(group.layouts).flatMap((name) => [...toNumbers(parameters[name] as never)]));
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, each, i) => sum + each * (y[i] as number), 0);
  const first = flat(models[0] as Parameters);
  const [second, third] = [1, 2].map((i) =>
    elements.map((element) => flat(act(group, element, models[i] as Parameters))),
  ) as [Float64Array[], Float64Array[]];
  const toFirst = third.map((z) => dot(first, z));
  return Math.max(
    ...second.map((y) => dot(first, y) + Math.max(...third.map((z, k) => (toFirst[k] as number) + dot(y, z)))),
  );
}

describe.each(methods)("%s matching", (name, match) => {
  it.each([
    ["permutations", { input: [3], widths: [4], outputs: 2 }],
    ["signed permutations", { input: [3], widths: [3], outputs: 2, activation: "tanh" }],
  ] as const)("never exceeds the best of all %s, and mostly reaches it", async (_, options: MlpOptions) => {
    const network = mlp(options);
    const group = discoverSymmetry(network);
    let reached = 0;
    for (let seed = 0; seed < 5; seed++) {
      const models = independent(network, 3, seed);
      const best = bestOfAll(group, models);
      const { objective } = await match(models, group, { engine, key: rngKey(seed), restarts: 6 });
      expect(objective.after).toBeLessThanOrEqual(best + 1e-9);
      expect(objective.bound).toBeGreaterThanOrEqual(best);
      if (objective.after > best - 1e-9) reached++;
    }
    expect(reached).toBeGreaterThanOrEqual(4);
  });

  it.each(["relu", "tanh"] as const)(
    "recovers networks that were renumbered, under noise and with %s",
    async (activation) => {
      const network = mlp({ input: [12], widths: [20, 16], outputs: 4, activation });
      const group = discoverSymmetry(network);
      const models = Array.from({ length: 4 }, (_, i) => noisy(randomParameters(network, rngKey(1)), 0.05, i));
      const planted = models.map((_, i) => withoutScales(group, randomElement(group, rngKey(i), { spread: 1 })));
      const shuffled = models.map((model, i) => act(group, planted[i] as GroupElement, model));
      const { elements, parents, parameters } = await match(shuffled, group, { engine, key: rngKey(3) });
      for (const [i, element] of elements.entries()) {
        const back = compose(group, planted[0] as GroupElement, inverse(group, planted[i] as GroupElement));
        expect(element).toEqual(back);
      }
      expect(parents).toEqual(models.map((model) => act(group, planted[0] as GroupElement, model)));
      expect(parameters).toEqual(average(parents));
    },
  );

  it.each(["vit", "gpt2", "resnet20"])("recovers renumbered copies of %s, heads included", async (known) => {
    const { network } = architectures.find((each) => each.name === known) as (typeof architectures)[number];
    const group = discoverSymmetry(network);
    const a = randomParameters(network, rngKey(2));
    const models = [1, 2, 3].map((seed) =>
      act(group, withoutScales(group, randomElement(group, rngKey(seed), { spread: 1 })), a),
    );
    const { objective } = await match(models, group, { engine, key: rngKey(2) });
    expect(objective.after).toBeCloseTo(3 * innerProduct(a, a, Object.keys(group.layouts)), 8);
  });

  it("gives the same bytes for the same key, and leaves the first network as it is", async () => {
    const network = mlp({ input: [6], widths: [8, 7], outputs: 3 });
    const group = discoverSymmetry(network);
    const models = [1, 2, 3].map((seed) => initializeParameters(network, rngKey(seed)));
    const options = { engine, key: rngKey(4), restarts: 5 };
    const one = await match(models, group, options);
    expect(await match(models, group, options)).toEqual(one);
    expect(one.parents[0]).toEqual(models[0]);
    expect(one.elements[0]).toEqual(identity(group));
    expect(one.objective.after).toBeCloseTo(pairwise(group, one.parents), 6);
    expect(one.objective.before).toBeCloseTo(pairwise(group, models), 6);
    expect(Math.max(...one.starts.map(({ objective }) => objective))).toBeCloseTo(one.objective.after, 4);
    expect(new Set(one.starts.slice(1).map(({ objective }) => objective.toFixed(4))).size).toBeGreaterThan(1);
    expect(one.pairs.map(({ a, b }) => [a, b])).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
  });

  it("keeps half precision, and weighs the mean as told", async () => {
    const network = mlp({ input: [6], widths: [8], outputs: 3 });
    const group = discoverSymmetry(network);
    const models = [1, 2].map((seed) =>
      Object.fromEntries(
        Object.entries(initializeParameters(network, rngKey(seed))).map(([name, each]) => [
          name,
          convert(each, "float16"),
        ]),
      ),
    );
    const { parents, parameters } = await match(models, group, { engine, key: rngKey(0), weights: [3, 1] });
    expect(parameters).toEqual(average(parents, [3, 1]));
    expect(Object.values(parameters).every(({ dtype }) => dtype === "float16")).toBe(true);
  });

  it("refuses what it cannot match, and stops when it is told to", async () => {
    const network = mlp({ input: [6], widths: [8], outputs: 3 });
    const group = discoverSymmetry(network);
    const models = independent(network, 3, 1);
    const options = { engine, key: rngKey(0) };
    const bad = { ...models[2], "layers.0.bias": fromNumbers("float64", new Array(8).fill(Number.NaN)) };
    await expect(match([...models.slice(0, 2), bad], group, options)).rejects.toThrow(
      /^layers.0.bias: expected finite numbers in network 3 of 3, got NaN or infinity;/,
    );
    await expect(match(models, group, { ...options, restarts: 0 })).rejects.toThrow("restarts: expected at least 1");
    await expect(match(models, group, { ...options, weights: [1] })).rejects.toThrow("expected 3 numbers");
    await expect(match([], group, options)).rejects.toThrow("weights");
    await expect(match(models, group, { ...options, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });

  it("tells how far it is", async () => {
    const network = mlp({ input: [6], widths: [8], outputs: 3 });
    const stages = new Set<string>();
    const onProgress = ({ restart, stage }: { restart: number; stage: string }) => stages.add(`${restart} ${stage}`);
    await match(independent(network, 3, 1), discoverSymmetry(network), { engine, key: rngKey(0), onProgress });
    const relaxed = name === "merge-many" ? [] : ["0 frank-wolfe", "1 frank-wolfe"];
    expect([...stages].sort()).toEqual(["0 ascent", ...relaxed.slice(0, 1), "1 ascent", ...relaxed.slice(1)]);
  });
});

function withoutScales(group: SymmetryGroup, { permutations, scales }: GroupElement): GroupElement {
  return {
    permutations,
    scales: scales.map((each, i) => (group.generators[i]?.kind === "sign" ? each : each.map(() => 1))),
  };
}

describe("cycle-consistent matching", () => {
  const chosen = architectures.filter(({ name }) => !/^(lenet|resnet18|resnet50|vgg)/.test(name));

  it.each(chosen.map(({ name, network }) => [name, network] as const))(
    "composes around a cycle, and improves, in %s",
    async (_, network) => {
      const group = discoverSymmetry(network);
      const models = independent(network, 3, 7);
      const { elements, objective, starts } = await matchCycleConsistently(models, group, {
        engine,
        key: rngKey(7),
        iterations: 2,
      });
      const [a, b, c] = elements as [GroupElement, GroupElement, GroupElement];
      const map = (to: GroupElement, from: GroupElement) => compose(group, inverse(group, to), from);
      expect(compose(group, map(a, c), compose(group, map(c, b), map(b, a)))).toEqual(identity(group));
      const moved = [a, b, c].map((element, i) => act(group, element, models[i] as Parameters));
      expect(pairwise(group, moved)).toBeCloseTo(objective.after, 9);
      expect(objective.after).toBeGreaterThanOrEqual(objective.before - 1e-9);
      for (const { objective: end, steps } of starts) {
        expect(end).toBeLessThanOrEqual(objective.after + 1e-9);
        expect(steps.length).toBeLessThanOrEqual(2);
      }
    },
  );

  it("is as good as matching two by their weights", async () => {
    const network = mlp({ input: [8], widths: [8, 8], outputs: 3 });
    const group = discoverSymmetry(network);
    let [pairs, cycles] = [0, 0];
    for (let seed = 0; seed < 5; seed++) {
      const [a, b] = independent(network, 2, seed) as [Parameters, Parameters];
      const options = { engine, key: rngKey(seed) };
      pairs += (await matchWeights(a, b, group, options)).objective.after;
      cycles += (await matchCycleConsistently([a, b], group, options)).objective.after;
    }
    expect(cycles).toBeGreaterThan(pairs);
  });

  it("finds more in all pairs of three networks than matching all to the first, on average over 10 seeds", async () => {
    const network = mlp({ input: [8], widths: [8, 8], outputs: 3 });
    const group = discoverSymmetry(network);
    let [first, ascent, cycle] = [0, 0, 0];
    for (let seed = 0; seed < 10; seed++) {
      const models = independent(network, 3, seed);
      const options = { engine, key: rngKey(seed), restarts: 1 };
      first += pairwise(group, (await mergeAligned(models, group, options)).parents) / 10;
      ascent += (await mergeMany(models, group, options)).objective.after / 10;
      cycle += (await matchCycleConsistently(models, group, options)).objective.after / 10;
    }
    expect(ascent).toBeGreaterThan(first * 1.05);
    expect(cycle).toBeGreaterThan(ascent);
  });
});
