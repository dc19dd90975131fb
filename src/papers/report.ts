import type { Claim, Figure, Findings, Origin, Paper } from "./paper.ts";
import { csv, formatQuantity } from "./table.ts";

/** What a report says of the run that it is about. */
export interface Run {
  readonly command: string;
  readonly version: string;
  readonly quick: boolean;
}

/** The folder of a report's figures, beside it. */
export const figureFolder = "figures";

/** A report as one HTML page that needs nothing else: claims as a table, figures as inline SVG with their numbers. */
export function reportPage(paper: Paper, { claims, figures }: Findings, run: Run): string {
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${text(paper.title)}</title>`,
    `<style>${style}</style>`,
    "</head>",
    "<body>",
    "<main>",
    ...head(paper, claims, run),
    "<h2>Claims</h2>",
    ...table(claims),
    "<h2>Figures</h2>",
    '<div class="figures">',
    ...figures.map((figure) => drawn(figure, run)),
    "</div>",
    "</main>",
    "</body>",
    "</html>\n",
  ].join("\n");
}

const words = { pass: "holds", fail: "fails", different: "different", "not-run": "not run" } as const;
const plurals = { ...words, pass: "hold", fail: "fail" } as const;

function head({ title, authors, year, arxiv, summary }: Paper, claims: readonly Claim[], run: Run): string[] {
  const counts = (Object.keys(words) as (keyof typeof words)[])
    .map((status) => ({ status, count: claims.filter((claim) => claim.status === status).length }))
    .filter(({ count }) => count > 0)
    .map(({ status, count }) => `<span class="${status}">${count} ${(count === 1 ? words : plurals)[status]}</span>`);
  return [
    "<header>",
    `<p class="kind">A reproduction${run.quick ? ", the quick one" : ""}</p>`,
    `<h1>${text(title)}</h1>`,
    `<p class="source">${text(authors)}, ${year}, arXiv ${text(arxiv)}</p>`,
    `<p>${text(summary)}</p>`,
    `<p class="counts">${counts.join(" ")}</p>`,
    `<p class="made">Made by <code>${text(run.command)}</code>, version ${text(run.version)}.</p>`,
    "</header>",
  ];
}

function table(claims: readonly Claim[]): string[] {
  return [
    "<table>",
    "<thead><tr><th>Claim</th><th>Published</th><th>Measured</th><th>Result</th></tr></thead>",
    "<tbody>",
    ...claims.map(row),
    "</tbody>",
    "</table>",
  ];
}

const origins: Readonly<Record<Origin, string>> = {
  formula: "not printed: by the paper's formula",
  program: "not the paper's: by another program",
  correction: "not the paper's: corrected here",
};

function row({ id, claim, published, origin, measured, status, why, method, command }: Claim): string {
  const source = origin === undefined ? "" : `<p class="note">${text(origins[origin])}</p>`;
  const notes = [
    ...(why === undefined ? [] : [`<p class="note"><b>Why:</b> ${text(why)}</p>`]),
    ...(method === undefined ? [] : [`<p class="note">${text(method)}</p>`]),
    ...(command === undefined ? [] : [`<p class="note"><code>${text(command)}</code></p>`]),
  ];
  return [
    `<tr id="${text(id)}">`,
    `<td data-label="Claim"><p>${text(claim)}</p>${notes.join("")}</td>`,
    `<td data-label="Published"><div>${text(formatQuantity(published))}${source}</div></td>`,
    `<td data-label="Measured">${text(formatQuantity(measured))}</td>`,
    `<td data-label="Result"><span class="${status}">${words[status]}</span></td>`,
    "</tr>",
  ].join("");
}

function drawn({ id, title, caption, svg, data, command }: Figure, run: Run): string {
  return [
    `<figure id="figure-${text(id)}">`,
    svg,
    `<figcaption><b>${text(title)}.</b> ${text(caption)}`,
    `<p class="note"><code>${text(command ?? run.command)}</code></p>`,
    `<details><summary>Its numbers, also in ${figureFolder}/${text(id)}.csv</summary><pre>${text(csv(data))}</pre></details>`,
    "</figcaption>",
    "</figure>",
  ].join("\n");
}

function text(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

const style = `
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #222; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; font-weight: 600; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; font-weight: 600; }
p { margin: 0 0 .6rem; }
header p { max-width: 44rem; }
.kind, .source, .made, .note { color: #595959; }
.kind, .note, .made { font-size: .875rem; }
.note { margin: .25rem 0 0; }
code, pre { font: .8125rem/1.45 ui-monospace, monospace; }
code { overflow-wrap: anywhere; }
.counts { display: flex; flex-wrap: wrap; gap: .5rem 1rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th { text-align: left; font-weight: 600; font-size: .875rem; color: #595959; border-bottom: 1px solid #222; }
th, td { padding: .6rem .75rem .6rem 0; vertical-align: top; overflow-wrap: break-word; }
td { border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
td p:first-child { margin: 0; }
th:nth-child(2), th:nth-child(3) { width: 20%; }
th:nth-child(4) { width: 6.5rem; }
td span, .counts span { white-space: nowrap; }
td span { font-weight: 600; }
.pass { color: #00694d; }
.fail { color: #b00020; }
.different { color: #8a5300; }
.not-run { color: #595959; }
figure { margin: 0; min-width: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 2.5rem 2rem; }
figure svg { display: block; width: 100%; max-width: 36rem; height: auto; }
figcaption { max-width: 44rem; margin-top: .5rem; }
summary { cursor: pointer; font-size: .875rem; color: #595959; margin-top: .25rem; }
pre { max-height: 16rem; overflow: auto; background: #f6f6f6; padding: .75rem; margin: .5rem 0 0; }
@media (max-width: 40rem) {
  main { padding-top: 1.5rem; }
  table, tbody, tr, td { display: block; }
  thead { display: none; }
  tr { border-bottom: 1px solid #ddd; padding: .75rem 0; }
  td { border: 0; padding: .15rem 0; }
  td:not(:first-child) { display: grid; grid-template-columns: 6rem 1fr; }
  td:not(:first-child)::before { content: attr(data-label); color: #595959; font-size: .875rem; }
}
`;
