import { describe, expect, it } from "vitest";
import {
  connectivityGraph,
  criticalCount,
  expansionCount,
  expansionSubspaces,
  factorial,
  intersect,
  type Roles,
  rolesLabel,
  zeroGroupCount,
} from "./index.ts";

const small = [
  [1, 1],
  [1, 2],
  [1, 4],
  [2, 2],
  [2, 3],
  [2, 4],
  [2, 5],
  [3, 3],
  [3, 4],
  [3, 5],
  [4, 5],
] as const;

/** Every list of at least `least` whole numbers from 1 that add up to `total`. */
function compositions(total: number): number[][] {
  if (total === 0) return [[]];
  return Array.from({ length: total }, (_, i) => i + 1).flatMap((first) =>
    compositions(total - first).map((rest) => [first, ...rest]),
  );
}

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((order) => Array.from({ length: n }, (_, at) => order.toSpliced(at, 0, n - 1)));
}

/**
 * An affine subspace of the weights of `roles.length` units with two inputs and one output, as equations in the order
 * incoming x, incoming y, outgoing for each unit; neuron i has the incoming vector (i + 1, i^2 + 3) and outgoing 2^i + 1.
 */
function equationsOf(roles: Roles, minimal: number): number[][] {
  const units = roles.length;
  const equation = (terms: readonly (readonly [number, number])[], right: number) => {
    const row = new Array<number>(3 * units + 1).fill(0);
    for (const [column, factor] of terms) row[column] = factor;
    row[3 * units] = right;
    return row;
  };
  const groups = Map.groupBy(roles.keys(), (unit) => roles[unit] as number);
  return [...groups].flatMap(([role, members]) => {
    const first = members[0] as number;
    const isCopy = role < minimal;
    const incoming = members.flatMap((unit) =>
      [0, 1].map((axis) =>
        isCopy
          ? equation([[3 * unit + axis, 1]], axis === 0 ? role + 1 : role ** 2 + 3)
          : equation(
              unit === first
                ? []
                : [
                    [3 * unit + axis, 1],
                    [3 * first + axis, -1],
                  ],
              0,
            ),
      ),
    );
    const outgoing = equation(
      members.map((unit) => [3 * unit + 2, 1] as const),
      isCopy ? 2 ** role + 1 : 0,
    );
    return [...incoming, outgoing];
  });
}

/** Reduced row echelon form without its rows of zeros: the same for equations with the same solutions. */
function reduced(equations: readonly (readonly number[])[]): number[][] {
  const rows = equations.map((row) => [...row]);
  const done: number[][] = [];
  for (let column = 0; column < (rows[0]?.length ?? 0); column++) {
    const at = rows.findIndex((row) => Math.abs(row[column] as number) > 1e-9);
    if (at < 0) continue;
    const [found] = rows.splice(at, 1) as [number[]];
    const pivot = found.map((value) => value / (found[column] as number));
    for (const row of [...rows, ...done]) {
      const factor = row[column] as number;
      for (const [i, value] of pivot.entries()) row[i] = (row[i] as number) - factor * value;
    }
    done.push(pivot);
  }
  return done;
}

/** No solution: 0 = 1 follows. */
function isContradictory(equations: readonly (readonly number[])[]): boolean {
  return reduced(equations).some((row) => row.slice(0, -1).every((value) => Math.abs(value) < 1e-9));
}

describe("the subspaces of an expansion", () => {
  it("are those of all compositions under all permutations", () => {
    for (const [r, m] of small) {
      const found = new Set<string>();
      const orders = permutations(m);
      for (const sizes of compositions(m).filter(({ length }) => length >= r)) {
        const slots = sizes.flatMap((size, group) => new Array<number>(size).fill(group));
        for (const order of orders) {
          const groups = order.map((slot) => slots[slot] as number);
          const names = new Map<number, number>();
          for (const group of groups.filter((each) => each >= r)) {
            if (!names.has(group)) names.set(group, r + names.size);
          }
          found.add(groups.map((group) => (group < r ? group : (names.get(group) as number))).join());
        }
      }
      const enumerated = [...expansionSubspaces(r, m)].map((roles) => roles.join());
      expect(enumerated.length).toBe(new Set(enumerated).size);
      expect(new Set(enumerated)).toEqual(found);
      expect(BigInt(found.size)).toBe(expansionCount(r, m));
    }
  });

  it("are different sets of weights", () => {
    for (const [r, m] of [
      [1, 3],
      [2, 3],
      [2, 4],
      [3, 4],
    ] as const) {
      const forms = [...expansionSubspaces(r, m)].map((roles) =>
        JSON.stringify(reduced(equationsOf(roles, r)).map((row) => row.map((value) => Math.round(1e6 * value) + 0))),
      );
      expect(BigInt(new Set(forms).size)).toBe(expansionCount(r, m));
    }
  });

  it("without zero-type groups are the critical ones", () => {
    for (const [r, m] of small) {
      const critical = [...expansionSubspaces(r, m)].filter((roles) => zeroGroupCount(roles, r) === 0);
      expect(BigInt(critical.length)).toBe(criticalCount(r, m));
    }
  });

  it("have labels", () => {
    expect(rolesLabel([0, 2, 1, 3, 2], 2)).toBe("1a2ba");
    expect(rolesLabel([9, 10], 10)).toBe("10 a");
    expect(zeroGroupCount([0, 2, 1, 3, 2], 2)).toBe(2);
  });
});

describe("two subspaces meet", () => {
  it("where their equations have a common solution", () => {
    for (const [r, m] of [
      [1, 2],
      [1, 3],
      [1, 4],
      [2, 2],
      [2, 3],
      [2, 4],
      [3, 4],
    ] as const) {
      const all = [...expansionSubspaces(r, m)];
      for (const [i, a] of all.entries()) {
        for (const b of all.slice(i)) {
          const meets = !isContradictory([...equationsOf(a, r), ...equationsOf(b, r)]);
          expect([a, b, intersect(a, b, r), intersect(b, a, r)]).toEqual([a, b, meets, meets]);
        }
      }
    }
  });
});

describe("the connectivity graph", () => {
  it("with one extra unit has the published degrees and one component", () => {
    for (const r of [1, 2, 3, 4]) {
      const { vertices, edges, components } = connectivityGraph(r, r + 1);
      const degrees = vertices.map((_, i) => edges.flat().filter((end) => end === i).length);
      const orders = Number(factorial(r + 1));
      const byKind = [0, 1].map((kind) => degrees.filter((_, i) => zeroGroupCount(vertices[i] as Roles, r) === kind));
      expect(byKind).toEqual([new Array((orders * r) / 2).fill(2), new Array(orders).fill(r)]);
      expect(edges.length).toBe(orders * r);
      expect(new Set(components)).toEqual(new Set([0]));
    }
  });

  it("is a path of 3 for one neuron", () => {
    const { vertices, edges } = connectivityGraph(1, 2);
    expect(vertices.map((roles) => rolesLabel(roles, 1))).toEqual(["11", "1a", "a1"]);
    expect(edges).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  it("without extra units has r! points for themselves", () => {
    const { edges, components } = connectivityGraph(4, 4);
    expect(edges).toEqual([]);
    expect(components).toEqual([...new Array(24).keys()]);
  });

  it("is connected with more extra units", () => {
    for (const [r, m] of [
      [1, 4],
      [2, 4],
      [2, 5],
      [3, 5],
    ] as const) {
      expect(Math.max(...connectivityGraph(r, m).components)).toBe(0);
    }
  });
});
