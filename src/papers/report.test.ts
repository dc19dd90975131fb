import { describe, expect, it } from "vitest";
import { explained, judged, notRun } from "./claims.ts";
import type { Paper } from "./paper.ts";
import { reportPage } from "./report.ts";
import { csv, formatQuantity } from "./table.ts";

const statement = { id: "x", claim: "a < b & c", published: 3 };

describe("claims", () => {
  it("hold or fail", () => {
    expect(judged(statement, 3, true)).toEqual({ ...statement, measured: 3, status: "pass" });
    expect(judged(statement, 4, false).status).toBe("fail");
  });

  it("are different only where the reason explains what was measured", () => {
    expect(explained(statement, 4, true, "rounded")).toMatchObject({ status: "different", why: "rounded" });
    expect(explained(statement, 5, false, "rounded")).toEqual({ ...statement, measured: 5, status: "fail" });
  });
});

describe("numbers", () => {
  it.each([
    [35168.54964000001, "35168.54964"],
    [1234567, "1,234,567"],
    [-0.03981329293123, "-0.03981329293"],
    [1.0129462890614086e-5, "1.012946289e-5"],
    [4.866979518e-16, "4.9e-16"],
    [0, "0"],
    ["all 6", "all 6"],
    [null, "–"],
  ])("show %j as %s", (value, text) => {
    expect(formatQuantity(value)).toBe(text);
  });

  it("are quoted in CSV where they have to be", () => {
    const rows = [
      ["(1,2)", 0.5],
      ['say "x"', 1e-20],
    ];
    expect(csv({ columns: ["pair", "t"], rows })).toBe('pair,t\r\n"(1,2)",0.5\r\n"say ""x""",1e-20\r\n');
  });
});

describe("the report", () => {
  const paper: Paper = {
    name: "p",
    title: "On <this>",
    authors: "A & B",
    year: 2020,
    arxiv: "2000.00001",
    summary: "Short.",
    studies: [],
  };
  const run = { command: "orbifold reproduce p", version: "1.2.3", quick: true };

  it("escapes what it shows, and counts the claims", () => {
    const claims = [
      judged(statement, 3, true),
      explained({ ...statement, id: "y" }, 4, true, "b < c"),
      notRun({ ...statement, id: "z" }, "no data"),
    ];
    const html = reportPage(paper, { claims, figures: [] }, run);
    expect(html).toContain("<h1>On &lt;this></h1>");
    expect(html).toContain("a &lt; b &amp; c");
    expect(html).toContain("<b>Why:</b> b &lt; c");
    expect(html).toContain('<span class="pass">1 holds</span> <span class="different">1 different</span>');
    expect(html).toContain('<span class="not-run">not run</span>');
    expect(html.match(/<tr id=/g)).toHaveLength(3);
  });

  it("says where a value is from that the paper does not print", () => {
    const claims = (["formula", "program", "correction"] as const).map((origin) =>
      judged({ ...statement, id: origin, origin }, 3, true),
    );
    const html = reportPage(paper, { claims: [judged(statement, 3, true), ...claims], figures: [] }, run);
    const published = [...html.matchAll(/data-label="Published"><div>(.*?)<\/div>/g)].map(([, cell]) => cell);
    expect(published).toEqual([
      "3",
      '3<p class="note">not printed: by the paper\'s formula</p>',
      '3<p class="note">not the paper\'s: by another program</p>',
      '3<p class="note">not the paper\'s: corrected here</p>',
    ]);
  });

  it("shows a figure with its numbers and the command that makes it", () => {
    const figure = {
      id: "f",
      title: "F",
      caption: "What it shows.",
      svg: "<svg></svg>",
      data: { columns: ["a"], rows: [[1]] },
    };
    const html = reportPage(paper, { claims: [], figures: [figure, { ...figure, command: "orbifold count" }] }, run);
    expect(html).toContain("<pre>a\r\n1\r\n</pre>");
    expect(html).toContain('<p class="note"><code>orbifold reproduce p</code></p>');
    expect(html).toContain('<p class="note"><code>orbifold count</code></p>');
  });
});
