import { describe, expect, it } from "vitest";
import { denseOperator, matrixWith } from "../../../test/symmetric-matrix.ts";
import { rngKey } from "../../tensor/index.ts";
import { type Estimate, spectralDensity, spectralMean, spectralQuadrature, traceBeside, traceOf } from "./index.ts";

const key = rngKey(11);

/** Negative, zero and positive eigenvalues; a rank of 60 of 150. */
const spectrum = Float64Array.from({ length: 150 }, (_, i) => (i < 20 ? -(i + 1) / 10 : i < 110 ? 0 : (i - 109) / 5));
const matrix = matrixWith(spectrum, rngKey(1));
const n = spectrum.length;

function meanOf(f: (x: number) => number): number {
  return spectrum.reduce((sum, x) => sum + f(x), 0) / n;
}

/** More standard errors than a right estimate is off by, once in a million. */
const surely = 5;

function expectEstimate({ value, standardError }: Estimate, truth: number): void {
  expect(standardError).toBeGreaterThan(0);
  expect(Math.abs(value - truth)).toBeLessThan(surely * standardError);
}

describe("spectralQuadrature", () => {
  it("has weights of sum 1 for every probe, and moments like those of the spectrum", async () => {
    const found = await spectralQuadrature(denseOperator(matrix), { key, probes: 24, steps: 70 });
    expect(found.length).toBe(24);
    for (const { nodes, weights } of found) {
      expect(nodes.length).toBe(weights.length);
      expect(weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 12);
      expect(nodes).toEqual(nodes.toSorted());
    }
    for (const power of [1, 2, 3]) {
      expectEstimate(
        spectralMean(found, (x) => x ** power),
        meanOf((x) => x ** power),
      );
    }
    expectEstimate(
      spectralMean(found, (x) => (x < -0.05 ? 1 : 0)),
      20 / 150,
    );
  });

  it("is exact for the probe: its mean of x^k is z' H^k z / z'z up to k = 2 steps - 1", async () => {
    const dense = denseOperator(matrix);
    const asked: Float64Array[] = [];
    const watched = {
      ...dense,
      products: async (vectors: Parameters<typeof dense.products>[0]) => {
        for (const vector of vectors) asked.push(Float64Array.from(vector));
        return dense.products(vectors);
      },
    };
    const steps = 4;
    const found = await spectralQuadrature({ ...watched, width: 1 }, { key, probes: 2, steps });
    for (const [i, quadrature] of found.entries()) {
      const start = asked[i * steps] as Float64Array;
      let power: ArrayLike<number> = start;
      for (let k = 1; k < 2 * steps; k++) {
        [power] = (await dense.products([Float64Array.from(power)])) as [Float64Array];
        const expected = start.reduce((sum, x, j) => sum + x * (power[j] as number), 0);
        const got = quadrature.nodes.reduce((sum, x, j) => sum + (quadrature.weights[j] as number) * x ** k, 0);
        expect(got / expected).toBeCloseTo(1, 10);
      }
    }
  });

  it("ends early where the probes' space is invariant, with all eigenvalues in it", async () => {
    const few = matrixWith([2, 2, 2, 5, 5, -1], rngKey(2));
    for (const { nodes } of await spectralQuadrature(denseOperator(few), { key, probes: 4, steps: 6 })) {
      expect(nodes.length).toBe(3);
      for (const [i, value] of [-1, 2, 5].entries()) expect(nodes[i]).toBeCloseTo(value, 12);
    }
  });

  it("does not depend on how many products are asked for at once, and stays the same for the same key", async () => {
    const [one, many] = [1, 4].map((width) => denseOperator(matrix, { width }));
    const options = { key, probes: 4, steps: 5 };
    const found = await spectralQuadrature(one as NonNullable<typeof one>, options);
    expect(await spectralQuadrature(many as NonNullable<typeof many>, options)).toEqual(found);
    expect(await spectralQuadrature(denseOperator(matrix), { ...options, key: rngKey(12) })).not.toEqual(found);
  });
});

