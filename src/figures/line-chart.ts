import { colourOf, heading, legend, legendHeight, round, svg, text } from "./svg.ts";
import { formatPower, formatTick, niceTicks } from "./ticks.ts";

/** One curve. Points that are not finite break it. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  /** A dot at every point instead of a line through them. */
  readonly dots?: boolean;
}

export interface LineChart {
  readonly title: string;
  /** Labels of the axes, with their units. */
  readonly x: string;
  readonly y: string;
  /** Every y is the log10 of what is shown, so that it may lie beyond the doubles; the axis has powers of ten. */
  readonly logarithmic?: boolean;
  readonly series: readonly Series[];
}

const width = 480;
const plotHeight = 248;
const [left, right] = [72, width - 24];

/** Curves over a common axis, as a self-contained SVG. The y axis includes zero, or one if it is logarithmic. */
export function lineChart({ title, x, y, logarithmic = false, series }: LineChart): string {
  const names = series.length > 1 ? series.map(({ name }) => name) : [];
  const top = 44 + legendHeight(names.length);
  const bottom = top + plotHeight;
  const points = series.flatMap((each) => each.points).filter((point) => point.every(Number.isFinite));
  const xScale = scale(extent(points.map(([px]) => px)), [left, right]);
  const yExtent = extent([0, ...points.map(([, py]) => py)]);
  const yScale = scale(logarithmic ? decades(yExtent) : padded(yExtent), [bottom, top]);
  const yTicks = niceTicks(...yScale.domain).filter((tick) => !logarithmic || Number.isInteger(tick));
  const parts = [
    heading(title, width),
    ...yTicks.map((tick) => horizontal(yScale.at(tick), logarithmic ? formatPower(tick) : formatTick(tick))),
    ...niceTicks(...xScale.domain).map((tick) => vertical(xScale.at(tick), formatTick(tick), bottom)),
    text((left + right) / 2, bottom + 42, x, "middle"),
    `<g transform="translate(18 ${(top + bottom) / 2}) rotate(-90)">${text(0, 0, y, "middle")}</g>`,
    ...series.map(({ points: line, dots = false }, i) =>
      (dots ? cloud : curve)(
        line.map(([px, py]) => [xScale.at(px), yScale.at(py)]),
        colourOf(i),
      ),
    ),
    ...legend(names, { left, top: 50 }),
  ];
  return svg(title, [width, bottom + 56], parts);
}

type Range = readonly [number, number];

function extent(values: readonly number[]): Range {
  return [Math.min(...values), Math.max(...values)];
}

function padded([low, high]: Range): Range {
  const margin = 0.05 * (high - low || 1);
  return [low < 0 ? low - margin : low, high + margin];
}

function decades([low, high]: Range): Range {
  return [Math.floor(low), Math.ceil(high)];
}

function scale([low, high]: Range, [from, to]: Range) {
  const span = high - low || 1;
  return { domain: [low, high] as const, at: (value: number) => from + ((value - low) / span) * (to - from) };
}

function horizontal(y: number, label: string): string {
  const line = `<line x1="${left}" x2="${right}" y1="${round(y)}" y2="${round(y)}" stroke="#ddd"/>`;
  return line + text(left - 8, y + 5, label, "end");
}

function vertical(x: number, label: string, bottom: number): string {
  const line = `<line x1="${round(x)}" x2="${round(x)}" y1="${bottom}" y2="${bottom + 5}" stroke="#222"/>`;
  return line + text(x, bottom + 21, label, "middle");
}

function cloud(points: readonly Range[], colour: string): string {
  const dots = points
    .filter((point) => point.every(Number.isFinite))
    .map(([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="3"/>`);
  return `<g fill="${colour}">${dots.join("")}</g>`;
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
