import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { exhaustiveMatch, matchGreedily, matchWeights } from "../src/align/index.ts";
import { referenceEngine } from "../src/engine/index.ts";
import { input } from "../src/graph/index.ts";
import { linearPath } from "../src/landscape/index.ts";
import { initializeParameters, mlp, type Network, type Parameters } from "../src/nets/index.ts";
import { act, discoverSymmetry, type GroupElement, identity, randomElement } from "../src/symmetry/index.ts";
import { fold, fromNumbers, rngKey, type Tensor, toNumbers } from "../src/tensor/index.ts";

/** The networks of Git Re-Basin (arXiv 2209.04836), appendix A.6 and A.7, with what the paper says of them. */
const published = JSON.parse(readFileSync(new URL("golden/align/rebasin-nets.json", import.meta.url), "utf8"));

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

type Matrices = Readonly<Record<string, readonly number[] | readonly (readonly number[])[]>>;

/** The published matrices W1, b1, W2, ... as parameters; biases that are not given are zero. */
function parametersOf(network: Network, matrices: Matrices): Parameters {
  return Object.fromEntries(
    network.parameters.map(({ name, shape }) => {
      const [, layer, kind] = /layers\.(\d)\.(weight|bias)/.exec(name) as RegExpExecArray;
      const given = matrices[`${kind === "weight" ? "W" : "b"}${Number(layer) + 1}`] ?? [0];
      return [name, fromNumbers("float64", given.flat(), shape)];
    }),
  );
}

/** What a network computes of many points, one parameter set after another. */
async function evaluator(network: Network, points: readonly number[]) {
  const [size] = network.inputShape as [number];
  const x = fromNumbers("float64", points, [points.length / size, size]);
  const weights = network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)] as const);
  const { output } = network.apply(input("x", "float64", x.shape), Object.fromEntries(weights));
  const program = await engine.compile({ output });
  return async (parameters: Parameters) => toNumbers((await program.run({ ...parameters, x })).output as Tensor);
}

const swap = [1, 0];
const stay = [0, 1];
const unitsOf = ({ permutations }: GroupElement) => permutations.map((units) => [...units]);

describe("greedy against coordinate descent (A.7)", () => {
  const network = mlp({ input: [1], widths: [2, 2], outputs: 1, bias: false });
  const group = discoverSymmetry(network);
  const { epsilon, A, B, innerProducts } = published.greedyVersusDescent;
  const [a, b] = [parametersOf(network, A), parametersOf(network, B)];
  const movedBy = (permutations: readonly (readonly number[])[]) =>
    act(group, { ...identity(group), permutations: permutations.map((units) => Int32Array.from(units)) }, b);
  const product = (x: Parameters, y: Parameters) =>
    Object.keys(x).reduce((sum, name) => {
      const [p, q] = [toNumbers(x[name] as Tensor), toNumbers(y[name] as Tensor)];
      return sum + p.reduce((total, each, i) => total + each * (q[i] as number), 0);
    }, 0);
  /** The slope of the network half-way, which is linear on positive numbers. */
  async function slopeHalfWay(other: Parameters): Promise<number> {
    const f = await evaluator(network, [1, 2]);
    const [one, two] = await f(linearPath(a, other)(0.5));
    expect(two).toBeCloseTo(2 * (one as number), 12);
    return one as number;
  }

  it("has the four published inner products", () => {
    const found = Object.fromEntries(
      [
        ["I,I", [stay, stay]],
        ["I,swap", [stay, swap]],
        ["swap,I", [swap, stay]],
        ["swap,swap", [swap, swap]],
      ].map(([name, units]) => [name, product(a, movedBy(units as number[][]))]),
    );
    for (const [name, value] of Object.entries(innerProducts)) expect(found[name]).toBeCloseTo(value as number, 3);
  });

  it("a greedy pass moves nothing, and half of the function is lost half-way", async () => {
    // All cosines of the first layer are 1: it has no reason to move.
    const { element } = await matchGreedily(a, b, group, { engine });
    expect(unitsOf(element)).toEqual([stay, stay]);
    // The paper gives 0.5, which is the limit for small epsilon.
    expect(await slopeHalfWay(b)).toBeCloseTo((1 + (1 + epsilon) ** 2) / 4, 12);
    expect(await slopeHalfWay(b)).toBeCloseTo(0.5, 1);
  });

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    "coordinate descent from the identity swaps both layers, in the order of seed %d",
    async (seed) => {
      const { element, starts, parameters } = await matchWeights(a, b, group, { engine, key: rngKey(seed) });
      expect(unitsOf(element)).toEqual([swap, swap]);
      const fromIdentity = starts.find(({ start }) => start === "identity");
      expect(fromIdentity?.objective).toBeCloseTo(innerProducts["swap,swap"], 3);
      expect(await slopeHalfWay(parameters)).toBeCloseTo(1 + epsilon / 2, 12);
    },
  );
});

