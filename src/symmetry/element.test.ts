import { describe, expect, it } from "vitest";
import { architectures } from "../../test/architectures/index.ts";
import { fold, rngKey } from "../tensor/index.ts";
import { compose, discoverSymmetry, type GroupElement, identity, inverse, randomElement } from "./index.ts";

const key = rngKey(32);
/** Two products in float64. */
const digits = 12;

function expectSame(a: GroupElement, b: GroupElement): void {
  expect(a.permutations).toEqual(b.permutations);
  for (const [i, scales] of a.scales.entries()) {
    for (const [j, scale] of scales.entries()) expect(scale / (b.scales[i]?.[j] as number)).toBeCloseTo(1, digits);
  }
}

describe.each(architectures.map(({ name, network }) => [name, discoverSymmetry(network)] as const))(
  "elements of the group of %s",
  (_, group) => {
    const [a, b, c] = ["a", "b", "c"].map((name) => randomElement(group, fold(key, name))) as [
      GroupElement,
      GroupElement,
      GroupElement,
    ];

    it("compose associatively", () => {
      expectSame(compose(group, c, compose(group, b, a)), compose(group, compose(group, c, b), a));
    });

    it("have a neutral one and inverses", () => {
      const one = identity(group);
      expectSame(compose(group, one, a), a);
      expectSame(compose(group, a, one), a);
      expectSame(compose(group, inverse(group, a), a), one);
      expectSame(compose(group, a, inverse(group, a)), one);
      expectSame(inverse(group, compose(group, b, a)), compose(group, inverse(group, a), inverse(group, b)));
    });

    it("are the same for the same key and differ for others", () => {
      expect(randomElement(group, fold(key, "a"))).toEqual(a);
      expect(b).not.toEqual(a);
    });

    it("are permutations of every copy, positive scales within the spread, and signs", () => {
      for (const [i, { size, copies, permutes }] of group.factors.entries()) {
        const permutation = a.permutations[i] as Int32Array;
        const units = Array.from({ length: size }, (_, unit) => unit);
        expect(permutation.length).toBe(size * copies);
        for (let copy = 0; copy < copies; copy++) {
          const own = [...permutation.subarray(copy * size, (copy + 1) * size)];
          expect(permutes ? own.sort((x, y) => x - y) : own).toEqual(units);
        }
      }
      for (const [i, { kind, factor }] of group.generators.entries()) {
        const { size, copies } = group.factors[factor] as { size: number; copies: number };
        const scales = a.scales[i] as Float64Array;
        expect(scales.length).toBe(size * copies);
        for (const scale of scales) {
          if (kind === "sign") expect(Math.abs(scale)).toBe(1);
          else expect(scale >= 0.5 && scale <= 2).toBe(true);
        }
      }
    });
  },
);

describe("copies", () => {
  /** Units of 2 in each of 2 blocks of each of 3 rows, with everything that can move. */
  const nested = {
    factors: [
      { name: "row", size: 3, copies: 1, permutes: true, within: [] },
      { name: "block", size: 2, copies: 3, permutes: true, within: [{ size: 3, factor: 0, within: [] }] },
      {
        name: "unit",
        size: 2,
        copies: 6,
        permutes: true,
        within: [
          { size: 3, factor: 0, within: [] },
          { size: 2, factor: 1, within: [0] },
        ],
      },
    ].map((factor) => ({ ...factor, matrix: null, gains: [], sites: [] })),
    generators: [],
    layouts: {},
    pinned: [],
    unknownOperators: [],
  };

  /** The permutation of all 12 numbers, by the definition, one factor at a time. */
  function whole({ permutations: [rows, blocks, units] }: GroupElement): number[] {
    return Array.from({ length: 12 }, (_, at) => {
      const [row, block, unit] = [Math.floor(at / 4), Math.floor(at / 2) % 2, at % 2];
      const fromRow = rows?.[row] as number;
      const fromBlock = blocks?.[row * 2 + block] as number;
      const fromUnit = units?.[(row * 2 + block) * 2 + unit] as number;
      return fromRow * 4 + fromBlock * 2 + fromUnit;
    });
  }

  it("move with what they are copied along", () => {
    for (let i = 0; i < 50; i++) {
      const [a, b] = [randomElement(nested, fold(key, i, "a")), randomElement(nested, fold(key, i, "b"))];
      const [first, second] = [whole(a), whole(b)];
      expect(whole(compose(nested, b, a))).toEqual(second.map((from) => first[from]));
      expect(whole(inverse(nested, a)).map((from) => first[from])).toEqual(first.map((_, at) => at));
    }
  });
});
