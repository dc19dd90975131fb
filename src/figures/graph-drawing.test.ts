import { describe, expect, it } from "vitest";
import { layOut } from "./graph-layout.ts";
import { graphDrawing } from "./index.ts";

const cycle = (length: number) => ({
  edges: Array.from({ length }, (_, i) => [i, (i + 1) % length] as const),
  components: new Array<number>(length).fill(0),
});

const drawing = (count: number) => ({
  ...cycle(count),
  title: "a < b",
  vertices: Array.from({ length: count }, (_, i) => ({ label: `v${i}`, kind: i % 2 })),
  kinds: ["even", "odd"],
  labels: "numbers",
});

const distance = (a: readonly [number, number], b: readonly [number, number]) => Math.hypot(a[0] - b[0], a[1] - b[1]);

const dots = (svg: string) =>
  [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"/g)].map(([, ...numbers]) => numbers.map(Number));

describe("layOut", () => {
  it("makes a regular polygon of a cycle", () => {
    for (const length of [3, 6, 12]) {
      const graph = cycle(length);
      const places = layOut(graph);
      const sides = graph.edges.map(([a, b]) => distance(places[a] as [number, number], places[b] as [number, number]));
      expect(Math.max(...sides) / Math.min(...sides)).toBeLessThan(1.01);
      const radii = places.map((place) => distance(place, [0, 0]));
      expect(Math.max(...radii) / Math.min(...radii)).toBeLessThan(1.01);
    }
  });

  it("lays a path level, its ends apart", () => {
    const edges = [
      [0, 2],
      [2, 1],
    ] as const;
    const [a, b, middle] = layOut({ edges, components: [0, 0, 0] }) as [number, number][] as [
      [number, number],
      [number, number],
      [number, number],
    ];
    expect(Math.abs(a[0] - b[0])).toBeGreaterThan(1.9);
    expect(Math.abs(a[1] - b[1])).toBeLessThan(0.05);
    expect(distance(middle, [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2])).toBeLessThan(0.2);
  });

  it("keeps components apart", () => {
    const places = layOut({ edges: [[0, 1]], components: [0, 0, 1, 2] });
    const between = places.flatMap((a, i) => places.slice(i + 1).map((b) => distance(a, b)));
    expect(Math.min(...between)).toBeGreaterThan(0.9);
    expect(layOut({ edges: [], components: [0] })).toEqual([[0, 0]]);
  });

  it("gives the same places again", () => {
    expect(layOut(cycle(7))).toEqual(layOut(cycle(7)));
  });
});

describe("graphDrawing", () => {
  it("has a dot for each vertex and kind and a line for each edge, all inside", () => {
    for (const count of [1, 2, 12, 150]) {
      const svg = graphDrawing(drawing(count));
      const [, height] = /viewBox="0 0 480 ([\d.]+)"/.exec(svg) as RegExpExecArray;
      expect(dots(svg).length).toBe(count + 2);
      expect([...svg.matchAll(/<line /g)].length).toBe(count);
      for (const [x, y, radius] of dots(svg) as [number, number, number][]) {
        expect(Math.min(x - radius, y - radius, 480 - x - radius, Number(height) - y - radius)).toBeGreaterThan(0);
      }
      expect(svg).not.toMatch(/NaN|Infinity/);
    }
  });

  it("escapes its texts", () => {
    expect(graphDrawing(drawing(3))).toContain("a &lt; b");
  });

  it("writes labels into dots that do not overlap, elsewhere behind them", () => {
    const few = graphDrawing(drawing(12));
    expect(few).toMatch(/<text [^>]*>v11<\/text>/);
    expect(few).toContain("numbers");
    const many = graphDrawing(drawing(150));
    expect(many).toContain("<title>v149</title>");
    expect(many).not.toContain("numbers");
  });
});
