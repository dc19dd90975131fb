import { describe, expect, it } from "vitest";
import { rngKey, uniform } from "../tensor/index.ts";
import { barrier, type Measurer, type Profile, sampleCurve } from "./index.ts";

const curve =
  (loss: (t: number) => number, error: (t: number) => number | null = () => null): Measurer =>
  async (positions) =>
    positions.map((t) => ({ t, loss: loss(t), error: error(t) }));

/** Far above the rounding of the curves, far below what is asserted. */
const precise = { tolerance: 1e-12 };

describe("sampling", () => {
  it("measures both ends, in order, each position once", async () => {
    for (const points of [2, 3, 8, 25]) {
      const { points: samples } = await sampleCurve(
        curve((t) => Math.sin(5 * t)),
        { points },
      );
      const ts = samples.map(({ t }) => t);
      expect([ts[0], ts.at(-1)]).toEqual([0, 1]);
      expect(ts).toEqual([...new Set(ts)].sort((a, b) => a - b));
      const grid = await sampleCurve(
        curve((t) => t),
        { points, tolerance: null },
      );
      expect(grid.points.map(({ t }) => t)).toEqual(Array.from({ length: points }, (_, i) => i / (points - 1)));
      expect(grid.refinement).toBeNull();
    }
  });

  it("finds the maximum of a parabola between the points of any grid", async () => {
    for (let points = 2; points <= 30; points++) {
      const profile = await sampleCurve(
        curve((t) => 5 * t - 4 * t * t),
        { points, ...precise },
      );
      expect(barrier(profile, "absolute")).toBeCloseTo(25 / 16, 9);
      expect(barrier(profile, "mid")).toBeCloseTo(25 / 16 - 1 / 2, 9);
      expect(barrier(profile, "chord")).toBeCloseTo(1, 9);
      expect(profile.refinement?.tolerance).toBe(1e-12);
      expect(profile.refinement?.change).toBeLessThanOrEqual(1e-12);
    }
  });

  it("finds the barrier of 2 between neighbouring minima of the egg carton", async () => {
    const carton = (x: number, y: number) => Math.cos(2 * Math.PI * x) + Math.cos(2 * Math.PI * y);
    for (let points = 2; points <= 12; points++) {
      const profile = await sampleCurve(
        curve((t) => carton(0.5 + t, 0.5)),
        { points, ...precise },
      );
      for (const definition of ["mid", "chord"] as const) expect(barrier(profile, definition)).toBeCloseTo(2, 9);
      expect(barrier(profile, "absolute")).toBeCloseTo(0, 9);
    }
  });

  it("finds 2.976668 on the straight line through the curvy valley, at t = .80424", async () => {
    const x0 = (5 * Math.PI) / 2;
    const b = 1 / (2 * x0 * x0);
    const valley = (x: number, y: number) => (y - Math.sin(x)) ** 2 + (b * x ** 4 - x ** 2) * 4 * b + 1;
    const profile = await sampleCurve(
      curve((t) => valley(x0 * (1 - 2 * t), 1 - 2 * t)),
      precise,
    );
    expect(barrier(profile, "absolute")).toBeCloseTo(2.976668, 6);
    const highest = profile.points.filter(({ t, loss }) => t > 0.5 && loss > 2.976667);
    for (const { t } of highest) expect(t).toBeCloseTo(0.80424, 3);
    expect(highest.length).toBeGreaterThan(0);
  });

  it("keeps its tolerance on curves of several hills", async () => {
    for (let seed = 0; seed < 40; seed++) {
      const { data } = uniform(rngKey(seed), [6], { dtype: "float64", low: -1, high: 1 });
      const [p, q, r, u, v, w] = data as unknown as [number, number, number, number, number, number];
      const loss = (t: number) => p * Math.sin(7 * t + u) + q * Math.sin(13 * t + v) + r * Math.sin(19 * t + w);
      const profile = await sampleCurve(curve(loss));
      const dense = Array.from({ length: 20_001 }, (_, i) => loss(i / 20_000));
      expect(Math.max(...dense) - barrier(profile, "absolute")).toBeLessThan(1e-4);
      const chord = dense.map((value, i) => value - loss(0) - (i / 20_000) * (loss(1) - loss(0)));
      expect(Math.max(...chord) - barrier(profile, "chord")).toBeLessThan(1e-4);
      expect(profile.points.length).toBeLessThan(100);
    }
  });

  it("looks for the largest error besides the largest loss", async () => {
    const error = (t: number) => Math.exp(-(((t - 0.313) / 0.05) ** 2));
    const profile = await sampleCurve(
      curve((t) => -((t - 0.8) ** 2), error),
      { tolerance: 1e-9 },
    );
    expect(barrier(profile, "absolute", "error")).toBeCloseTo(1, 8);
    expect(barrier(profile, "absolute")).toBeCloseTo(0, 8);
  });

  it("does not count single samples of an error, nor measure a level curve for ever", async () => {
    const jagged = (t: number) => Math.round(50 * (1 - (2 * t - 1) ** 2) + Math.sin(1000 * t)) / 100;
    const profile = await sampleCurve(curve(() => 1, jagged));
    expect(profile.points.length).toBeLessThan(80);
    expect(barrier(profile, "absolute", "error")).toBeGreaterThanOrEqual(0.5);
    expect((await sampleCurve(curve(() => 1))).points.length).toBeLessThan(40);
  });

  it("keeps NaN and infinities, and does not look beside them", async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const profile = await sampleCurve(
        curve((t) => (t === 0.5 ? value : t)),
        { points: 5 },
      );
      expect(profile.points.map(({ loss }) => loss)).toEqual([0, 0.25, value, 0.75, 1]);
      for (const definition of ["absolute", "mid", "chord"] as const) expect(barrier(profile, definition)).toBe(value);
    }
  });

  it("refuses a path with fewer points than ends, and a tolerance that is never met", async () => {
    for (const points of [1, 0, 2.5]) {
      await expect(
        sampleCurve(
          curve((t) => t),
          { points },
        ),
      ).rejects.toThrow(/^profile: expected at least 2 points/);
    }
    await expect(
      sampleCurve(
        curve((t) => t),
        { tolerance: 0 },
      ),
    ).rejects.toThrow("profile: expected a tolerance above 0, got 0");
  });
});

