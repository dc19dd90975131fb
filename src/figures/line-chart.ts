import { formatTick, niceTicks } from "./ticks.ts";

/** One curve. Points that are not finite break it. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface LineChart {
  readonly title: string;
  /** Labels of the axes, with their units. */
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

const width = 640;
const height = 400;
const frame = { left: 72, right: width - 24, top: 56, bottom: height - 56 } as const;
/** Okabe and Ito's colours, which remain apart for colour-blind readers. */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"] as const;

/** Curves over a common axis, as a self-contained SVG. The y axis includes zero. */
export function lineChart({ title, x, y, series }: LineChart): string {
  const points = series.flatMap((each) => each.points).filter((point) => point.every(Number.isFinite));
  const xScale = scale(extent(points.map(([px]) => px)), [frame.left, frame.right]);
  const yScale = scale(padded(extent([0, ...points.map(([, py]) => py)])), [frame.bottom, frame.top]);
  const parts = [
    text(width / 2, 24, title, "middle", 'font-size="16" font-weight="600"'),
    ...niceTicks(...yScale.domain).map((tick) => horizontal(yScale.at(tick), formatTick(tick))),
    ...niceTicks(...xScale.domain).map((tick) => vertical(xScale.at(tick), formatTick(tick))),
    text((frame.left + frame.right) / 2, height - 14, x, "middle"),
    `<g transform="translate(18 ${(frame.top + frame.bottom) / 2}) rotate(-90)">${text(0, 0, y, "middle")}</g>`,
    ...series.map(({ points: line }, i) =>
      curve(
        line.map(([px, py]) => [xScale.at(px), yScale.at(py)]),
        colourOf(i),
      ),
    ),
    ...legend(series),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}"`,
    ` font-family="system-ui, sans-serif" font-size="13" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

type Range = readonly [number, number];

function extent(values: readonly number[]): Range {
  return [Math.min(...values), Math.max(...values)];
}

function padded([low, high]: Range): Range {
  const margin = 0.05 * (high - low || 1);
  return [low < 0 ? low - margin : low, high + margin];
}

function scale([low, high]: Range, [from, to]: Range) {
  const span = high - low || 1;
  return { domain: [low, high] as const, at: (value: number) => from + ((value - low) / span) * (to - from) };
}

function colourOf(index: number): string {
  return colours[index % colours.length] as string;
}

function horizontal(y: number, label: string): string {
  const line = `<line x1="${frame.left}" x2="${frame.right}" y1="${round(y)}" y2="${round(y)}" stroke="#ddd"/>`;
  return line + text(frame.left - 8, y + 4, label, "end");
}

function vertical(x: number, label: string): string {
  const line = `<line x1="${round(x)}" x2="${round(x)}" y1="${frame.bottom}" y2="${frame.bottom + 5}" stroke="#222"/>`;
  return line + text(x, frame.bottom + 20, label, "middle");
}

function curve(points: readonly Range[], colour: string): string {
  let isOpen = false;
  const path = points.map(([x, y]) => {
    if (!Number.isFinite(y)) {
      isOpen = false;
      return "";
    }
    const command = isOpen ? "L" : "M";
    isOpen = true;
    return `${command}${round(x)} ${round(y)}`;
  });
  return `<path d="${path.join("")}" fill="none" stroke="${colour}" stroke-width="2.5" stroke-linejoin="round"/>`;
}

function legend(series: readonly Series[]): string[] {
  if (series.length < 2) return [];
  return series.map(({ name }, i) => {
    const x = frame.left + 12 + i * 150;
    return `<rect x="${x}" y="38" width="18" height="4" fill="${colourOf(i)}"/>${text(x + 24, 44, name, "start")}`;
  });
}

function text(x: number, y: number, content: string, anchor: string, more = ""): string {
  const attributes = `x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more && ` ${more}`}`;
  return `<text ${attributes}>${escaped(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
