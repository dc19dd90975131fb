import { describe, expect, it } from "vitest";
import { type Architecture, architectures, randomParameters } from "../../test/architectures/index.ts";
import { initializeParameters, mlp, type Parameters } from "../nets/index.ts";
import { convert, type DType, fold, fromNumbers, rngKey, tensorBytes, toNumbers } from "../tensor/index.ts";
import { act } from "./act.ts";
import { canonicalForm } from "./canonical.ts";
import { discoverSymmetry } from "./discover.ts";
import { randomElement } from "./element.ts";
import { compareOrbits } from "./same-orbit.ts";

const key = rngKey(11);

function parametersOf({ network }: Architecture, dtype: DType): Parameters {
  const drawn = Object.entries(randomParameters(network, key));
  return Object.fromEntries(drawn.map(([name, tensor]) => [name, convert(tensor, dtype)]));
}

function bytesOf(parameters: Parameters): Uint8Array[] {
  return Object.values(parameters).map(tensorBytes);
}

/** The largest difference of two parameter sets, relative to the largest entry of each tensor. */
function distance(a: Parameters, b: Parameters): number {
  const each = Object.entries(a).map(([name, tensor]) => {
    const [x, y] = [toNumbers(tensor), toNumbers(b[name] as typeof tensor)];
    const largest = x.reduce((most, entry) => Math.max(most, Math.abs(entry)), 1e-300);
    return x.reduce((most, entry, i) => Math.max(most, Math.abs(entry - (y[i] as number))), 0) / largest;
  });
  return Math.max(...each);
}

describe.each(architectures.map((each) => [each.name, each] as const))(
  "the canonical form of %s",
  (_, architecture) => {
    const group = discoverSymmetry(architecture.network);
    // A scale is rounded to 2^-42 of itself, so that it does not depend on the order of summation.
    const tolerances = { float64: 2 ** -38, float32: 2 ** -20 } as const;

    for (const dtype of ["float64", "float32"] as const) {
      const parameters = parametersOf(architecture, dtype);
      const canonical = canonicalForm(group, parameters).parameters;

      it(`is its own canonical form in ${dtype}`, () => {
        expect(bytesOf(canonicalForm(group, canonical).parameters)).toEqual(bytesOf(canonical));
      });

      it(`is the same for every member of the orbit in ${dtype}`, () => {
        for (const seed of [1, 2, 3]) {
          const member = act(group, randomElement(group, rngKey(seed)), parameters);
          expect(distance(canonicalForm(group, member).parameters, canonical)).toBeLessThan(tolerances[dtype]);
        }
      });
    }

    it("is the same bit by bit where only the order and signs differ", () => {
      const parameters = parametersOf(architecture, "float32");
      const moved = act(group, randomElement(group, fold(key, "moved"), { spread: 1 }), parameters);
      const [one, other] = [canonicalForm(group, parameters), canonicalForm(group, moved)];
      expect(bytesOf(other.parameters)).toEqual(bytesOf(one.parameters));
    });

    it("is what its element makes of the parameters", () => {
      const parameters = parametersOf(architecture, "float64");
      const { parameters: canonical, element } = canonicalForm(group, parameters);
      expect(distance(act(group, element, parameters), canonical)).toBeLessThan(1e-13);
    });
  },
);

describe("units that are in the way of a canonical form", () => {
  const network = mlp({ input: [3], widths: [6, 4], outputs: 2 });
  const group = discoverSymmetry(network);

  function withRows(name: string, change: (row: number[], unit: number) => number[]): Parameters {
    const parameters = initializeParameters(network, key, "float64");
    const { shape, dtype, data } = parameters[name] as (typeof parameters)[string];
    const size = (shape[1] ?? 1) as number;
    const rows = Array.from({ length: shape[0] as number }, (_, i) => [...data.subarray(i * size, (i + 1) * size)]);
    return { ...parameters, [name]: fromNumbers(dtype, rows.flatMap(change), shape) };
  }

  it.each([
    ["a dead unit", (row: number[], unit: number) => (unit === 2 ? row.map(() => 0) : row)],
    ["two dead units", (row: number[], unit: number) => (unit < 2 ? row.map(() => 0) : row)],
    [
      "units with equal incoming weights",
      (row: number[], unit: number) => (unit === 1 ? [0.5, 0.5, 0.5] : unit === 4 ? [0.5, 0.5, 0.5] : row),
    ],
    ["all incoming weights equal", () => [1, -1, 0.5]],
  ])("%s: every member of the orbit has the same", (_, change) => {
    const parameters = withRows("layers.0.weight", change);
    const canonical = canonicalForm(group, parameters).parameters;
    for (const seed of [1, 2, 3, 4]) {
      const member = act(group, randomElement(group, rngKey(seed)), parameters);
      expect(distance(canonicalForm(group, member).parameters, canonical)).toBeLessThan(1e-11);
    }
  });

  it("NaN: the form is made without an error, and is nobody's twin", () => {
    const parameters = withRows("layers.0.weight", (row, unit) => (unit === 0 ? row.map(() => Number.NaN) : row));
    expect(compareOrbits(group, parameters, parameters).sameOrbit).toBe(false);
  });
});

describe("the order of a canonical form", () => {
  it("survives noise far below the distance of two units", () => {
    const network = mlp({ input: [8], widths: [32], outputs: 3 });
    const group = discoverSymmetry(network);
    const parameters = initializeParameters(network, key, "float64");
    const noisy = Object.fromEntries(
      Object.entries(parameters).map(([name, tensor]) => [
        name,
        fromNumbers(
          "float64",
          [...tensor.data].map((x, i) => x * (1 + 1e-7 * Math.sin(i))),
          tensor.shape,
        ),
      ]),
    );
    const [one, other] = [canonicalForm(group, parameters), canonicalForm(group, noisy)];
    expect(distance(one.parameters, other.parameters)).toBeLessThan(1e-6);
  });
});

describe("comparing orbits", () => {
  const network = mlp({ input: [5], widths: [7, 6], outputs: 3, activation: "tanh" });
  const group = discoverSymmetry(network);
  const parameters = initializeParameters(network, key, "float64");

  it("finds the element that was planted", () => {
    const planted = randomElement(group, fold(key, "planted"));
    const member = act(group, planted, parameters);
    const { sameOrbit, element } = compareOrbits(group, parameters, member);
    expect(sameOrbit).toBe(true);
    expect(element).toEqual(planted);
  });

  it("tells apart what differs in one weight", () => {
    const { data, shape } = parameters["layers.1.weight"] as { data: Float64Array; shape: readonly number[] };
    const changed = { ...parameters, "layers.1.weight": fromNumbers("float64", [...data.with(3, 0.7)], shape) };
    expect(compareOrbits(group, parameters, changed)).toMatchObject({ sameOrbit: false, element: null });
  });
});
