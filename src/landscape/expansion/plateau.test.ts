import { afterAll, describe, expect, it } from "vitest";
import { expansionSubspaces } from "../../counting/index.ts";
import { teacherStudent } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import { initializeParameters, type Model, mlp, type Parameters } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import {
  fold,
  fromNumbers,
  isLazy,
  lazyTensor,
  normal,
  rngKey,
  shelf,
  type Tensor,
  toNumbers,
} from "../../tensor/index.ts";
import { evaluate } from "../../train/index.ts";
import { connect, expand, hiddenLayer, inTypesOf, type PlateauPath, pathDeviations, plateauWalk } from "./index.ts";
import { checkLength, layerWeights, type Step } from "./layer-walk.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

const key = rngKey(3);
/** Outgoing weights are added and taken apart again; measured below 5e-16. */
const rounding = 1e-14;

/** The best point of width 3 for the published toy, as printed: its third unit is then doubled. */
const narrow: Model = {
  network: mlp({ input: 2, widths: [3], outputs: 1, activation: "sigmoid", bias: false }),
  parameters: {
    "layers.0.weight": fromNumbers(
      "float64",
      [0.555236299, 0.444106252, -0.461138905, 0.444506372, -0.046942232, -0.569965132],
      [3, 2],
    ),
    "layers.1.weight": fromNumbers("float64", [1.01595073, 1.025100305, 1.95890899], [1, 3]),
  },
};
const point = expand(narrow, [{ layer: 0, roles: [0, 1, 2, 2] }], { key });

/** The units of a network with one hidden layer, each as its weights. */
function unitsOf(parameters: Parameters): number[][] {
  const [weights, outgoing] = ["layers.0.weight", "layers.1.weight"].map((name) => parameters[name] as Tensor) as [
    Tensor,
    Tensor,
  ];
  const [units = 0, inputs = 0] = weights.shape;
  const outputs = outgoing.shape[0] as number;
  return Array.from({ length: units }, (_, unit) => [
    ...toNumbers(weights).subarray(unit * inputs, (unit + 1) * inputs),
    ...(parameters["layers.0.bias"] ? [toNumbers(parameters["layers.0.bias"])[unit] as number] : []),
    ...Array.from({ length: outputs }, (_, output) => toNumbers(outgoing)[output * units + unit] as number),
  ]);
}

/** Checks that a segment changes nothing but what it says, and that a unit that slides is silent. */
function checkSegments({ corners, segments }: PlateauPath, outputs: number): void {
  expect(corners).toHaveLength(segments.length + 1);
  for (const [i, { changes, units }] of segments.entries()) {
    const [before, after] = [unitsOf(corners[i] as Parameters), unitsOf(corners[i + 1] as Parameters)];
    for (const [unit, own] of before.entries()) {
      const [from, to] = [own, after[unit] as number[]];
      const split = from.length - outputs;
      if (changes === "incoming") expect(to.slice(split)).toEqual(from.slice(split));
      else expect(to.slice(0, split).map((x, at) => Math.abs(x - (from[at] as number)) < 1e-12)).not.toContain(false);
      if (!units.includes(unit)) expect(to).toEqual(from);
      else if (changes === "incoming") expect(from.slice(split)).toEqual(new Array(outputs).fill(0));
    }
  }
}

