import { afterAll, describe, expect, it } from "vitest";
import { expansionCount, expansionSubspaces, type Roles, rolesLabel, subspaceDimension } from "../../counting/index.ts";
import { teacherStudent, toyTeacher } from "../../data/index.ts";
import { grad, hessianVectorProduct, input, meanSquaredError } from "../../graph/index.ts";
import {
  activationNames,
  initializeParameters,
  lenet,
  type Model,
  mlp,
  type Network,
  type Parameters,
  resnet18,
  vgg11,
} from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { certifyModels, compareOrbits, discoverSymmetry } from "../../symmetry/index.ts";
import { elementCount, fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { compositions, compositionText, evenComposition, expand, parseComposition, reduce, rolesOf } from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

const key = rngKey(5);
/** Splitting weights and adding them up again rounds them; measured below 2e-15. */
const rounding = 1e-14;
/** Only what is equal but for rounding. */
const exactly = { angle: 1e-6, size: 1e-9 };

/** Parameters in general position; variances are positive. */
function drawn(network: Network, deviation = 1): Parameters {
  return Object.fromEntries(
    network.parameters.map(({ name, shape }) => {
      const value = normal(fold(key, name), shape, { dtype: "float64", deviation });
      const positive = () => fromNumbers("float64", toNumbers(value).map(Math.abs), shape);
      return [name, name.endsWith("running_var") ? positive() : value] as const;
    }),
  );
}

async function deviation(a: Model, b: Model): Promise<number> {
  return (await certifyModels(a, b, { engine, key, probes: 3 })).maxRelative;
}

/** Whether the reduced expansion is the network again, up to its symmetries. */
async function returns(model: Model, wide: Model): Promise<boolean> {
  const core = await reduce(wide, exactly);
  const sizes = ({ network }: Model) => network.parameters.map(({ shape }) => shape.join());
  expect(sizes(core)).toEqual(sizes(model));
  return compareOrbits(discoverSymmetry(model.network), model.parameters, core.parameters).sameOrbit;
}

describe("compositions", () => {
  /** Every labelled subspace, by putting the units of every composition into every order. */
  function labelled(minimal: number, width: number): Set<string> {
    const orders = permutations(width);
    const found = [...compositions(minimal, width)].flatMap((composition) => {
      const roles = rolesOf(composition);
      return orders.map((order) =>
        renamed(
          order.map((place) => roles[place] as number),
          minimal,
        ).join(),
      );
    });
    return new Set(found);
  }

  /** Zero-type groups in the order of their first units. */
  function renamed(roles: readonly number[], minimal: number): number[] {
    const names = [...new Set(roles.filter((role) => role >= minimal))];
    return roles.map((role) => (role < minimal ? role : minimal + names.indexOf(role)));
  }

  function permutations(n: number): number[][] {
    if (n === 0) return [[]];
    return permutations(n - 1).flatMap((order) => Array.from({ length: n }, (_, at) => order.toSpliced(at, 0, n - 1)));
  }

  it.each([
    [1, 1, 1],
    [1, 4, 37],
    [1, 5, 151],
    [2, 3, 12],
    [2, 5, 320],
    [3, 4, 60],
    [3, 5, 450],
    [4, 5, 360],
  ])("of %i units in %i make %i subspaces", (minimal, width, count) => {
    expect(labelled(minimal, width).size).toBe(count);
    expect(expansionCount(minimal, width)).toBe(BigInt(count));
  });

  it("come once each, whatever the order of the zero-type groups", () => {
    // The copies of r units, times the partitions of what is left: 1 + 1 + 2 + 3, and 4 + 3 + 2 * 2 + 3.
    for (const [minimal, width, count] of [
      [1, 4, 7],
      [2, 5, 14],
    ] as const) {
      const all = [...compositions(minimal, width)].map(compositionText);
      expect(all).toHaveLength(count);
      expect(new Set(all).size).toBe(count);
    }
  });

  it("are read as they are written", () => {
    const all = [...compositions(2, 5)];
    expect(all.map(compositionText)).toContain("2,1+1,1");
    for (const each of all) expect(parseComposition(compositionText(each))).toEqual(each);
    expect(() => parseComposition("2,,1")).toThrow("write it like 2,1,1+2");
    expect(() => rolesOf({ copies: [0, 1], zeroGroups: [] })).toThrow("expected whole numbers from 1, got 0");
    expect(evenComposition(3, 7)).toEqual({ copies: [3, 2, 2], zeroGroups: [] });
  });
});

describe("expand", () => {
  it.each(activationNames)("widens two layers with %s, and reduce undoes it", async (activation) => {
    const network = mlp({ input: 3, widths: [3, 2], outputs: 2, activation });
    const model = { network, parameters: drawn(network, 0.4) };
    const layers = [
      { layer: 0, roles: [0, 3, 1, 2, 0, 3, 4], split: "random" },
      { layer: "layers.1", roles: [2, 2, 0, 1, 1], split: "random" },
    ] as const;
    const wide = expand(model, layers, { key });
    expect(wide.network.description).toEqual({ ...network.description, widths: [7, 5] });
    expect(await deviation(model, wide)).toBeLessThan(rounding);
    expect(await returns(model, wide)).toBe(true);
  });

  it("puts a layer into every subspace of up to two units more", async () => {
    for (const minimal of [1, 2, 3]) {
      const network = mlp({ input: 2, widths: [minimal], outputs: 2, activation: "tanh" });
      const model = { network, parameters: drawn(network) };
      for (const width of [minimal, minimal + 1, minimal + 2]) {
        for (const composition of compositions(minimal, width)) {
          const wide = expand(model, [{ layer: "layers.0", roles: rolesOf(composition), split: "random" }], { key });
          expect(await deviation(model, wide)).toBeLessThan(rounding);
          const core = await reduce(wide, exactly);
          expect(core.network.description).toEqual(network.description);
          expect(await deviation(model, core)).toBeLessThan(rounding);
        }
      }
    }
  });

  it.each([
    ["channels before a dense layer", lenet({ input: [1, 16, 16] }), "conv2"],
    ["channels with batch norm", vgg11({ input: [3, 32, 32], width: 1, batchNorm: true, outputs: 2 }), "features.8"],
    ["the inside of a residual block", resnet18({ input: [3, 16, 16], width: 2, outputs: 2 }), "layer2.1.conv1"],
  ])("widens %s", async (_, network, layer) => {
    const model = { network, parameters: drawn(network, 0.3) };
    const size = network.parameters.find(({ name }) => name === `${layer}.weight`)?.shape[0] as number;
    const copies = Array.from({ length: size }, (_, unit) => (unit === 1 ? 3 : 1));
    const wide = expand(model, [{ layer, roles: rolesOf({ copies, zeroGroups: [2] }), split: "random" }], { key });
    expect(await deviation(model, wide)).toBeLessThan(rounding);
    const core = await reduce(wide, exactly);
    expect(core.network.parameters.map(({ shape }) => shape)).toEqual(network.parameters.map(({ shape }) => shape));
    expect(await deviation(model, core)).toBeLessThan(rounding);
  });

  it("keeps the types of the tensors", () => {
    const network = mlp({ input: 2, widths: [3], outputs: 1 });
    const parameters = initializeParameters(network, key);
    const wide = expand({ network, parameters }, [{ layer: 0, roles: [0, 1, 2, 2] }], { key });
    expect(Object.values(wide.parameters).map(({ dtype }) => dtype)).toEqual([
      "float32",
      "float32",
      "float32",
      "float32",
    ]);
    expect(wide.parameters["layers.1.weight"]?.shape).toEqual([1, 4]);
    expect(parameters["layers.1.weight"]?.shape).toEqual([1, 3]);
  });

  it("takes the incoming weights of zero-type groups, and any shares", () => {
    const network = mlp({ input: 2, widths: [1], outputs: 1, activation: "tanh" });
    const parameters = drawn(network);
    const roles = [0, 1, 0, 1];
    const options = { layer: "layers.0", roles, split: [0.3, 2, 0.7, -2], zeroIncoming: [[5, 6, 7]] };
    const wide = expand({ network, parameters }, [options], { key });
    const incoming = toNumbers(wide.parameters["layers.0.weight"] as Tensor);
    expect([...incoming.subarray(2, 4), ...incoming.subarray(6, 8)]).toEqual([5, 6, 5, 6]);
    expect(toNumbers(wide.parameters["layers.0.bias"] as Tensor)[3]).toBe(7);
    const [a = 0, b = 0, c = 0, d = 0] = toNumbers(wide.parameters["layers.1.weight"] as Tensor);
    const [whole = 0] = toNumbers(parameters["layers.1.weight"] as Tensor);
    expect([a / whole, c / whole]).toEqual([expect.closeTo(0.3, 12), expect.closeTo(0.7, 12)]);
    expect(b + d).toBe(0);
    const expandTo = (change: object) => () => expand({ network, parameters }, [{ ...options, ...change }], { key });
    expect(expandTo({ split: [0.3, 2, 0.6, -2] })).toThrow("those of copies with sum 1, got 0.3, 0.6");
    expect(expandTo({ zeroIncoming: [[5, 6]] })).toThrow("expected 1 of 3 numbers, got 1 of 2");
    expect(expandTo({ roles: [1, 1, 1, 1] })).toThrow("expected copies of all 1 units");
    expect(expandTo({ layer: "layers.7" })).toThrow('layer "layers.7": expected one of 0 (layers.0)');
  });

  it.each(["0,0,1", "0,1,2", "0,1,1,2", "0,0,1,2,2", "0,1,2,3", "2,0,3,1,2"])(
    "spans as many dimensions as %s has",
    (text) => {
      const roles = text.split(",").map(Number);
      const network = mlp({ input: 3, widths: [2], outputs: 2, activation: "tanh", bias: false });
      const model = { network, parameters: drawn(network) };
      const points = Array.from({ length: 24 }, (_, i) =>
        flat(expand(model, [{ layer: 0, roles, split: "random" }], { key: fold(key, i) }).parameters),
      );
      const zeroGroups = Math.max(...roles) - 1;
      const expected = subspaceDimension({ minimal: 2, width: roles.length, zeroGroups, inputs: 3, outputs: 2 });
      expect(rankOf(points.slice(1).map((point) => point.map((x, i) => x - (points[0]?.[i] as number))))).toBe(
        expected,
      );
    },
  );

  it("makes different points of different subspaces", () => {
    const network = mlp({ input: 2, widths: [2], outputs: 1, activation: "tanh" });
    const model = { network, parameters: drawn(network) };
    const all: Roles[] = [...expansionSubspaces(2, 4)];
    const points = all.map((roles) =>
      flat(expand(model, [{ layer: 0, roles, split: "random" }], { key }).parameters).join(),
    );
    expect(new Set(points).size).toBe(62);
    expect(new Set(all.map((roles) => rolesLabel(roles, 2))).size).toBe(62);
  });
});

function flat(parameters: Parameters): number[] {
  return Object.values(parameters).flatMap((value) => [...toNumbers(value)]);
}

/** By elimination with the largest pivots. */
function rankOf(rows: readonly (readonly number[])[]): number {
  const left = rows.map((row) => [...row]);
  let rank = 0;
  for (;;) {
    const sizes = left.map((row) => Math.max(...row.map(Math.abs)));
    const at = sizes.indexOf(Math.max(...sizes));
    if (left.length === 0 || (sizes[at] as number) < 1e-9) return rank;
    const [pivot] = left.splice(at, 1) as [number[]];
    const column = pivot.findIndex((x) => Math.abs(x) === sizes[at]);
    for (const row of left) {
      const factor = (row[column] as number) / (pivot[column] as number);
      for (let i = 0; i < row.length; i++) row[i] = (row[i] as number) - factor * (pivot[i] as number);
    }
    rank++;
  }
}

describe("the published toy, expanded", () => {
  const network = mlp({ input: 2, widths: [4], outputs: 1, activation: "sigmoid", bias: false });
  const parameters = {
    "layers.0.weight": fromNumbers("float64", toyTeacher.incoming.flat(), [4, 2]),
    "layers.1.weight": fromNumbers("float64", [...toyTeacher.outgoing], [1, 4]),
  };
  const { inputs, targets } = teacherStudent().train as { inputs: Tensor; targets: Tensor };

  /** Loss, gradient and the eigenvalues of the Hessian of the mean squared error on the grid. */
  async function atMinimum({ network: wide, parameters: weights }: Model) {
    const values = wide.parameters.map(({ name, shape }) => input(name, "float64", shape));
    const named = Object.fromEntries(values.map((value) => [value.attributes.name, value]));
    const loss = meanSquaredError(
      wide.apply(input("x", "float64", inputs.shape), named).output,
      input("y", "float64", targets.shape),
    );
    const directions = values.map(({ attributes: { name }, shape }) => input(`d ${name}`, "float64", shape));
    const products = hessianVectorProduct(loss, values, directions);
    const outputs = { loss, ...Object.fromEntries(products.map((value, i) => [`h${i}`, value])) };
    await using program = await engine.compile({
      ...outputs,
      ...Object.fromEntries(grad(loss, values).map((g, i) => [`g${i}`, g])),
    });
    const sizes = values.map(({ shape }) => elementCount(shape));
    const count = sizes.reduce((a, b) => a + b);
    const hessian: number[][] = [];
    let [value, slope] = [Number.NaN, Number.NaN];
    for (let i = 0; i < count; i++) {
      let start = 0;
      const unit = values.map(({ attributes: { name }, shape }, part) => {
        const size = sizes[part] as number;
        const data = Array.from({ length: size }, (_, j) => (start + j === i ? 1 : 0));
        start += size;
        return [`d ${name}`, fromNumbers("float64", data, shape)] as const;
      });
      const made = await program.run({ x: inputs, y: targets, ...weights, ...Object.fromEntries(unit) });
      const all = (what: string) => values.flatMap((_, part) => [...toNumbers(made[`${what}${part}`] as Tensor)]);
      hessian.push(all("h"));
      slope = Math.max(...all("g").map(Math.abs));
      value = toNumbers(made.loss as Tensor)[0] as number;
    }
    return { loss: value, slope, eigenvalues: jacobi(hessian) };
  }

  const expectMinimum = async (model: Model, { zero, largest }: { zero: number; largest: number }) => {
    const { loss, slope, eigenvalues } = await atMinimum(model);
    expect(loss).toBeLessThan(1e-28);
    expect(slope).toBeLessThan(1e-13);
    expect(eigenvalues.filter((x) => Math.abs(x) < 1e-11)).toHaveLength(zero);
    expect(Math.min(...eigenvalues)).toBeGreaterThan(-1e-13);
    expect(Math.max(...eigenvalues)).toBeCloseTo(largest, 11);
  };

  it("has three flat directions where a neuron is doubled", async () => {
    const split = [0.3, 0.7, 1, 1, 1];
    const wide = expand({ network, parameters }, [{ layer: 0, roles: [0, 0, 1, 2, 3], split }], { key });
    await expectMinimum(wide, { zero: 3, largest: 2.592251966846 });
  });

  it("has two flat directions where a silent neuron is added", async () => {
    const zeroIncoming = [[0.3, -0.2]];
    const wide = expand({ network, parameters }, [{ layer: 0, roles: [0, 1, 2, 3, 4], zeroIncoming }], { key });
    await expectMinimum(wide, { zero: 2, largest: 2.647339484408 });
  });
});

/** Eigenvalues of a symmetric matrix by rotations. */
function jacobi(matrix: readonly (readonly number[])[]): number[] {
  const a = matrix.map((row) => [...row]);
  const n = a.length;
  const at = (i: number, j: number) => a[i]?.[j] as number;
  const turn = (p: number, q: number) => {
    const angle = Math.atan2(2 * at(p, q), at(q, q) - at(p, p)) / 2;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    for (const row of a) {
      const [x, y] = [row[p] as number, row[q] as number];
      [row[p], row[q]] = [c * x - s * y, s * x + c * y];
    }
    const [x, y] = [a[p] as number[], a[q] as number[]];
    a[p] = x.map((each, i) => c * each - s * (y[i] as number));
    a[q] = x.map((each, i) => s * each + c * (y[i] as number));
  };
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) turn(p, q);
  }
  return a.map((row, i) => row[i] as number);
}
