import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { expansionGoldens } from "../golden/counting/goldens.ts";
import { orbifold, temporaryFolder } from "./orbifold.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

async function count(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, "count", ...words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

const json = async (...words: readonly string[]) => JSON.parse(await count(...words, "--json"));

describe("the documents of --json", () => {
  it("minima", async () => {
    const plain = await json("minima", "--widths", "784,512,512,10");
    expect(plain).toMatchObject({ digits: 2334, signs: 0, continuousDimension: 1024, truncatedLog10: 2332 });
    expect(plain.log10).toBeCloseTo(2333.082482, 6);
    expect(plain.value).toMatch(/^\d{2334}$/);
    expect(Number(`0.${plain.value.slice(0, 17)}`)).toBeCloseTo(10 ** (plain.log10 - 2334), 9);
    const odd = await json("minima", "--widths", "784,512,512,10", "--activation", "tanh");
    expect(odd).toMatchObject({ digits: 2642, signs: 1024, continuousDimension: 0 });
    expect(odd.log10).toBeCloseTo(2641.337197, 6);
    expect(BigInt(odd.value)).toBe(BigInt(plain.value) << 1024n);
  });

  it("minima of a convolutional network", async () => {
    const channels = "64,64,128,128,256,256,256,512,512,512,512,512,512";
    const found = await json("minima", "--channels", channels, "--dense", "4096,4096");
    expect(Math.abs(found.log10 - 35168.54964)).toBeLessThan(1e-6);
    expect(found.truncatedLog10).toBe(35160);
  });

  it("minima beyond what can be written", async () => {
    const found = await json("minima", "--widths", "1,10000000,1");
    expect(found).toMatchObject({ digits: 65_657_060, value: null, valueOmitted: "more than 20,000,000 digits" });
    expect(found.log10).toBeCloseTo(65_657_059.080059, 5);
  });

  it("expansion", async () => {
    const { r, m, T, G } = expansionGoldens.at(-1) as (typeof expansionGoldens)[number];
    const found = await json("expansion", "--r", `${r}`, "--m", `${m}`, "--inputs", "2");
    expect(found).toMatchObject({ T, G, connected: true, isLowerBound: false });
    expect(found.log10T).toBeCloseTo(Math.log10(Number(T)), 9);
    expect(found.log10G).toBeCloseTo(Math.log10(Number(G)), 9);
    expect(found.dimensions).toEqual({ inputs: 2, outputs: 1, smallest: m - r, largest: 2 * (m - r) });
    expect(found.seconds).toBeLessThan(1);
  });

  it("expansion of several layers", async () => {
    const found = await json("expansion", "--r", "2,3", "--m", "3,4");
    expect(found).toMatchObject({ T: "720", G: "216", connected: true, isLowerBound: true, dimensions: null });
  });

  it("points", async () => {
    const found = await json("points", "--width", "6", "--order", "2");
    expect(found.log10).toBeCloseTo(Math.log10(1080), 9);
    expect(found).toMatchObject({
      value: "1080",
      digits: 4,
      ratioToMinima: { numerator: "3", denominator: "2", value: 1.5 },
      surjections: "1560",
    });
    const { value, ratioToMinima, ratioWithinLayers } = await json("points", "--width", "10,10", "--order", "2");
    expect(ratioToMinima).toEqual({ numerator: "137", denominator: "4", value: 34.25 });
    expect(ratioWithinLayers.value).toBe(14);
    expect(Number(value)).toBe(3628800 ** 2 * 34.25);
  });

  it("ratio", async () => {
    const { crossing, points, figure } = await json("ratio", "--r", "20", "--h", "3..7");
    expect({ crossing, figure }).toEqual({ crossing: 5, figure: null });
    expect(points.map(({ h }: { h: number }) => h)).toEqual([3, 4, 5, 6, 7]);
    for (const { h, G, T, ratio } of points) expect([h, BigInt(G) < BigInt(T), ratio < 1]).toEqual([h, h >= 5, h >= 5]);
  });

  it("graph", async () => {
    const { vertices, edges, components } = await json("graph", "--r", "3", "--m", "4");
    expect([vertices.length, edges.length, components]).toEqual([60, 72, 1]);
    expect(vertices[0]).toEqual({ roles: [0, 0, 1, 2], label: "1123", zeroGroups: 0, degree: 2, component: 0 });
  });
});

describe("the words for a person", () => {
  it("are short and fit 80 columns", async () => {
    for (const words of [
      ["--help"],
      ["minima", "--widths", "784,512,512,10"],
      ["expansion", "--r", "4", "--m", "6"],
      ["points", "--width", "10,10", "--order", "2"],
      ["ratio", "--r", "10"],
      ["ratio", "--r", "10", "--h", "3..3"],
      ["ratio", "--r", "30", "--h", "0..200"],
      ["graph", "--r", "2", "--m", "3"],
    ]) {
      expect((await count(...words)).split("\n").filter((line) => line.length > 80)).toEqual([]);
    }
  });

  it("give short integers in full, and long ones by their logarithm", async () => {
    expect(await count("minima", "--widths", "2,5,1")).toMatch(/^120 equivalent minima\n/);
    expect(await count("minima", "--widths", "784,512,512,10")).toMatch(
      /^10\^2333\.082482 \(2,334 digits\) equivalent/,
    );
    expect(await count("expansion", "--r", "4", "--m", "6")).toMatch(/T +3720 .*\n.*G +1560 /);
  });

  it("say what a count of signs depends on", async () => {
    const sigmoid = await count("minima", "--channels", "8", "--activation", "sigmoid");
    expect(sigmoid).toContain("sigmoid(-z) = 1 - sigmoid(z)");
    expect(sigmoid).toContain("not a max pooling");
    expect(await count("minima", "--channels", "8")).not.toContain("pooling");
  });
});

describe("figures", () => {
  /** Mean width of a letter in the font of Chromium on Debian, at size 14. */
  const letter = 6.6;

  it.each([
    [["ratio", "--r", "10"], "curve.svg", "Saddles per global minimum: G(9, 10 + h) / T(10, 10 + h)"],
    [["graph", "--r", "2", "--m", "3"], "graph.svg", "12 subspaces of 2 neurons in 3 units"],
  ])("%j writes an SVG, and does not replace one unasked", async (words, name, title) => {
    const path = join(folder.path, name);
    expect((await json(...words, "-o", name)).figure).toBe(name);
    const figure = readFileSync(path, "utf8");
    expect(figure).toMatch(/^<svg /);
    const lines = [...figure.matchAll(/<text x="([\d.]+)"[^>]*text-anchor="start"[^>]*>([^<]*)/g)];
    expect(Math.max(...lines.map(([, x, text]) => Number(x) + letter * (text as string).length))).toBeLessThan(480);
    expect(figure).toContain(title);
    writeFileSync(path, "mine");
    const { status, stderr } = await orbifold(folder.path, "count", ...words, "-o", name);
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining("already exists") });
    expect(readFileSync(path, "utf8")).toBe("mine");
    await count(...words, "-o", name, "--force");
    expect(readFileSync(path, "utf8")).toBe(figure);
  });
});