describe("plateauWalk", () => {
  const toy = teacherStudent();
  const data = toy.train.inputs as Tensor;

  it("goes through all 24 numberings of the published toy in 73 segments at constant loss", async () => {
    const walk = plateauWalk(point, { layer: 0, units: [3, 2], to: "all" });
    expect(walk.segments).toHaveLength(73);
    checkSegments(walk, 1);
    expect(Math.max(...(await pathDeviations(point.network, walk, { engine, key, data })))).toBeLessThan(rounding);
    const losses = await evaluate(point.network, walk.corners, toy, { engine, split: "train" });
    expect(losses[0]?.loss).toBeCloseTo(1.012946289061e-5, 12);
    for (const { loss } of losses) expect(Math.abs(loss - (losses[0]?.loss as number))).toBeLessThan(1e-18);
    // With unit 3 as the hole, the placements of the other three and the hole.
    const names = unitsOf(walk.corners[0] as Parameters).map(([x]) => x);
    const placements = walk.corners
      .filter((_, i) => i > 0 && walk.segments[i - 1]?.changes === "outgoing")
      .map((corner) =>
        unitsOf(corner)
          .map(([x, , a]) => (a === 0 ? "hole" : names.indexOf(x)))
          .join(),
      );
    expect(new Set(placements).size).toBe(24);
  });

  it("ends at the renumbered network, bit by bit", () => {
    const units = unitsOf(point.parameters);
    for (const to of [
      [3, 1, 0, 2],
      [1, 0, 2, 3],
      [1, 2, 3, 0],
      [0, 1, 3, 2],
      [0, 1, 2, 3],
    ]) {
      for (const pair of [
        [2, 3],
        [3, 2],
      ] as const) {
        const walk = plateauWalk(point, { layer: "layers.0", units: pair, to });
        checkSegments(walk, 1);
        expect(unitsOf(walk.corners.at(-1) as Parameters)).toEqual(to.map((unit) => units[unit]));
      }
    }
  });

  it("takes c - 1 moves for a cycle with the hole and c + 1 for another", () => {
    const moves = (to: readonly number[]) =>
      plateauWalk(point, { layer: 0, units: [2, 3], to }).segments.filter(({ changes }) => changes === "outgoing")
        .length - 2;
    expect(moves([0, 3, 2, 1])).toBe(1);
    expect(moves([1, 3, 2, 0])).toBe(2);
    expect(moves([1, 0, 2, 3])).toBe(3);
    expect(moves([1, 2, 0, 3])).toBe(4);
    expect(moves([0, 1, 2, 3])).toBe(0);
  });

  it("refuses units that differ, that are not there, and what is no numbering", () => {
    const walk = (change: object) => () => plateauWalk(point, { layer: 0, units: [2, 3], to: [3, 1, 0, 2], ...change });
    const distance = Math.hypot(0.555236299 + 0.461138905, 0.444106252 - 0.444506372).toPrecision(4);
    expect(walk({ units: [0, 1] })).toThrow(
      `layer "layers.0", units 0 and 1: expected equal incoming weights, got ones at a distance of ${distance}; go to a permutation point first with orbifold path swap`,
    );
    expect(walk({ units: [0, 4] })).toThrow("expected two units from 0 to 3, got 0 and 4");
    expect(walk({ units: [2, 2] })).toThrow("expected two different units, got 2 twice");
    expect(walk({ to: [0, 1, 2] })).toThrow("expected each unit from 0 to 3 once, got 0,1,2");
    expect(walk({ to: [0, 1, 2, 2] })).toThrow("once");
  });

  it("refuses ways that are too long to be kept", () => {
    const network = mlp({ input: 1, widths: [9], outputs: 1000, bias: false });
    const parameters = {
      "layers.0.weight": fromNumbers("float64", new Array(9).fill(1), [9, 1]),
      "layers.1.weight": fromNumbers("float64", new Array(9000).fill(1), [1000, 9]),
    };
    const around = () => plateauWalk({ network, parameters }, { layer: 0, units: [0, 1], to: "all" });
    expect(around).toThrow("expected at most 8 units to go through all numberings, got 9");
    const layer = hiddenLayer(network, 0);
    const step: Step = { changes: "incoming", units: [0], weights: layerWeights(layer, parameters) };
    // 2 ** 27 / (9 units of 2 sites each, 1000 outgoing weights)
    const steps = (count: number) => () => checkLength(layer, new Array(count).fill(step));
    expect(steps(131_844)).not.toThrow();
    expect(steps(131_845)).toThrow('layer "layers.0": expected a walk of at most 131844 steps, which fill the memory');
  });
});

