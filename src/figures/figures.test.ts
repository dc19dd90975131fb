import { describe, expect, it } from "vitest";
import { coarseCells, dotChart, heatMap, lineChart } from "./index.ts";
import { formatPower, formatTick, niceTicks } from "./ticks.ts";

describe("niceTicks", () => {
  it("covers the range with round numbers", () => {
    expect(niceTicks(0, 1).map(formatTick)).toEqual(["0", "0.2", "0.4", "0.6", "0.8", "1"]);
    expect(niceTicks(-3, 12).map(formatTick)).toEqual(["0", "5", "10"]);
    expect(niceTicks(0, 2.4e-6).map(formatTick)).toEqual(
      ["0", "5e-7", "0.000001", "0.0000015", "0.000002"].map((t) => formatTick(Number(t))),
    );
  });

  it("gives one tick for an empty range", () => {
    expect(niceTicks(2, 2)).toEqual([2]);
  });
});

describe("lineChart", () => {
  const chart = {
    title: "a < b & c",
    x: "t",
    y: "loss",
    series: [
      {
        name: "one",
        points: [
          [0, 1],
          [0.5, Number.NaN],
          [1, 3],
        ] as [number, number][],
      },
    ],
  };

  it("escapes its texts and starts a curve anew behind a gap", () => {
    const svg = lineChart(chart);
    expect(svg).toContain("a &lt; b &amp; c");
    const [, path] = /<path d="([^"]*)"/.exec(svg) as RegExpExecArray;
    expect(path).toMatch(/^M[\d. ]+M[\d. ]+$/);
    expect(svg).not.toContain("NaN");
  });

  it("draws a dot at every finite point where it is told to, and no line", () => {
    const [one] = chart.series as [(typeof chart.series)[0]];
    const svg = lineChart({ ...chart, series: [{ ...one, dots: true }] });
    expect([...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => x)).toEqual(["72", "456"]);
    expect(svg).not.toMatch(/<path|NaN/);
  });

  it("puts the first point left, the last right, and larger values higher", () => {
    const [, path] = /<path d="([^"]*)"/.exec(
      lineChart({
        ...chart,
        series: [
          {
            name: "",
            points: [
              [0, 1],
              [1, 3],
            ],
          },
        ],
      }),
    ) as RegExpExecArray;
    const [x0, y0, x1, y1] = [...(path as string).matchAll(/[\d.]+/g)].map(Number) as [number, number, number, number];
    expect([x0, x1]).toEqual([72, 456]);
    expect(y1).toBeLessThan(y0);
  });

  it("names several curves in a legend", () => {
    const series = ["train", "test"].map((name) => ({
      name,
      points: [
        [0, 0],
        [1, 1],
      ] as [number, number][],
    }));
    expect(lineChart({ ...chart, series })).toMatch(/train.*test/s);
  });

  it("has powers of ten on a logarithmic axis, also beyond the doubles", () => {
    const points = [
      [0, -2000.5],
      [1, 0.3],
    ] as [number, number][];
    const svg = lineChart({ ...chart, logarithmic: true, series: [{ name: "", points }] });
    expect([...svg.matchAll(/text-anchor="end">([^<]*)</g)].map(([, label]) => label)).toEqual([
      "10⁻²⁰⁰⁰",
      "10⁻¹⁵⁰⁰",
      "10⁻¹⁰⁰⁰",
      "10⁻⁵⁰⁰",
      "1",
    ]);
    expect([-3, -1, 0, 1, 12].map(formatPower)).toEqual(["10⁻³", "0.1", "1", "10", "10¹²"]);
  });
});

describe("dotChart", () => {
  const rows = [
    { name: "first", values: [0, 1], band: [-0.1, 0.1] as const },
    { name: "a layer with a long name", values: [0.5, Number.NaN], band: [0, 0] as const },
  ];
  const svg = dotChart({ title: "t", x: "cosine", series: ["before", "after"], band: "chance", rows });

  it("has a dot for every finite value, further right where it is larger, in the row of its name", () => {
    const dots = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="5" fill="(#\w+)"/g)];
    const [zero, one, half] = dots.map(([, x]) => Number(x)) as [number, number, number];
    expect(dots.length).toBe(3);
    expect(one).toBeGreaterThan(zero);
    expect(half).toBeCloseTo((zero + one) / 2, 1);
    const [first, , last] = dots.map(([, , y]) => Number(y)) as [number, number, number];
    expect(last).toBeGreaterThan(first);
    expect(dots[0]?.[3]).not.toBe(dots[1]?.[3]);
  });

  it("draws the band around what chance gives, and the end of a long name", () => {
    const [, x, width] = /<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="18"/.exec(svg) as RegExpExecArray;
    const centre = Number(/<circle cx="([\d.]+)"/.exec(svg)?.[1]);
    expect(Number(x) + Number(width) / 2).toBeCloseTo(centre, 1);
    expect(svg).toContain(">…with a long name<");
    expect(svg).not.toContain("NaN");
  });
});

describe("heatMap", () => {
  it("takes the largest number that a cell covers", () => {
    const size = 92;
    const diagonal = Float64Array.from({ length: size ** 2 }, (_, i) => (i % (size + 1) === 0 ? 0.9 : -0.2));
    const cells = coarseCells(diagonal, size);
    expect(cells).toEqual(Array.from({ length: 46 ** 2 }, (_, i) => (i % 47 === 0 ? 0.9 : -0.2)));
    const falling = coarseCells(
      diagonal.map((_, i) => -i),
      size,
    );
    expect(falling.slice(0, 2)).toEqual([-0, -2]);
    expect(falling[46]).toBe(-2 * size);
    expect(coarseCells(Float64Array.of(1, 2, 3, 4), 2)).toEqual([1, 2, 3, 4]);
    expect(coarseCells(new Float64Array(100 ** 2).fill(0.5), 100)).toEqual(new Array(46 ** 2).fill(0.5));
  });

  it("draws every cell once, in a colour of its number", () => {
    const panels = [
      { name: "before", cells: [0, 1, 1, -1] },
      { name: "after", cells: [1, 0, 0, 1] },
    ] as const;
    const svg = heatMap({ title: "t", rows: "r", columns: "c", scale: "cosine", size: 2, panels });
    const paths = [...svg.matchAll(/<path fill="(#\w+)" d="([^"]*)"\/>/g)].map(([, fill, d]) => [fill, d]);
    const [none, full, opposite] = ["#ffffff", "#003c78", "#b23c00"];
    expect(paths).toEqual([
      [none, "M0 0h1v1h-1z"],
      [full, "M1 0h1v1h-1zM0 1h1v1h-1z"],
      [opposite, "M1 1h1v1h-1z"],
      [full, "M0 0h1v1h-1zM1 1h1v1h-1z"],
      [none, "M1 0h1v1h-1zM0 1h1v1h-1z"],
    ]);
  });
});

it("a long title is set in smaller letters", () => {
  const sizeOf = (title: string) =>
    Number(/font-size="([\d.]+)" font-weight/.exec(lineChart({ title, x: "", y: "", series: [] }))?.[1]);
  expect([sizeOf("short"), sizeOf("x".repeat(90)) < 9]).toEqual([16, true]);
});
