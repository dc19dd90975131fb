import { colourOf, heading, legend, legendHeight, round, svg, text } from "./svg.ts";
import { formatTick, niceTicks } from "./ticks.ts";

/** One row of a dot chart: as many values as there are series, and where they are expected to be by chance. */
export interface DotRow {
  readonly name: string;
  readonly values: readonly number[];
  readonly band: readonly [low: number, high: number];
}

export interface DotChart {
  readonly title: string;
  /** The label of the axis. */
  readonly x: string;
  readonly series: readonly string[];
  /** What the bands are. */
  readonly band: string;
  readonly rows: readonly DotRow[];
}

const width = 480;
const rowHeight = 26;
const [left, right] = [148, width - 24];
const bandColour = "#d8d8d8";

/** A row of dots for each name, over a band for what chance would give, as a self-contained SVG. */
export function dotChart({ title, x, series, band, rows }: DotChart): string {
  const top = 64 + legendHeight(series.length);
  const bottom = top + rowHeight * rows.length;
  const all = [0, 1, ...rows.flatMap(({ values, band }) => [...values, ...band])].filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const at = (value: number) => round(left + ((value - low) / (high - low)) * (right - left));
  const ticks = niceTicks(low, high).map((tick) => {
    const line = `<line x1="${at(tick)}" x2="${at(tick)}" y1="${top}" y2="${bottom + 5}" stroke="#ddd"/>`;
    return line + text(at(tick), bottom + 21, formatTick(tick), "middle");
  });
  return svg(
    title,
    [width, bottom + 56],
    [
      heading(title, width),
      ...ticks,
      ...rows.flatMap((row, i) => drawnRow(row, { y: top + rowHeight * (i + 0.5), at })),
      text((left + right) / 2, bottom + 42, x, "middle"),
      ...legend(series, { left: 24, top: 50 }),
      `<rect x="24" y="${top - 27}" width="18" height="12" fill="${bandColour}"/>${text(48, top - 16, band, "start")}`,
    ],
  );
}

interface RowPlace {
  readonly y: number;
  readonly at: (value: number) => number;
}

function drawnRow({ name, values, band: [low, high] }: DotRow, { y, at }: RowPlace): string[] {
  const span = Math.max(2, at(high) - at(low));
  const dots = values.flatMap((value, i) =>
    Number.isFinite(value) ? [`<circle cx="${at(value)}" cy="${y}" r="5" fill="${colourOf(i)}"/>`] : [],
  );
  return [
    `<rect x="${round((at(low) + at(high) - span) / 2)}" y="${y - 9}" width="${round(span)}" height="18" fill="${bandColour}"/>`,
    ...dots,
    text(left - 10, y + 5, shortened(name), "end"),
  ];
}

const mostLetters = 17;

/** The end of a long name, which tells it from others. */
function shortened(name: string): string {
  return name.length > mostLetters ? `…${name.slice(1 - mostLetters)}` : name;
}
