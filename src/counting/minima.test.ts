import { describe, expect, it } from "vitest";
import { groupGoldens } from "../../test/golden/counting/goldens.ts";
import { type Activation, activationNames } from "../nets/index.ts";
import { log10, orbitSize, orbitValue, type UnitLayer, unitSymmetries } from "./index.ts";

/** What every log10 promises. */
const sixDecimals = 1e-6;

const layersOf = (factors: readonly (readonly [number, number])[]): UnitLayer[] =>
  factors.flatMap(([width, multiplicity]) => new Array(multiplicity).fill({ width }));

const vgg16 = layersOf([
  [64, 2],
  [128, 2],
  [256, 3],
  [512, 6],
  [4096, 2],
]);

function expectClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThan(sixDecimals);
}

/** Every order of the numbers below n. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  const insert = (order: number[]) => Array.from({ length: n }, (_, at) => order.toSpliced(at, 0, n - 1));
  return permutations(n - 1).flatMap(insert);
}

describe("the orbit of a network", () => {
  it.each(groupGoldens.map((each) => [each.network, each] as const))("%s has the published size", (_, golden) => {
    const layers = layersOf(golden.factors);
    const size = orbitSize(layers, "relu");
    expectClose(size.log10, golden.log10);
    expectClose(log10(orbitValue(layers, "relu")), golden.log10);
    expect(size.factors.map(({ width, multiplicity }) => [width, multiplicity])).toEqual(golden.factors);
  });

  it.each([
    [[512, 512], 2641.337197],
    [[100], 188.073003],
    [[300, 100], 892.867805],
  ])("%j with an odd activation has the published size", (widths, expected) => {
    const layers = widths.map((width) => ({ width }));
    expectClose(orbitSize(layers, "tanh").log10, expected);
    expectClose(log10(orbitValue(layers, "sin")), expected);
  });

  it("is larger where residual ties are ignored", () => {
    const untied = layersOf([
      [64, 5],
      [128, 4],
      [256, 4],
      [512, 4],
    ]);
    expectClose(orbitSize(untied, "relu").log10, 8001.760269);
  });

  it("compares with tables that truncate layer by layer", () => {
    expect(orbitSize(vgg16, "relu").truncatedLog10).toBe(35160);
    expect(orbitSize(layersOf([[512, 3]]), "relu").truncatedLog10).toBe(3498);
  });

  it("is what renumbering and changing signs give, one by one", () => {
    for (const [units, activation] of [
      [["a", "b", "c", "d"], "relu"],
      [["a", "a", "b", "c"], "relu"],
      [["a", "a", "a", "b", "b"], "relu"],
      [["a", "b", "c"], "tanh"],
      [["a", "a", "b"], "tanh"],
    ] as const) {
      const signs = activation === "tanh" ? [...new Array(2 ** units.length).keys()] : [0];
      const images = permutations(units.length).flatMap((order) =>
        signs.map((bits) => order.map((from, to) => `${(bits >> to) & 1}${units[from]}`).join()),
      );
      const groups = [...Map.groupBy(units, (unit) => unit).values()].map(({ length }) => length);
      const layer = { width: units.length, identical: groups };
      expect(orbitValue([layer], activation)).toBe(BigInt(new Set(images).size));
      expectClose(orbitSize([layer], activation).log10, Math.log10(new Set(images).size));
    }
  });

  it("has a logarithm of six decimals for many layers of many widths", () => {
    const layers = Array.from({ length: 300 }, (_, i) => ({ width: 1 + ((37 * i) % 251) }));
    expectClose(orbitSize(layers, "tanh").log10, log10(orbitValue(layers, "tanh")));
  });

  it("of a network without hidden layers, or with one unit, is one point", () => {
    expect(orbitSize([], "relu")).toMatchObject({ log10: 0, digits: 1, continuousDimension: 0 });
    expect(orbitSize([{ width: 1 }], "gelu")).toMatchObject({ log10: 0, digits: 1 });
    expect(orbitValue([], "tanh")).toBe(1n);
  });

  it("refuses groups of identical units that do not fit", () => {
    expect(() => orbitSize([{ width: 3, identical: [2, 2] }], "relu")).toThrow("expected at most 3 units in them");
    expect(() => orbitSize([{ width: 0 }], "relu")).toThrow("width: expected a whole number from 1, got 0");
  });
});

/** 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to z, by the midpoint rule. */
function erf(z: number): number {
  const steps = 1000;
  const heights = Array.from({ length: steps }, (_, i) => Math.exp(-((((i + 0.5) / steps) * z) ** 2)));
  return ((2 / Math.sqrt(Math.PI)) * z * heights.reduce((a, b) => a + b)) / steps;
}

describe("the symmetries of an activation", () => {
  const functions: Readonly<Record<Activation, (z: number) => number>> = {
    relu: (z) => Math.max(0, z),
    "leaky-relu": (z) => (z > 0 ? z : 0.01 * z),
    tanh: Math.tanh,
    sigmoid: (z) => 1 / (1 + Math.exp(-z)),
    softplus: (z) => Math.log1p(Math.exp(z)),
    gelu: (z) => (z * (1 + erf(z / Math.SQRT2))) / 2,
    silu: (z) => z / (1 + Math.exp(-z)),
    erf,
    sin: Math.sin,
    exp: Math.exp,
    identity: (z) => z,
    sign: Math.sign,
    g: (z) => 1 / (1 + Math.exp(-4 * z)) + Math.log1p(Math.exp(z)),
  };
  const places = Array.from({ length: 41 }, (_, i) => (i - 20) / 7);
  const isConstant = (values: readonly number[]) => Math.max(...values) - Math.min(...values) < 1e-9;

  it.each(activationNames)("%s has a sign where f(z) + f(-z) is constant", (name) => {
    const f = functions[name];
    expect(unitSymmetries[name].hasSign).toBe(isConstant(places.map((z) => f(z) + f(-z))));
  });

  it.each(activationNames)("%s rescales where f(2 z) or f(z + 1) is a multiple of f(z)", (name) => {
    const f = functions[name];
    const isMultiple = (move: (z: number) => number) => {
      const rest = places.filter((z) => Math.abs(f(z)) > 1e-6);
      return (
        isConstant(rest.map((z) => f(move(z)) / f(z))) &&
        places.every((z) => rest.includes(z) || Math.abs(f(move(z))) < 1e-6)
      );
    };
    const isContinuous = isMultiple((z) => 2 * z) || isMultiple((z) => z + 1);
    expect(unitSymmetries[name].continuousDimension(5) > 0).toBe(isContinuous);
  });

  it("are said in one line", () => {
    for (const { why } of Object.values(unitSymmetries)) expect(why).toMatch(/^.{10,80}$/);
  });

  it("add up to a dimension over the layers", () => {
    const layers = [{ width: 3 }, { width: 4 }];
    const dimensionOf = (name: Activation) => orbitSize(layers, name).continuousDimension;
    expect([dimensionOf("relu"), dimensionOf("tanh"), dimensionOf("identity")]).toEqual([7, 0, 25]);
  });
});