describe("barriers", () => {
  const found: Profile = {
    points: [
      { t: 0, loss: 1, error: 0.1 },
      { t: 0.25, loss: 4, error: 0.5 },
      { t: 1, loss: 3, error: 0.3 },
    ],
    refinement: null,
  };

  it("are those of the three definitions, from one profile", () => {
    const all = (of: "loss" | "error") =>
      (["absolute", "mid", "chord"] as const).map((each) => barrier(found, each, of));
    expect(all("loss")).toEqual([4, 2, 2.5]);
    expect(all("error").map((x) => x.toFixed(12))).toEqual(["0.500000000000", "0.300000000000", "0.350000000000"]);
  });

  it("are exactly zero on a level path, and never below along the chord", () => {
    for (const loss of [0.1, 1 / 3, 1e300]) {
      const level = { ...found, points: [0, 0.1, 1 / 3, 0.7, 1].map((t) => ({ t, loss, error: null })) };
      expect([barrier(level, "mid"), barrier(level, "chord"), barrier(level, "absolute")]).toEqual([0, 0, loss]);
    }
    const valley = { ...found, points: [0.3, -5, 0.7].map((loss, i) => ({ t: i / 2, loss, error: null })) };
    expect(barrier(valley, "chord")).toBe(0);
    const steep = { ...found, points: [1e16, -5, 1].map((loss, i) => ({ t: i / 2, loss, error: null })) };
    expect(barrier(steep, "chord")).toBe(0);
  });

  it("of the error are refused where there is none", () => {
    const regression = { ...found, points: found.points.map((point) => ({ ...point, error: null })) };
    expect(() => barrier(regression, "mid", "error")).toThrow("barrier: expected a classification, got a regression");
  });
});
