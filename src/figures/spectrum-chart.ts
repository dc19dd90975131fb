import { colourOf, heading, legend, legendHeight, round, svg, text } from "./svg.ts";
import { formatPower, formatTick, niceTicks } from "./ticks.ts";

/** A density of eigenvalues on a logarithmic axis. */
export interface DensityChart {
  readonly title: string;
  /** Labels of the axes. */
  readonly x: string;
  readonly y: string;
  /** Ascending eigenvalues, with the density there and its standard error. */
  readonly points: readonly { readonly at: number; readonly density: number; readonly standardError: number }[];
  /** Densities below are not drawn. */
  readonly floor: number;
}

/** Eigenvalues by their size on a logarithmic axis. */
export interface EigenvalueChart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** In the order of the axis. */
  readonly values: readonly number[];
  /** Sizes up to this count as zero and are drawn there. */
  readonly zero: number;
}

const width = 480;
const plotHeight = 248;
const [left, right] = [72, width - 24];
const signs = ["positive", "negative"];

/** The density over all eigenvalues, both signs on one scale, in a band of one standard error; an SVG. */
export function densityChart({ title, x, y, points, floor }: DensityChart): string {
  const [low, high] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 1];
  const largest = Math.max(floor * 10, ...points.map(({ density }) => density));
  const hasBoth = low < 0 && high > 0;
  const frame = frameOf({ title, x, y, domain: [low, high], decades: [floor, largest], kinds: hasBoth ? signs : [] });
  const parts = [points.filter(({ at }) => at >= 0), points.filter(({ at }) => at <= 0)].flatMap((part, kind) => {
    const colour = colourOf(kind);
    const at = (value: (typeof points)[number], height: number): Place => [frame.x(value.at), frame.y(height)];
    const upper = part.map((point) => at(point, point.density + point.standardError));
    const lower = part.map((point) => at(point, point.density - point.standardError));
    const middle = part.map((point) => at(point, point.density));
    return part.length === 0
      ? []
      : [
          `<path d="${path([...upper, ...lower.reverse()])}Z" fill="${colour}" opacity="0.25"/>`,
          `<path d="${path(middle)}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`,
        ];
  });
  const zero = hasBoth ? [line([frame.x(0), frame.top], [frame.x(0), frame.bottom], "#888")] : [];
  return svg(title, [width, frame.height], [...frame.parts, ...zero, ...parts]);
}

/** A dot for every eigenvalue at its place and size, coloured by its sign; an SVG. */
export function eigenvalueChart({ title, x, y, values, zero }: EigenvalueChart): string {
  const largest = Math.max(...values.map(Math.abs), zero) || 1;
  const smallest = Math.min(...values.map((value) => Math.max(Math.abs(value), zero) || largest / 10));
  const domain: Place = [1, Math.max(2, values.length)];
  const kinds = values.map((value) => (Math.abs(value) <= zero ? 2 : value < 0 ? 1 : 0));
  const names = [...signs, "zero"].slice(0, Math.max(...kinds) + 1);
  const frame = frameOf({ title, x, y, domain, decades: [smallest, largest], kinds: names });
  const radius = values.length > 100 ? 2 : 4;
  const dots = values.map((value, i) => {
    const height = frame.y(Math.max(Math.abs(value), smallest));
    return `<circle cx="${round(frame.x(i + 1))}" cy="${round(height)}" r="${radius}" fill="${colourOf(kinds[i] as number)}"/>`;
  });
  return svg(title, [width, frame.height], [...frame.parts, ...dots]);
}

type Place = readonly [number, number];

interface FrameOptions extends Pick<DensityChart, "title" | "x" | "y"> {
  readonly domain: Place;
  /** The smallest and the largest of what is on the logarithmic axis. */
  readonly decades: Place;
  readonly kinds: readonly string[];
}

/** Title, axes and legend, and the scales of both axes. */
function frameOf({ title, x, y, domain: [low, high], decades, kinds }: FrameOptions) {
  const top = 44 + legendHeight(kinds.length);
  const bottom = top + plotHeight;
  const [least, most] = [Math.floor(Math.log10(decades[0])), Math.ceil(Math.log10(decades[1]))];
  const span = Math.max(1, most - least);
  const across = (value: number) => left + ((value - low) / (high - low || 1)) * (right - left);
  const up = (exponent: number) => bottom - ((exponent - least) / span) * plotHeight;
  const xTicks = niceTicks(low, high).map((tick) => {
    const mark = line([across(tick), bottom], [across(tick), bottom + 5], "#222");
    return mark + text(across(tick), bottom + 21, formatTick(tick), "middle");
  });
  const yTicks = niceTicks(least, least + span)
    .filter(Number.isInteger)
    .map(
      (tick) =>
        line([left, up(tick)], [right, up(tick)], "#ddd") + text(left - 8, up(tick) + 5, formatPower(tick), "end"),
    );
  return {
    top,
    bottom,
    height: bottom + 56,
    x: across,
    y: (value: number) => up(Math.max(least, Math.log10(Math.max(value, Number.MIN_VALUE)))),
    parts: [
      heading(title, width),
      ...yTicks,
      ...xTicks,
      text((left + right) / 2, bottom + 42, x, "middle"),
      `<g transform="translate(18 ${(top + bottom) / 2}) rotate(-90)">${text(0, 0, y, "middle")}</g>`,
      ...legend(kinds, { left, top: 50 }),
    ],
  };
}

function line([x1, y1]: Place, [x2, y2]: Place, colour: string): string {
  return `<line x1="${round(x1)}" x2="${round(x2)}" y1="${round(y1)}" y2="${round(y2)}" stroke="${colour}"/>`;
}

function path(places: readonly Place[]): string {
  return places.map(([x, y], i) => `${i === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join("");
}