describe("wrong input is told in one line", () => {
  it.concurrent.each(
    [
      [[], "count: expected 1 argument, got none"],
      [["minma"], 'count: expected one of minima, .*, got "minma"; did you mean minima\\?'],
      [["toString"], 'count: expected one of minima, .*, got "toString"'],
      [["minima"], "--widths: is needed; name the widths"],
      [["minima", "--widths", "8"], '--widths: expected the inputs, the hidden layers and the outputs, got "8"'],
      [["minima", "--widths", "8,-4,2"], '--widths: expected a whole number from 1 to 10000000, got "-4"'],
      [["minima", "--widths", "8,4.5,2"], '--widths: .*, got "4.5"'],
      [["minima", "--widths", "8,,2"], '--widths: .*, got ""'],
      [
        ["minima", "--widths", "8,4,2", "--channels", "3"],
        "--widths: expected either --widths or --channels and --dense",
      ],
      [["minima", "--widths", "1,9000000,9000000,1"], "count minima: expected at most 10,000,000 hidden units"],
      [["minima", "--widths", "8,4,2", "--activation", "tahn"], '--activation: .*, got "tahn"; did you mean tanh\\?'],
      [
        ["minima", "--widths", "8,4,2", "--r", "3"],
        "count: expected an option of count minima, got --r; it takes --widths",
      ],
      [["expansion", "--m", "3"], "--r: is needed; give the width of the minimal network"],
      [
        ["expansion", "--r", "4", "--m", "3"],
        "--m: expected at least --r 4, got 3; a network cannot be expanded to fewer",
      ],
      [["expansion", "--r", "0", "--m", "3"], '--r: expected a whole number from 1 .*, got "0"'],
      [["expansion", "--r", "2,3", "--m", "4"], "--m: expected as many widths as --r has, 2, got 1"],
      [
        ["expansion", "--r", "1", "--m", "100000"],
        "count: expected less than a minute of work, got about .* s; lower --m",
      ],
      [["points", "--width", "10"], "--order: is needed"],
      [["points", "--width", "10", "--order", "6"], '--order: expected a whole number from 0 to 5, got "6"'],
      [["points", "--width", "10", "--order", "-1"], '--order: expected a whole number from 0 to 5, got "-1"'],
      [["points", "--width", "ten", "--order", "1"], '--width: expected a whole number from 1 to 1000000, got "ten"'],
      [["ratio"], "--r: is needed"],
      [["ratio", "--r", "3", "--k", "3"], '--k: expected a whole number from 0 to 2, got "3"'],
      [["ratio", "--r", "3", "--h", "5..2"], '--h: expected a range such as 0..20 within 0..500, got "5..2"'],
      [["ratio", "--r", "3", "--h", "5"], "--h: expected a range"],
      [["graph", "--r", "3", "--m", "2"], "--m: expected at least --r 3, got 2"],
      [["graph", "--r", "4", "--m", "6"], "count graph: expected at most 2000 subspaces, got 3720; lower --m"],
      [["ratio", "--r", "3", "-o", "never.png"], '--out: expected a name that ends in .svg, got "never.png"'],
      [
        ["graph", "--r", "3", "--m", "5", "-o", "never.svg"],
        "count graph: expected at most 400 subspaces in a figure, got 450",
      ],
    ].map(([words, message]) => [(words as string[]).join(" "), words as string[], message as string] as const),
  )("count %s", async (_, words, message) => {
    const { status, stdout, stderr } = await orbifold(folder.path, "count", ...words);
    expect(stderr).toMatch(new RegExp(`^orbifold: ${message}.*\n$`));
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(existsSync(join(folder.path, "never.svg"))).toBe(false);
  });
});
