import { heading, round, svg, text } from "./svg.ts";
import { formatTick, niceTicks } from "./ticks.ts";

/** A square matrix as cells of a figure, row after row. */
export interface HeatMapPanel {
  readonly name: string;
  readonly cells: readonly number[];
}

export interface HeatMap {
  readonly title: string;
  /** What rows and columns are. */
  readonly rows: string;
  readonly columns: string;
  /** What the colours are. */
  readonly scale: string;
  /** Rows and columns of every matrix, which may be more than those of its cells. */
  readonly size: number;
  readonly panels: readonly [HeatMapPanel, HeatMapPanel];
}

const width = 480;
const [side, gap, left, top] = [184, 24, 64, 72] as const;
const shades = 24;
/** More cells along a side than this could not be told apart. */
const mostCells = 46;

/** A square matrix as no more cells than a figure can show, each the largest number that it covers. */
export function coarseCells(values: Float64Array, size: number): number[] {
  const cells = Math.min(size, mostCells);
  const largest = new Array<number>(cells * cells).fill(Number.NEGATIVE_INFINITY);
  for (const [i, value] of values.entries()) {
    const row = Math.floor((Math.floor(i / size) * cells) / size);
    const at = row * cells + Math.floor(((i % size) * cells) / size);
    largest[at] = Math.max(largest[at] as number, value);
  }
  return largest;
}

/** Two square matrices side by side on one scale from -1 to 1, as a self-contained SVG; their cells are of `coarseCells`. */
export function heatMap({ title, rows, columns, scale, size, panels }: HeatMap): string {
  const bottom = top + side;
  const cells = Math.sqrt(panels[0].cells.length);
  const note = cells < size ? [text(width / 2, bottom + 132, coarse(size, cells), "middle")] : [];
  return svg(
    title,
    [width, bottom + (cells < size ? 148 : 124)],
    [
      heading(title, width),
      ...panels.flatMap((panel, i) => drawn(panel, { x: left + i * (side + gap), size })),
      `<g transform="translate(22 ${top + side / 2}) rotate(-90)">${text(0, 0, rows, "middle")}</g>`,
      text(left - 8, top + 11, "0", "end"),
      text(left - 8, bottom, String(size - 1), "end"),
      text(left + side + gap / 2, bottom + 42, columns, "middle"),
      ...key(scale, bottom + 64),
      ...note,
    ],
  );
}

function coarse(size: number, cells: number): string {
  return `each cell: the largest of about ${Math.round(size / cells)} x ${Math.round(size / cells)} pairs`;
}

interface PanelPlace {
  readonly x: number;
  readonly size: number;
}

function drawn({ name, cells }: HeatMapPanel, { x, size }: PanelPlace): string[] {
  const count = Math.sqrt(cells.length);
  const byShade = Map.groupBy(cells.keys(), (cell) => shadeOf(cells[cell] as number));
  const paths = [...byShade].map(([shade, own]) => {
    const squares = own.map((cell) => `M${cell % count} ${Math.floor(cell / count)}h1v1h-1z`).join("");
    return `<path fill="${shadeColour(shade)}" d="${squares}"/>`;
  });
  return [
    text(x + side / 2, top - 12, name, "middle"),
    `<g transform="translate(${x} ${top}) scale(${side / count})" shape-rendering="crispEdges">${paths.join("")}</g>`,
    `<rect x="${x}" y="${top}" width="${side}" height="${side}" fill="none" stroke="#222"/>`,
    text(x, top + side + 19, "0", "start"),
    text(x + side, top + side + 19, String(size - 1), "end"),
  ];
}

/** From -shades for -1 to shades for 1. */
function shadeOf(value: number): number {
  return Number.isFinite(value) ? Math.round(Math.max(-1, Math.min(1, value)) * shades) : 0;
}

const [warm, cold] = [
  [0, 60, 120],
  [178, 60, 0],
] as const;

/** White for 0, blue for 1, orange for -1. */
function shadeColour(shade: number): string {
  const part = Math.abs(shade) / shades;
  const full = shade >= 0 ? warm : cold;
  return `#${full.map((each) => hexadecimal(255 + part * (each - 255))).join("")}`;
}

function hexadecimal(value: number): string {
  return Math.round(value).toString(16).padStart(2, "0");
}

function key(label: string, y: number): string[] {
  const [from, to] = [left, left + 2 * side + gap];
  const step = (to - from) / (2 * shades + 1);
  const boxes = Array.from({ length: 2 * shades + 1 }, (_, i) => {
    const x = round(from + i * step);
    return `<rect x="${x}" y="${y}" width="${round(step + 0.5)}" height="10" fill="${shadeColour(i - shades)}"/>`;
  });
  const ticks = niceTicks(-1, 1, 4).map((tick) => {
    return text(from + ((tick + 1) / 2) * (to - from), y + 26, formatTick(tick), "middle");
  });
  return [...boxes, ...ticks, text((from + to) / 2, y + 46, label, "middle")];
}
