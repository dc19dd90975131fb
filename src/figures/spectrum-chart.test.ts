import { describe, expect, it } from "vitest";
import { densityChart, eigenvalueChart } from "./index.ts";

const labels = { title: "H", x: "eigenvalue", y: "density" };

/** The places of a path. */
function placesIn(path: string): readonly (readonly [number, number])[] {
  const numbers = [...path.matchAll(/[\d.]+/g)].map(Number);
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i] as number, numbers[2 * i + 1] as number]);
}

describe("densityChart", () => {
  const points = [-1, 0, 1, 2].map((at, i) => ({ at, density: 10 ** -i, standardError: 10 ** -i / 10 }));
  const svg = densityChart({ ...labels, points, floor: 1e-3 });
  const paths = [...svg.matchAll(/<path d="([^"]*)" (fill="none")?/g)];
  const lines = paths.filter(([, , none]) => none).map(([, path]) => placesIn(path as string));
  const bands = paths.filter(([, , none]) => !none).map(([, path]) => placesIn(path as string));

  it("has both signs on one scale, a decade for every power of ten", () => {
    const [positive, negative] = lines as [(typeof lines)[number], (typeof lines)[number]];
    expect(positive.map(([x]) => x)).toEqual([200, 328, 456]);
    expect(negative.map(([x]) => x)).toEqual([72, 200]);
    // Three decades from the floor to the largest; the band's upper edge is beyond the largest density.
    const heights = [...negative, ...positive.slice(1)].map(([, y]) => y);
    const steps = heights.slice(1).map((y, i) => y - (heights[i] as number));
    for (const step of steps) expect(step).toBeCloseTo(steps[0] as number, 1);
    expect(steps[0]).toBeGreaterThan(0);
    expect(svg).toMatch(/positive.*negative/s);
  });

  it("has a band from one standard error above to one below", () => {
    const [band] = bands as [(typeof bands)[number]];
    const [line] = lines as [(typeof lines)[number]];
    expect(band.length).toBe(2 * line.length);
    expect(band[0]?.[1]).toBeLessThan(line[0]?.[1] as number);
    expect(band.at(-1)?.[1]).toBeGreaterThan(line[0]?.[1] as number);
  });

  it("cuts what is below the floor", () => {
    const cut = densityChart({ ...labels, points: points.map((point) => ({ ...point, density: 0 })), floor: 1e-3 });
    expect(cut).not.toMatch(/NaN|Infinity/);
  });
});

describe("eigenvalueChart", () => {
  const circles = (svg: string) =>
    [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="\d" fill="([^"]+)"/g)].map(([, x, y, colour]) => ({
      x: Number(x),
      y: Number(y),
      colour,
    }));

  it("puts eigenvalues in their order, by size, coloured by sign", () => {
    const dots = circles(eigenvalueChart({ ...labels, values: [100, 10, 0, -10], zero: 1e-3 }));
    expect(dots.map(({ x }) => x)).toEqual([72, 200, 328, 456]);
    const [first, second, none, negative] = dots as [Dot, Dot, Dot, Dot];
    expect(first.y).toBeLessThan(second.y);
    expect(second.y).toBe(negative.y);
    expect(none.y).toBeGreaterThan(second.y);
    expect(first.colour).toBe(second.colour);
    expect(new Set(dots.map(({ colour }) => colour)).size).toBe(3);
  });
  type Dot = ReturnType<typeof circles>[number];

  it("draws a single eigenvalue, and zeros alone", () => {
    for (const values of [[3], [0, 0]]) {
      const svg = eigenvalueChart({ ...labels, values, zero: 0 });
      expect(circles(svg).length).toBe(values.length);
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
  });
});