describe("pathDeviations", () => {
  it("sees a hill between two ends of the same function", async () => {
    const network = mlp({ input: 1, widths: [1], outputs: 1, activation: "tanh", bias: false });
    const at = (sign: number): Parameters => ({
      "layers.0.weight": fromNumbers("float64", [sign], [1, 1]),
      "layers.1.weight": fromNumbers("float64", [2 * sign], [1, 1]),
    });
    const path: PlateauPath = {
      corners: [at(1), at(1), at(-1)],
      segments: [
        { layer: "layers.0", changes: "outgoing", units: [0] },
        { layer: "layers.0", changes: "incoming", units: [0] },
      ],
    };
    expect(await pathDeviations(network, path, { engine, key })).toEqual([0, 1]);
  });

  it("fetches corners as it comes to them, and says how far it is", async () => {
    const walk = plateauWalk(point, { layer: 0, units: [3, 2], to: [3, 1, 0, 2] });
    expect(walk.corners.flatMap((corner) => Object.values(corner)).every(isLazy)).toBe(true);
    const fetched = new Set<number>();
    const watched = walk.corners.map((corner, i) => {
      const fetch = ([name, { dtype, shape, data }]: [string, Tensor]) => {
        const load = () => {
          fetched.add(i);
          return data;
        };
        return [name, lazyTensor({ dtype, shape, load }, shelf())];
      };
      return Object.fromEntries(Object.entries(corner).map(fetch));
    });
    const runs: number[] = [];
    const watching: Engine = {
      ...engine,
      compile: async (outputs) => {
        const program = await engine.compile(outputs);
        const run: typeof program.run = (feeds) => {
          runs.push(Math.max(0, ...fetched));
          return program.run(feeds);
        };
        return { ...program, run };
      },
    };
    const progress: number[][] = [];
    const found = await pathDeviations(
      point.network,
      { ...walk, corners: watched },
      { engine: watching, key, onProgress: (...at) => progress.push(at) },
    );
    expect(progress).toEqual(walk.segments.map((_, i) => [i + 1, walk.segments.length]));
    // Four points of each segment, when the corners up to its end are all that was fetched.
    expect(runs).toEqual([0, ...walk.segments.flatMap((_, i) => new Array(4).fill(i + 1))]);
    expect(found).toEqual(await pathDeviations(point.network, walk, { engine, key }));
  });
});

