import { describe, expect, it } from "vitest";
import { initializeParameters, mlp, type Parameters } from "../../nets/index.ts";
import { act, discoverSymmetry } from "../../symmetry/index.ts";
import { rngKey, toNumbers } from "../../tensor/index.ts";
import { everyElement, exhaustiveMatch } from "./exhaustive.ts";

const network = mlp({ input: [2], widths: [3, 2], outputs: 1, activation: "tanh" });
const group = discoverSymmetry(network);
const parameters = initializeParameters(network, rngKey(3), "float64");

function numbersOf(each: Parameters): number[] {
  return Object.values(each).flatMap((tensor) => [...toNumbers(tensor)]);
}

describe("every element", () => {
  it("is each permutation with each sign once, the identity first", () => {
    const elements = [...everyElement(group, 1000)];
    expect(elements.length).toBe(6 * 2 ** 3 * 2 * 2 ** 2);
    const images = elements.map((element) => numbersOf(act(group, element, parameters)).join());
    expect(new Set(images).size).toBe(elements.length);
    expect(images[0]).toBe(numbersOf(parameters).join());
  });

  it("keeps copies of a factor apart", () => {
    const copies = [{ ...group.factors[1], size: 2, copies: 2 }] as typeof group.factors;
    const twice = { ...group, factors: copies, generators: [] };
    const units = [...everyElement(twice, 4)].map(({ permutations }) => [...(permutations[0] ?? [])].join(""));
    expect(units).toEqual(["0101", "0110", "1001", "1010"]);
  });

  it("is refused where there are too many", () => {
    expect(() => [...everyElement(group, 383)]).toThrow(/^everyElement: expected at most 383 .*, got 10\^2\.6; match/);
    expect([...everyElement(group, 384)].length).toBe(384);
  });
});

describe("an exhaustive match", () => {
  it("is the element of lowest cost, and says whether that is low enough", async () => {
    const target = [...everyElement(group, 1000)][200];
    if (!target) throw new Error("expected 384 elements");
    const wanted = numbersOf(act(group, target, parameters));
    const costOf = (element: typeof target) => {
      const moved = numbersOf(act(group, element, parameters));
      return 1 + Math.hypot(...moved.map((x, i) => x - (wanted[i] as number)));
    };
    const found = await exhaustiveMatch(group, costOf, { tolerance: 1 });
    expect(found).toMatchObject({ element: target, cost: 1, suffices: true });
    expect(found.costs.filter((cost) => cost === 1).length).toBe(1);
    expect(await exhaustiveMatch(group, costOf, { tolerance: 0.5 })).toMatchObject({ cost: 1, suffices: false });
  });
});
