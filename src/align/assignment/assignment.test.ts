import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { gainMatrix, kinds, sizes } from "../../../test/golden/align/assignment-matrices.ts";
import { InputError } from "../../errors.ts";
import { fold, normal, permutation, rngKey, uniform } from "../../tensor/index.ts";
import { type Assignment, type AssignmentOptions, type AssignmentSize, solveAssignment } from "./assignment.ts";

type Gain = Float32Array | Float64Array;

/** Sums of some hundred numbers in another order. */
const ROUNDING = 1e-9;

/** Solves, and checks what proves the solution: a matching, feasible duals, tight where matched. */
function solve(gain: Gain, size: AssignmentSize, options?: AssignmentOptions): Assignment {
  const solved = solveAssignment(gain, size, options);
  const { rows, columns } = size;
  const { columnOf, duals, objective, bound } = solved;
  const scale = Math.max(0, ...gain.map(Math.abs)) * Math.max(rows, columns, 1);
  const matched = columnOf.filter((column) => column >= 0);
  expect(columnOf).toHaveLength(rows);
  expect(matched).toHaveLength(Math.min(rows, columns));
  expect(new Set(matched).size).toBe(matched.length);
  expect(Math.max(-1, ...matched)).toBeLessThan(columns);
  let [worst, sum] = [0, 0];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const slack = (duals.rows[i] as number) + (duals.columns[j] as number) - (gain[i * columns + j] as number);
      worst = Math.max(worst, -slack, columnOf[i] === j ? slack : 0);
      if (columnOf[i] === j) sum += gain[i * columns + j] as number;
    }
  }
  expect(worst).toBeLessThanOrEqual(ROUNDING * scale);
  expect(Math.abs(sum - objective)).toBeLessThanOrEqual(ROUNDING * scale);
  expect(Math.abs(bound - objective)).toBeLessThanOrEqual(ROUNDING * scale);
  const sumOfDuals = [...duals.rows, ...duals.columns].reduce((total, x) => total + x, 0);
  expect(Math.abs(bound - sumOfDuals)).toBeLessThanOrEqual(ROUNDING * scale);
  if (rows < columns)
    expect(duals.columns.every((dual, j) => dual >= 0 && (dual === 0 || columnOf.includes(j)))).toBe(true);
  if (rows > columns) expect(duals.rows.every((dual, i) => dual >= 0 && (dual === 0 || columnOf[i] !== -1))).toBe(true);
  return solved;
}

/** The largest total over all ways to match as many rows and columns as there can be. */
function bruteForce(gain: Gain, { rows, columns }: AssignmentSize): number {
  const best = (row: number, left: ReadonlySet<number>, idle: number): number => {
    if (row === rows) return 0;
    const values = [...left].map((column) => {
      const rest = new Set(left);
      rest.delete(column);
      return (gain[row * columns + column] as number) + best(row + 1, rest, idle);
    });
    if (idle > 0) values.push(best(row + 1, left, idle - 1));
    return Math.max(...values);
  };
  return best(0, new Set(Array.from({ length: columns }, (_, j) => j)), Math.max(0, rows - columns));
}

const smallSizes = [
  [1, 1],
  [1, 4],
  [4, 1],
  [2, 2],
  [3, 3],
  [3, 5],
  [5, 3],
  [4, 4],
  [2, 7],
  [7, 2],
  [6, 6],
  [7, 7],
] as const;

const entries: Readonly<Record<string, (draw: number) => number>> = {
  random: (draw) => draw,
  negative: (draw) => -1 - draw,
  "of both signs": (draw) => draw - 0.5,
  "integer with ties": (draw) => Math.floor(3 * draw),
  "zero or one": (draw) => (draw < 0.7 ? 0 : 1),
  constant: () => -2.5,
  "of many magnitudes": (draw) => Math.exp(60 * (draw - 0.5)),
};

describe("solveAssignment against all permutations", () => {
  it.each(Object.keys(entries))("finds the best for entries %s", (name) => {
    for (const [rows, columns] of smallSizes) {
      for (let seed = 0; seed < (rows === 7 && columns === 7 ? 2 : 12); seed++) {
        const key = fold(rngKey(seed), name, rows, columns);
        const gain = uniform(key, [rows, columns], { dtype: "float64" }).data.map(
          entries[name] as (x: number) => number,
        );
        const scale = gain.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
        const { objective } = solve(gain, { rows, columns });
        expect(Math.abs(objective - bruteForce(gain, { rows, columns }))).toBeLessThanOrEqual(1e-12 * scale);
      }
    }
  });
});

