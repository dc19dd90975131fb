import { describe, expect, it } from "vitest";
import { initializeParameters, mlp, type Parameters } from "../nets/index.ts";
import { fromNumbers, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { act } from "./act.ts";
import { discoverSymmetry } from "./discover.ts";
import { identity, randomElement } from "./element.ts";
import { stabiliser } from "./stabiliser.ts";

const network = mlp({ input: [2], widths: [4, 3], outputs: 2, activation: "gelu" });
const group = discoverSymmetry(network);
const generic = initializeParameters(network, rngKey(2), "float64");

function change(
  parameters: Parameters,
  name: string,
  of: (x: number, row: number, column: number) => number,
): Parameters {
  const tensor = parameters[name] as Tensor;
  const columns = tensor.shape[1] ?? 1;
  const numbers = [...toNumbers(tensor)].map((x, i) => of(x, Math.floor(i / columns), i % columns));
  return { ...parameters, [name]: fromNumbers("float64", numbers, tensor.shape) };
}

/** Makes units `to` of the first hidden layer copies of unit 0. */
function withCopies(units: readonly number[]): Parameters {
  const weight = toNumbers(generic["layers.0.weight"] as Tensor);
  const bias = toNumbers(generic["layers.0.bias"] as Tensor);
  const next = toNumbers(generic["layers.1.weight"] as Tensor);
  let parameters = change(generic, "layers.0.weight", (x, row, column) =>
    units.includes(row) ? (weight[column] as number) : x,
  );
  parameters = change(parameters, "layers.0.bias", (x, row) => (units.includes(row) ? (bias[0] as number) : x));
  return change(parameters, "layers.1.weight", (x, row, column) =>
    units.includes(column) ? (next[row * 4] as number) : x,
  );
}

/** Every permutation of 0..n-1. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) => Array.from({ length: n }, (_, at) => rest.toSpliced(at, 0, n - 1)));
}

/** Elements that leave the parameters as they are, by trying all 4! 3! of them. */
function fixedBy(parameters: Parameters): number {
  const start = identity(group);
  const elements = permutations(4).flatMap((first) =>
    permutations(3).map((second) => ({ ...start, permutations: [Int32Array.from(first), Int32Array.from(second)] })),
  );
  return elements.filter((element) =>
    Object.entries(act(group, element, parameters)).every(([name, tensor]) =>
      toNumbers(tensor).every((x, i) => x === toNumbers(parameters[name] as Tensor)[i]),
    ),
  ).length;
}

describe("the stabiliser", () => {
  it("of generic parameters is trivial", () => {
    expect(stabiliser(group, generic)).toMatchObject({ identical: [], dead: [], permutations: 1n });
  });

  it.each([[[1]], [[1, 3]], [[1, 2, 3]]])(
    "has the order found by trying every element, units 0 and %j alike",
    (units) => {
      const parameters = withCopies(units);
      const found = stabiliser(group, parameters);
      expect(found.identical).toEqual([{ factor: 0, copy: 0, units: [0, ...units] }]);
      expect(found.permutations).toBe(BigInt(fixedBy(parameters)));
    },
  );

  it("is found in every member of the orbit", () => {
    const member = act(group, randomElement(group, rngKey(9)), withCopies([1, 2]));
    expect(stabiliser(group, member).permutations).toBe(6n);
  });

  it("does not confuse units with equal incoming and different outgoing weights", () => {
    const parameters = { ...withCopies([1]), "layers.1.weight": generic["layers.1.weight"] as Tensor };
    expect(stabiliser(group, parameters).identical).toEqual([]);
    expect(fixedBy(parameters)).toBe(1);
  });

  it("names dead units and the tensor that is zero for them", () => {
    const parameters = change(generic, "layers.1.weight", (x, _, column) => (column === 2 ? 0 : x));
    expect(stabiliser(group, parameters).dead).toEqual([{ factor: 0, copy: 0, units: [2], tensor: "layers.1.weight" }]);
  });
});