describe("spectralDensity", () => {
  it("has integral 1, and the spectrum's own smoothed density within its error", async () => {
    const found = await spectralQuadrature(denseOperator(matrix), { key, probes: 30, steps: 60 });
    const { grid, density, standardError, width } = spectralDensity(found, 0.3);
    expect(width).toBe(0.3);
    const step = (grid[1] as number) - (grid[0] as number);
    expect(step * density.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 8);
    const curve = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
    for (const [i, x] of grid.entries()) {
      if (i % 10 > 0) continue;
      const truth = meanOf((value) => curve((x - value) / width) / width);
      expect(Math.abs((density[i] as number) - truth)).toBeLessThan(surely * (standardError[i] as number) + 1e-7);
    }
  });

  it("puts each node where it is, with its weight and not a count", () => {
    const nodes = [
      { nodes: Float64Array.of(-1, 3), weights: Float64Array.of(0.25, 0.75) },
      { nodes: Float64Array.of(-1, 3), weights: Float64Array.of(0.35, 0.65) },
      { nodes: Float64Array.of(-1, 3), weights: Float64Array.of(0.3, 0.7) },
    ];
    const { grid, density, standardError } = spectralDensity(nodes, 0.05);
    const half = grid.findIndex((x) => x > 1);
    const step = (grid[1] as number) - (grid[0] as number);
    expect(step * density.subarray(0, half).reduce((sum, x) => sum + x, 0)).toBeCloseTo(0.3, 6);
    const peak = grid.findIndex((x) => x >= 3);
    expect((standardError[peak] as number) / (density[peak] as number)).toBeCloseTo(Math.sqrt(0.005 / 2 / 3) / 0.7, 6);
  });

  it("takes more nodes than a call has arguments", () => {
    const count = 200_000;
    const nodes = Float64Array.from({ length: count }, (_, i) => i / (count - 1));
    const many = { nodes, weights: new Float64Array(count).fill(1 / count) };
    const { grid, density } = spectralDensity([many, many], 0.5);
    expect([grid[0], grid.at(-1)]).toEqual([-3, 4]);
    // A uniform density under a normal curve that it covers up to one deviation on either side: erf(1 / sqrt 2).
    expect(density[grid.indexOf(0.5)]).toBeCloseTo(0.6826894921, 5);
  });
});

describe("the trace", () => {
  const truth = spectrum.reduce((sum, x) => sum + x, 0);

  it.each(["hutchinson", "hutch++"] as const)("is within its standard error (%s)", async (method) => {
    for (const seed of [1, 2, 3]) {
      expectEstimate(await traceOf(denseOperator(matrix), { key: rngKey(seed), method, probes: 60 }), truth);
    }
  });

  it("uses as many products as it is given", async () => {
    for (const [method, probes] of [
      ["hutchinson", 17],
      ["hutch++", 17],
      ["hutch++", 30],
    ] as const) {
      const operator = denseOperator(matrix);
      await traceOf(operator, { key, method, probes });
      expect(operator.asked()).toBe(probes);
    }
  });

  it("is exact by hutch++ where the rank is less than a third of the probes", async () => {
    const low = matrixWith([9, -4, 3, ...new Array(57).fill(0)], rngKey(5));
    const { value, standardError } = await traceOf(denseOperator(low), { key, probes: 15 });
    expect(value).toBeCloseTo(8, 10);
    expect(standardError).toBeLessThan(1e-10);
    const { standardError: plain } = await traceOf(denseOperator(low), { key, probes: 15, method: "hutchinson" });
    expect(plain).toBeGreaterThan(0.1);
  });

  it("is exact for a diagonal matrix by signs", async () => {
    const diagonal = new Float64Array(16);
    for (let i = 0; i < 4; i++) diagonal[5 * i] = i - 7;
    const { value, standardError } = await traceOf(denseOperator(diagonal), { key, method: "hutchinson", probes: 2 });
    expect([value, standardError]).toEqual([-22, 0]);
  });

  it("has the error of what is not known only", async () => {
    const values = [50, -40, 30];
    const whole = new Float64Array(100);
    for (let i = 0; i < 10; i++) whole[11 * i] = values[i] ?? 0.1;
    for (let i = 3; i < 9; i++) whole[i * 10 + i + 1] = whole[(i + 1) * 10 + i] = 0.01;
    whole[1] = whole[10] = 8;
    const rotated = Math.atan2(16, 90) / 2;
    const [c, s] = [Math.cos(rotated), Math.sin(rotated)];
    const vectors = [
      [c, s],
      [-s, c],
      [0, 0, 1],
    ].map((parts) => Float64Array.from({ length: 10 }, (_, i) => parts[i] ?? 0));
    const quotients = vectors.map((v) =>
      v.reduce((sum, x, i) => sum + x * v.reduce((row, y, j) => row + y * (whole[i * 10 + j] as number), 0), 0),
    );
    const { value, standardError } = await traceBeside(
      denseOperator(whole),
      { vectors, values: quotients },
      { key, probes: 8 },
    );
    expect(standardError).toBeLessThan(0.1);
    expect(value).toBeCloseTo(40.7, 0);
  });

  it("needs several probes for its standard error", async () => {
    const few = { key, method: "hutchinson", probes: 1 } as const;
    await expect(traceOf(denseOperator(matrix), few)).rejects.toThrow("hessian: expected at least 2 probes, got 1");
  });
});
