import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { referenceEngine } from "../../engine/index.ts";
import { fold, normal, rngKey } from "../../tensor/index.ts";
import { procrustesOn } from "./procrustes.ts";

interface Case {
  readonly n: number;
  readonly cross: number[];
  /** Null where several matrices are best. */
  readonly best: number[] | null;
  readonly value: number;
}

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/align/procrustes.json", import.meta.url), "utf8"),
) as { readonly values: readonly Case[] };
const procrustes = await procrustesOn(referenceEngine());
afterAll(() => procrustes[Symbol.asyncDispose]());

function identityMatrix(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
}

function dot(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, each, i) => sum + each * (y[i] as number), 0);
}

/** The largest entry of R R' - 1. */
function departure(r: Float64Array, n: number): number {
  const row = (i: number) => r.subarray(i * n, (i + 1) * n);
  return Math.max(...r.map((_, at) => Math.abs(dot(row(Math.floor(at / n)), row(at % n)) - (at % (n + 1) ? 0 : 1))));
}

const rounding = 1e-12;

describe.each(golden.values.map((each) => [`${each.n} x ${each.n}`, each] as const))(
  "%s, as numpy solves it",
  (_, { n, ...known }) => {
    const cross = Float64Array.from(known.cross);

    it("is orthogonal and reaches the sum of the singular values", async () => {
      const best = await procrustes.orthogonal(cross, identityMatrix(n), n);
      expect(departure(best, n)).toBeLessThan(rounding);
      expect(Math.abs(dot(best, cross) - known.value)).toBeLessThan(rounding * known.value);
    });

    it.runIf(known.best)("is the polar factor", async () => {
      const best = await procrustes.orthogonal(cross, identityMatrix(n), n);
      const smallest = 1e-6;
      for (const [at, x] of best.entries())
        expect(Math.abs(x - (known.best?.[at] as number))).toBeLessThan(rounding / smallest);
    });
  },
);

describe("orthogonal matrices for cross-Grams", () => {
  const n = 6;
  const key = rngKey(4);
  const crosses = normal(key, [3, n, n], { dtype: "float64" }).data;
  const starts = Float64Array.from({ length: 3 * n * n }, (_, at) => identityMatrix(n)[at % (n * n)] as number);

  it("are better than 300 random ones, copy by copy", async () => {
    const best = await procrustes.orthogonal(crosses, starts, n);
    const others = normal(fold(key, "others"), [300, n, n], { dtype: "float64" }).data;
    const random = await procrustes.orthogonal(others, new Float64Array(others.length), n);
    for (let copy = 0; copy < 3; copy++) {
      const own = (of: Float64Array, i = copy) => of.subarray(i * n * n, (i + 1) * n * n);
      const most = Math.max(...Array.from({ length: 300 }, (_, i) => dot(own(random, i), own(crosses))));
      expect(dot(own(best), own(crosses))).toBeGreaterThan(most);
      expect(await procrustes.orthogonal(own(crosses), own(starts), n)).toEqual(Float64Array.from(own(best)));
    }
  });

  it("are the start where nothing is asked for", async () => {
    const start = await procrustes.orthogonal(crosses.slice(0, n * n), identityMatrix(n), n);
    const kept = await procrustes.orthogonal(new Float64Array(n * n), start, n);
    for (const [at, x] of kept.entries()) expect(x).toBeCloseTo(start[at] as number, 13);
  });

  it.each([
    ["a unit matrix", [1, 0, 0, 1]],
    ["an exchange", [0, 1, 1, 0]],
  ])("are found where the start is of no help: %s", async (_, start) => {
    for (const cross of [Float64Array.of(0, 1, 0, 0), Float64Array.of(1, 0, 0, 0)]) {
      const best = await procrustes.orthogonal(cross, Float64Array.from(start), 2);
      expect(departure(best, 2)).toBeLessThan(rounding);
      expect(dot(best, cross)).toBeCloseTo(1, 12);
    }
  });
});
