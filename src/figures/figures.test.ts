import { describe, expect, it } from "vitest";
import { lineChart } from "./index.ts";
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
    expect([x0, x1]).toEqual([72, 616]);
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