describe("solveAssignment against scipy", () => {
  const goldens: { kind: string; rows: number; columns: number; objective: number }[] = JSON.parse(
    readFileSync(new URL("../../../test/golden/align/assignment.json", import.meta.url), "utf8"),
  ).values;
  it.each(kinds)("agrees on %s matrices", (kind) => {
    for (const [rows, columns] of sizes) {
      const golden = goldens.find((each) => each.kind === kind && each.rows === rows && each.columns === columns);
      const { objective } = solve(gainMatrix(kind, rows, columns), { rows, columns });
      expect(objective / (golden?.objective as number)).toBeCloseTo(1, 12);
    }
  });
});

describe("solveAssignment where many columns are worth the same", () => {
  const n = 96;
  const size = { rows: n, columns: n };
  const draws = uniform(rngKey(1), [n, n]).data;
  const made = (entry: (i: number, j: number) => number) =>
    Float64Array.from({ length: n * n }, (_, at) => entry(Math.floor(at / n), at % n));
  const sorted = Array.from({ length: n }, (_, i) => i + 1);

  it("multiplies the largest with the largest", () => {
    const expected = sorted.reduce((sum, x) => sum + x * x, 0);
    expect(
      solve(
        made((i, j) => (i + 1) * (j + 1)),
        size,
      ).objective,
    ).toBe(expected);
    const least = sorted.reduce((sum, x) => sum + x * (n + 1 - x), 0);
    expect(
      solve(
        made((i, j) => -(i + 1) * (j + 1)),
        size,
      ).objective,
    ).toBe(-least);
  });

  it("takes any permutation where all rows are the same, and where all columns are", () => {
    const width = 500;
    const values = Float64Array.from(draws.subarray(0, width));
    const sameRows = Float64Array.from({ length: width ** 2 }, (_, at) => values[at % width] as number);
    const sameColumns = Float64Array.from({ length: width ** 2 }, (_, at) => values[Math.floor(at / width)] as number);
    const total = values.reduce((sum, x) => sum + x, 0);
    for (const gain of [sameRows, sameColumns]) {
      const { objective, bound } = solveAssignment(gain, { rows: width, columns: width });
      expect(objective).toBeCloseTo(total, 9);
      expect(bound).toBeCloseTo(total, 9);
    }
  });

  it("matches dead units with dead units", () => {
    const order = permutation(rngKey(2), n);
    const alive = (i: number) => i % 3 === 0;
    const gain = made((i, j) => (alive(i) && alive(order[j] as number) ? 1 + (draws[i * n + j] as number) : 0));
    const { columnOf } = solve(gain, size);
    for (let i = 0; i < n; i++) expect(alive(order[columnOf[i] as number] as number)).toBe(alive(i));
  });

  it("solves a constant matrix of 2048 rows in a moment", () => {
    const start = performance.now();
    const { objective } = solveAssignment(new Float32Array(2048 ** 2).fill(3), { rows: 2048, columns: 2048 });
    expect(objective).toBe(3 * 2048);
    expect(performance.now() - start).toBeLessThan(1500);
  });
});

