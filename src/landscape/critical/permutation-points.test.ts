import { afterAll, describe, expect, it } from "vitest";
import { permutationPointCount } from "../../counting/index.ts";
import { teacherStudent } from "../../data/index.ts";
import { initializeParameters, type Model, mlp } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { rngKey } from "../../tensor/index.ts";
import { curvatureOf, flatten, layoutOf } from "../../train/index.ts";
import { lowestMinimum, pairedRoles, permutationPoints, reducedNetwork } from "./permutation-points.ts";

const engine = await nativeEngine({ threads: 1 });
const toy = teacherStudent();
afterAll(() => engine[Symbol.asyncDispose]());

/** Every list of `length` numbers below `base`. */
function* words(base: number, length: number): Generator<number[], void> {
  if (length === 0) return yield [];
  for (const rest of words(base, length - 1)) for (let last = 0; last < base; last++) yield [...rest, last];
}

function distinct(models: Iterable<Model>): { readonly all: number; readonly distinct: number } {
  const points = Array.from(models, ({ network, parameters }) => flatten(layoutOf(network), parameters).join());
  return { all: points.length, distinct: new Set(points).size };
}

function randomModel(widths: readonly number[]): Model {
  const network = mlp({ input: 2, widths, outputs: 1, activation: "tanh" });
  return { network, parameters: initializeParameters(network, rngKey(1), "float64") };
}

describe("the roles of pairs", () => {
  it.each([
    [4, 2, 6],
    [5, 2, 90],
    [6, 2, 1080],
    [6, 3, 90],
    [3, 0, 6],
  ])("of %i units with %i pairs are all %i maps with each unit once or twice", (width, pairs, count) => {
    const minimal = width - pairs;
    const found = [...pairedRoles(minimal, pairs)].map((roles) => roles.join());
    const expected = [...words(minimal, width)].filter((word) =>
      Array.from({ length: minimal }, (_, role) => word.filter((each) => each === role).length).every(
        (n) => n === 1 || n === 2,
      ),
    );
    expect(found.toSorted()).toEqual(expected.map((word) => word.join()).toSorted());
    expect(found).toHaveLength(count);
    expect(permutationPointCount([width], pairs)).toBe(BigInt(count));
  });
});

describe("permutation points of higher order", () => {
  it("over two layers are as many as the formula says, spread in every way", () => {
    const spreads = [
      [2, 0],
      [1, 1],
    ] as const;
    const counts = spreads.map(([first, second]) => {
      const reduced = randomModel([4 - first, 2 - second]);
      return distinct(
        permutationPoints(reduced, [
          { layer: 0, pairs: first },
          { layer: 1, pairs: second },
        ]),
      );
    });
    for (const count of counts) expect(count.distinct).toBe(count.all);
    expect(BigInt(counts.reduce((sum, count) => sum + count.distinct, 0))).toBe(permutationPointCount([4, 2], 2));
  });

  it("are critical points of the toy, at the loss of a minimum of the reduced network", async () => {
    const network = mlp({ input: 2, widths: [4], outputs: 1, activation: "sigmoid", bias: false });
    const layers = [{ layer: 0, pairs: 2 }];
    const reduced = reducedNetwork(network, layers);
    expect(reduced.description).toMatchObject({ widths: [2] });
    const { model, point } = await lowestMinimum(reduced, toy, { key: rngKey(2), starts: 3, engine });
    expect(point).toMatchObject({ stopped: "converged", index: { negative: 0 } });
    // The lowest of 40 runs of BFGS in SciPy.
    expect(point.loss).toBeCloseTo(5.67063929181e-3, 13);
    const points = [...permutationPoints(model, layers)];
    expect(distinct(points)).toEqual({ all: 6, distinct: 6 });
    await using curvature = await curvatureOf(network, toy, { engine });
    const slopes = await curvature.slopes(points.map(({ parameters }) => curvature.flatten(parameters)));
    for (const { loss, gradient } of slopes) {
      expect(Math.hypot(...gradient)).toBeLessThan(1e-15);
      expect(loss).toBeCloseTo(point.loss, 15);
    }
  });

  it("start from the lowest of the minima that are found", async () => {
    const network = mlp({ input: 2, widths: [4], outputs: 1, activation: "sigmoid", bias: false });
    const options = { key: rngKey(6), engine };
    const losses = [];
    for (const starts of [1, 2, 4]) losses.push((await lowestMinimum(network, toy, { ...options, starts })).point.loss);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    expect(losses.at(-1)).toBeLessThan(1e-25);
    expect(losses[0]).toBeGreaterThan(1e-6);
  });

  it("need as many units as pairs", () => {
    expect(() => [...permutationPoints(randomModel([2]), [{ layer: 0, pairs: 3 }])]).toThrow(
      'layer "layers.0": expected at most 2 pairs, as many as it has units, got 3',
    );
    expect(() => reducedNetwork(randomModel([5]).network, [{ layer: 0, pairs: 3 }])).toThrow(
      'layer "layers.0": expected at most 2 pairs among 5 units, got 3',
    );
  });
});
