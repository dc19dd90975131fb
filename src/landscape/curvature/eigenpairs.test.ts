import { describe, expect, it } from "vitest";
import { denseOperator, matrixWith } from "../../../test/symmetric-matrix.ts";
import { rngKey } from "../../tensor/index.ts";
import { type Eigenpairs, eigenpairs, type SymmetricOperator, type Which } from "./index.ts";

const key = rngKey(7);

/** Eigenvalues -3, 0 (many), a bulk up to 1 and some that stand out. */
const spectrum = Float64Array.from([-3, -1.5, ...new Array(40).fill(0), ...bulk(70, 1), 4, 6.5, 9]);

function bulk(count: number, largest: number): number[] {
  return Array.from({ length: count }, (_, i) => (largest * (i + 1)) / count);
}

function valuesOf({ pairs }: Eigenpairs): number[] {
  return pairs.map(({ value }) => value);
}

function expectClose(got: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(got.length).toBe(expected.length);
  for (const [i, value] of got.entries()) expect(Math.abs(value - (expected[i] as number))).toBeLessThan(tolerance);
}

/** |Hv - lambda v|, and how far the vectors are from orthonormal, by products of their own. */
async function expectEigenpairs(operator: SymmetricOperator, { pairs }: Eigenpairs, tolerance: number): Promise<void> {
  const images = await operator.products(pairs.map(({ vector }) => vector));
  for (const [i, { value, residual, vector }] of pairs.entries()) {
    const off = Math.hypot(...Array.from(vector, (x, k) => (images[i]?.[k] as number) - value * x));
    expect(off).toBeLessThan(tolerance);
    expect(Math.abs(off - residual)).toBeLessThan(tolerance / 10);
    for (const [j, other] of pairs.entries()) {
      const product = Array.from(vector).reduce((sum, x, k) => sum + x * (other.vector[k] as number), 0);
      expect(Math.abs(product - (i === j ? 1 : 0))).toBeLessThan(tolerance);
    }
  }
}

describe("eigenpairs", () => {
  const operator = denseOperator(matrixWith(spectrum, rngKey(1)));

  it.each<[Which, readonly number[]]>([
    ["largest", [9, 6.5, 4, 1]],
    ["smallest", [0, 0, -1.5, -3]],
    ["both", [9, 6.5, -1.5, -3]],
    ["magnitude", [9, 6.5, 4, -3]],
  ])("finds the ends of a known spectrum (%s)", async (which, expected) => {
    const found = await eigenpairs(operator, { key, which, count: 4 });
    expect(found.converged).toBe(true);
    expectClose(valuesOf(found), expected, 1e-12);
    await expectEigenpairs(operator, found, 9e-8);
  });

  it("finds them in float32 within its default bound", async () => {
    const narrow = denseOperator(matrixWith(spectrum, rngKey(1)), { dtype: "float32" });
    const found = await eigenpairs(narrow, { key, count: 3 });
    expect(found).toMatchObject({ converged: true, bound: expect.closeTo(9e-4, 6) });
    expectClose(valuesOf(found), [9, 6.5, 4], 1e-5);
    await expectEigenpairs(narrow, found, 9e-4);
  });

  it("finds all copies of equal eigenvalues", async () => {
    const copies = Float64Array.from([...bulk(120, 1), 2, 3, 3, 3, 5, 5]);
    const found = await eigenpairs(denseOperator(matrixWith(copies, rngKey(2))), { key, count: 6 });
    expectClose(valuesOf(found), [5, 5, 3, 3, 3, 2], 1e-12);
  });

  it("restarts where the basis is full, without losing accuracy", async () => {
    // Neighbours differ by a five-hundredth of the largest: many more products than the basis has room for.
    const dense = denseOperator(matrixWith(bulk(500, 1), rngKey(3)));
    const found = await eigenpairs(dense, { key, count: 3 });
    expect(found.converged).toBe(true);
    expect(found.products).toBeGreaterThan(150);
    expectClose(valuesOf(found), [1, 0.998, 0.996], 1e-10);
  });

  it.each([
    ["zero", [0, 0, 0, 0, 0]],
    ["a multiple of the identity", [2, 2, 2, 2, 2]],
    ["of rank one", [7, 0, 0, 0, 0]],
    ["of one row", [-3]],
  ])("finds all eigenvalues of a matrix that is %s", async (_, values) => {
    const found = await eigenpairs(denseOperator(matrixWith(values, rngKey(4))), { key, count: values.length });
    expect(found.converged).toBe(true);
    expectClose(valuesOf(found), values, 1e-13);
  });

  it("stays the same for the same key, and counts every product", async () => {
    const before = operator.asked();
    const found = await eigenpairs(operator, { key, count: 4 });
    expect(operator.asked() - before).toBe(found.products);
    expect(await eigenpairs(operator, { key, count: 4 })).toEqual(found);
    const other = await eigenpairs(operator, { key: rngKey(8), count: 4 });
    expect(other.pairs[0]?.vector).not.toEqual(found.pairs[0]?.vector);
  });

  it("says when the products that it may use were not enough", async () => {
    const dense = denseOperator(matrixWith(bulk(300, 1), rngKey(3)));
    const found = await eigenpairs(dense, { key, count: 3, products: 12 });
    expect(found).toMatchObject({ converged: false, products: 15 });
    expect(Math.max(...found.pairs.map(({ residual }) => residual))).toBeGreaterThan(found.bound);
  });

  it("refuses more eigenvalues than there are, and a matrix that is not finite", async () => {
    await expect(eigenpairs(operator, { key, count: 116 })).rejects.toThrow(
      "hessian: expected 1 to 115 eigenvalues of a matrix with 115 rows, got 116",
    );
    const broken = denseOperator(matrixWith([1, Number.NaN], rngKey(4)));
    await expect(eigenpairs(broken, { key, count: 1 })).rejects.toThrow(/^hessian: expected a finite product/);
  });
});