describe("solveAssignment with the duals of an earlier solve", () => {
  const n = 150;
  const size = { rows: n, columns: n };
  const gains = kinds.map((kind) => [kind, gainMatrix(kind, 200, 200).slice(0, n * n)] as const);

  it.each(gains)("finds what it finds without them in a changed matrix (%s)", (kind, gain) => {
    const earlier = solveAssignment(gain, size);
    for (const amount of [1e-6, 1e-2, 1, 100]) {
      const noise = normal(fold(rngKey(3), kind), [n, n]).data;
      const changed = gain.map((x, at) => x + amount * (noise[at] as number));
      const cold = solve(changed, size);
      for (const start of [earlier.columnOf, undefined]) {
        const warm = solve(changed, size, { duals: earlier.duals, start });
        expect(warm.objective / cold.objective).toBeCloseTo(1, 12);
      }
    }
  });

  it.each([
    ...gains.map(([, gain]) => [gain, n, n] as const),
    [gains[0]?.[1] as Gain, 100, 225] as const,
    [gains[0]?.[1] as Gain, 225, 100] as const,
  ])("stops at once where they prove the start optimal", (gain, rows, columns) => {
    const first = solve(gain, { rows, columns });
    const again = solve(gain, { rows, columns }, { duals: first.duals, start: first.columnOf });
    expect([first.isWarm, again.isWarm]).toEqual([false, true]);
    expect(again.columnOf).toEqual(first.columnOf);
    expect(again.objective).toBe(first.objective);
  });

  it("does not stop at a start that is not optimal", () => {
    for (const [, gain] of gains) {
      const first = solve(gain, size);
      const start = first.columnOf.slice();
      [start[0], start[1]] = [start[1] as number, start[0] as number];
      const again = solve(gain, size, { duals: first.duals, start });
      expect(again.isWarm).toBe(false);
      expect(again.objective).toBeCloseTo(first.objective, 9);
    }
  });

  it("starts anew where there are more columns than rows and the duals prove nothing", () => {
    const gain = gains[0]?.[1] as Gain;
    for (const [rows, columns] of [
      [100, 225],
      [225, 100],
    ] as const) {
      const cold = solve(gain, { rows, columns });
      const duals = { rows: new Float64Array(rows).fill(-7), columns: new Float64Array(columns).fill(5) };
      expect(solve(gain, { rows, columns }, { duals, start: cold.columnOf }).columnOf).toEqual(cold.columnOf);
    }
  });

  it("changes neither the gains nor the duals nor the start, and gives the same twice", () => {
    const gain = gains[1]?.[1] as Gain;
    const first = solve(gain, size);
    const copies = structuredClone([gain, first.duals, first.columnOf]);
    const options = { duals: first.duals, start: first.columnOf };
    const changed = gain.map((x, at) => x + (at % 7));
    expect(solve(changed, size, options)).toEqual(solve(changed, size, options));
    expect(solve(gain, size)).toEqual(first);
    expect([gain, first.duals, first.columnOf]).toEqual(copies);
  });
});

describe("solveAssignment at its limits", () => {
  it("matches nothing where there is nothing", () => {
    for (const [rows, columns] of [
      [0, 0],
      [0, 3],
      [3, 0],
    ] as const) {
      const { columnOf, objective, bound } = solve(new Float32Array(0), { rows, columns });
      expect([...columnOf]).toEqual(new Array(rows).fill(-1));
      expect([objective, bound]).toEqual([0, 0]);
    }
  });

  it("refuses numbers that are not finite, and says where", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const gain = new Float32Array(12);
      gain[7] = bad;
      const expected = `assignment: expected finite gains, got ${bad} for row 1, column 3`;
      expect(() => solveAssignment(gain, { rows: 3, columns: 4 })).toThrow(expected);
      expect(() => solveAssignment(gain, { rows: 3, columns: 4 })).toThrow(InputError);
    }
  });

  it("refuses sizes, duals and starts that do not fit", () => {
    const gain = new Float64Array(6);
    const size = { rows: 2, columns: 3 };
    const duals = { rows: new Float64Array(2), columns: new Float64Array(3) };
    const wrong = (change: AssignmentOptions) => () => solveAssignment(gain, size, { duals, ...change });
    expect(() => solveAssignment(gain, { rows: 2, columns: 2 })).toThrow("expected 2 x 2 gains, got 6");
    expect(() => solveAssignment(gain, { rows: -2, columns: -3 })).toThrow("expected -2 x -3 gains");
    expect(wrong({ duals: { ...duals, columns: duals.rows } })).toThrow(
      "column duals: expected 3 finite numbers, got 2",
    );
    expect(wrong({ duals: { ...duals, rows: duals.rows.map(() => Number.NaN) } })).toThrow(
      "row duals: expected 2 finite",
    );
    for (const start of [[0], [0, 0], [0, 3], [-1, 0], [-2, 1], [0, 1, 2]]) {
      expect(wrong({ start: Int32Array.from(start) }), String(start)).toThrow("expected 2 different columns below 3");
    }
  });

  it("stops where it is cancelled, before it starts and between two searches", () => {
    const size = { rows: 200, columns: 200 };
    const gain = gainMatrix("low-rank", 200, 200).map(Math.round);
    expect(() => solveAssignment(gain, size, { signal: AbortSignal.abort() })).toThrow("aborted");
    let checks = 0;
    const { signal } = new AbortController();
    signal.throwIfAborted = () => {
      if (++checks === 3) throw new Error("stopped");
    };
    expect(() => solveAssignment(gain, size, { signal })).toThrow("stopped");
  });
});