describe("two networks between which no permutation finds a way (A.6)", () => {
  const network = mlp({ input: [2], widths: [2, 2], outputs: 1 });
  const group = discoverSymmetry(network);
  const { A, B, minimumAccuracyOnPath } = published.noPermutationWorks;
  const [a, b] = [parametersOf(network, A), parametersOf(network, B)];
  const side = Array.from({ length: 100 }, (_, i) => (2 * i + 1) / 100 - 1);
  const points = side.flatMap((x1) => side.map((x2) => [x1, x2] as const));
  const labels = points.map(([x1, x2]) => x1 < 0 && x2 > 0);
  const steps = Array.from({ length: 101 }, (_, i) => i / 100);

  it("are both exact", async () => {
    const f = await evaluator(network, points.flat());
    for (const each of [a, b]) expect(Array.from(await f(each), (y) => y >= 0)).toEqual(labels);
  });

  it("an exhaustive search says so", async () => {
    const f = await evaluator(network, points.flat());
    const worstError = async (element: GroupElement) => {
      const path = linearPath(a, act(group, element, b));
      let worst = 0;
      for (const t of steps) {
        const y = await f(path(t));
        worst = Math.max(worst, y.filter((each, i) => each >= 0 !== labels[i]).length / labels.length);
      }
      return worst;
    };
    const { costs, suffices, cost } = await exhaustiveMatch(group, worstError, { tolerance: 0.01 });
    expect(suffices).toBe(false);
    const accuracies = costs.map((error) => 1 - error).sort();
    // The published numbers are of random samples.
    for (const [i, accuracy] of minimumAccuracyOnPath.entries())
      expect(Math.abs((accuracies[i] as number) - accuracy)).toBeLessThan(0.01);
    expect(1 - cost).toBe(accuracies.at(-1));
  });
});

describe("a network with one hidden layer", () => {
  const network = mlp({ input: [6], widths: [9], outputs: 4 });
  const group = discoverSymmetry(network);
  const [a, b] = [1, 2].map((seed) => initializeParameters(network, rngKey(seed), "float64")) as [
    Parameters,
    Parameters,
  ];

  it("is matched in one step, whatever the start", async () => {
    const { starts, objective, classes } = await matchWeights(a, b, group, { engine, key: rngKey(5), restarts: 6 });
    expect(starts.map(({ sweeps }) => sweeps)).toEqual([1, 1, 1, 1, 1, 1]);
    for (const start of starts) expect(start.objective).toBeCloseTo(objective.after, 10);
    expect(classes[0]?.gap).toBeLessThan(1e-9);
  });

  it("is recovered bit by bit from a shuffled copy", async () => {
    const shuffled = act(group, randomElement(group, fold(rngKey(6), "shuffle"), { spread: 1 }), a);
    expect(shuffled).not.toEqual(a);
    expect((await matchWeights(a, shuffled, group, { engine, key: rngKey(7) })).parameters).toEqual(a);
  });
});
