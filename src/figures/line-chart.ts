import { colourOf, heading, round, svg, text } from "./svg.ts";
import { formatPower, formatTick, niceTicks } from "./ticks.ts";

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
  /** Every y is the log10 of what is shown, so that it may lie beyond the doubles; the axis has powers of ten. */
  readonly logarithmic?: boolean;
  readonly series: readonly Series[];
}

const width = 640;
const height = 400;
const frame = { left: 72, right: width - 24, top: 56, bottom: height - 56 } as const;

/** Curves over a common axis, as a self-contained SVG. The y axis includes zero, or one if it is logarithmic. */
export function lineChart({ title, x, y, logarithmic = false, series }: LineChart): string {
  const points = series.flatMap((each) => each.points).filter((point) => point.every(Number.isFinite));
  const xScale = scale(extent(points.map(([px]) => px)), [frame.left, frame.right]);
  const yExtent = extent([0, ...points.map(([, py]) => py)]);
  const yScale = scale(logarithmic ? decades(yExtent) : padded(yExtent), [frame.bottom, frame.top]);
  const yTicks = niceTicks(...yScale.domain).filter((tick) => !logarithmic || Number.isInteger(tick));
  const parts = [
    heading(title, width),
    ...yTicks.map((tick) => horizontal(yScale.at(tick), logarithmic ? formatPower(tick) : formatTick(tick))),
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
  return svg(title, [width, height], parts);
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