describe("connect", () => {
  const network = mlp({ input: 2, widths: [2], outputs: 2, activation: "tanh" });
  const drawn = (seed: number, of = network) =>
    Object.fromEntries(
      of.parameters.map(({ name, shape }) => [name, normal(fold(rngKey(seed), name), shape, { dtype: "float64" })]),
    );
  const minimal: Model = { network, parameters: drawn(1) };
  const placed = (roles: readonly number[], model = minimal) =>
    expand(model, [{ layer: 0, roles, split: "random" }], { key: fold(key, roles.join()) });

  it("joins any two subspaces of one unit more at constant function", async () => {
    const points = [...expansionSubspaces(2, 3)].map((roles) => placed(roles));
    expect(points).toHaveLength(12);
    const joined = points.flatMap((a) =>
      points.map((b) => ({ a, b, path: connect(a.network, [a.parameters, b.parameters], { layer: 0 }) })),
    );
    for (const { b, path } of joined) {
      checkSegments(path, 2);
      const end = unitsOf(path.corners.at(-1) as Parameters).flat();
      for (const [i, x] of unitsOf(b.parameters).flat().entries()) expect(end[i]).toBeCloseTo(x, 13);
    }
    const some = joined.filter((_, i) => i % 13 === 5);
    for (const { a, path } of some) {
      expect(Math.max(...(await pathDeviations(a.network, path, { engine, key, probes: 3 })))).toBeLessThan(rounding);
    }
  });

  it("needs a unit more to exchange two", () => {
    const [a, b] = [placed([0, 1]), placed([1, 0])];
    expect(() => connect(network, [a.parameters, b.parameters], { layer: 0 })).toThrow(
      "expected more units than the minimal network has, got 2",
    );
    expect(connect(network, [a.parameters, a.parameters], { layer: 0 }).segments).toEqual([]);
  });

  it("takes the rounding of float32 for what it is", async () => {
    const small = { network, parameters: inTypesOf(initializeParameters(network, key), minimal.parameters) };
    const [a, b] = [placed([0, 1, 2, 2, 2], small), placed([2, 0, 0, 0, 1], small)];
    const path = connect(a.network, [a.parameters, b.parameters], { layer: 0 });
    checkSegments(path, 2);
    // Sums of a few rounded weights.
    expect(Math.max(...(await pathDeviations(a.network, path, { engine, key, probes: 3 })))).toBeLessThan(1e-6);
    const wide = { ...a.parameters, "layers.1.weight": (b.parameters as Parameters)["layers.1.weight"] as Tensor };
    expect(() => connect(a.network, [wide, b.parameters], { layer: 0 })).toThrow("expected two expansions");
  });

  describe("of several layers", () => {
    const deep = mlp({ input: 2, widths: [2, 3, 2], outputs: 2, activation: "tanh" });
    const teacher: Model = { network: deep, parameters: drawn(4, deep) };
    /** Widened layer after layer in some order, which decides what is split alike in all copies. */
    const spread = (roles: readonly (readonly number[])[], order: readonly number[]) =>
      expand(
        teacher,
        order.map((layer) => ({ layer, roles: roles[layer] as readonly number[], split: "random" })),
        { key: fold(key, order.join()) },
      );
    /** With units that cancel each other for all but such units of the next layer. */
    const from = spread(
      [
        [0, 1, 2, 2],
        [0, 1, 2, 3, 3],
        [1, 0, 2],
      ],
      [0, 1, 2],
    );

    it.each([
      [
        [
          [1, 0, 0, 0],
          [2, 2, 0, 1, 3],
          [0, 1, 2],
        ],
        [2, 1, 0],
      ],
      [
        [
          [2, 2, 1, 0],
          [2, 0, 3, 1, 3],
          [0, 0, 1],
        ],
        [1, 0, 2],
      ],
    ])("joins %j at constant function", async (roles, order) => {
      const to = spread(roles, order);
      const path = connect(from.network, [from.parameters, to.parameters]);
      expect(path.corners).toHaveLength(path.segments.length + 1);
      expect(new Set(path.segments.map(({ layer }) => layer))).toEqual(new Set(["layers.0", "layers.1", "layers.2"]));
      expect(path.corners[0]).toEqual(from.parameters);
      expect(path.corners.at(-1)).toEqual(to.parameters);
      expect(Math.max(...(await pathDeviations(from.network, path, { engine, key, probes: 3 })))).toBeLessThan(1e-13);
    });

    it("needs a unit more in every layer that is renumbered", () => {
      const [a, b] = [
        spread(
          [
            [0, 1, 1],
            [0, 1, 2],
            [0, 1],
          ],
          [0, 1, 2],
        ),
        spread(
          [
            [0, 1, 1],
            [1, 0, 2],
            [0, 1],
          ],
          [0, 1, 2],
        ),
      ];
      expect(() => connect(a.network, [a.parameters, b.parameters])).toThrow(
        'layer "layers.1": expected more units than the minimal network has, got 3',
      );
      expect(connect(a.network, [a.parameters, a.parameters]).corners.at(-1)).toEqual(a.parameters);
      const other = { ...a.parameters, "layers.3.bias": fromNumbers("float64", [3, 4]) };
      expect(() => connect(a.network, [a.parameters, other])).toThrow(
        /^layers.3.bias: .*; reduce both and compare them$/,
      );
    });
  });

  it("says where another layer than the one that is named differs too", () => {
    const two = mlp({ input: 2, widths: [2, 2], outputs: 1, activation: "tanh" });
    const wide = (roles: readonly number[], split: readonly number[]) =>
      expand(
        { network: two, parameters: drawn(5, two) },
        [
          { layer: 0, roles: [0, 1, 1] },
          { layer: 1, roles, split },
        ],
        { key },
      );
    const [a, b, c] = [wide([0, 1, 1], [1, 0.5, 0.5]), wide([0, 1, 1], [1, 0.2, 0.8]), wide([1, 0, 1], [0.5, 1, 0.5])];
    expect(() => connect(a.network, [a.parameters, c.parameters], { layer: 0 })).toThrow(
      /^layers.1.bias: .*; connect without naming a layer, where others differ too$/,
    );
    expect(connect(a.network, [a.parameters, b.parameters], { layer: 1 }).segments.length).toBeGreaterThan(0);
  });

  it("refuses points that differ beside the layer", () => {
    const { network: wide, parameters } = placed([0, 1, 1]);
    const other = { ...parameters, "layers.1.bias": fromNumbers("float64", [3, 4]) };
    expect(() => connect(wide, [parameters, other], { layer: 0 })).toThrow(
      /^layers.1.bias: expected the same at both ends, got tensors at a distance of .*; connect without naming a layer, where others differ too$/,
    );
  });

  it("refuses the expansion of another network", () => {
    const [a, b] = [placed([0, 1, 1]), placed([0, 1, 1], { network, parameters: drawn(2) })];
    expect(() => connect(a.network, [a.parameters, b.parameters], { layer: 0 })).toThrow(
      "expected two expansions of one minimal network",
    );
  });
});
