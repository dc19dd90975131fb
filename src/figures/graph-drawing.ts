import { type GraphShape, layOut, type Place } from "./graph-layout.ts";
import { colourOf, escaped, heading, round, svg, text } from "./svg.ts";

export interface GraphVertex {
  readonly label: string;
  /** Which of the kinds it is, counted from 0. */
  readonly kind: number;
}

export interface GraphDrawing extends GraphShape {
  readonly title: string;
  readonly vertices: readonly GraphVertex[];
  /** The kinds of vertices, in words for the legend. */
  readonly kinds: readonly string[];
  /** What the labels mean; shown where they are. */
  readonly labels: string;
}

const width = 480;
const legendTop = 48;
const lineHeight = 18;
const margin = 28;
const longestUnit = 120;
const smallestDot = 2.5;
/** Opacity of the lines of a graph of very many, so that they do not cover each other. */
const faintest = 0.08;

/**
 * A graph as dots and lines, as a self-contained SVG. Where the dots are far enough apart each has its label in it,
 * elsewhere a pointer on it shows the label.
 */
export function graphDrawing(graph: GraphDrawing): string {
  const { title, vertices, edges, kinds, labels } = graph;
  const top = legendTop + lineHeight * (kinds.length + 1) + margin;
  const { places, height } = fitted(layOut(graph), top);
  const room = nearest(places) / 2;
  const labelled = 5 + 3.2 * Math.max(...vertices.map(({ label }) => label.length));
  const isLabelled = labelled <= room;
  const radius = isLabelled ? labelled : Math.min(8, Math.max(smallestDot, room));
  return svg(
    title,
    [width, round(height)],
    [
      heading(title, width),
      ...kinds.map((kind, i) => legendEntry(kind, i)),
      ...(isLabelled ? [text(24, legendTop + lineHeight * kinds.length, labels, "start")] : []),
      `<g stroke="#888" stroke-opacity="${round(Math.min(1, Math.max(faintest, 500 / edges.length)))}">`,
      ...edges.map(([a, b]) => edge(places[a] as Place, places[b] as Place)),
      "</g>",
      ...vertices.map((each, i) => vertex(places[i] as Place, each, { radius, isLabelled })),
    ],
  );
}

/** Scales places to the width of the figure, below `top`. */
function fitted(places: readonly Place[], top: number): { readonly places: Place[]; readonly height: number } {
  const [xs, ys] = [places.map(([x]) => x), places.map(([, y]) => y)];
  const [left, upper] = [Math.min(...xs), Math.min(...ys)];
  const [spanX, spanY] = [Math.max(...xs) - left, Math.max(...ys) - upper];
  const scale = Math.min(longestUnit, (width - 2 * margin) / Math.max(spanX, spanY, 1));
  const start = (width - spanX * scale) / 2;
  return {
    places: places.map(([x, y]): Place => [start + (x - left) * scale, top + (y - upper) * scale]),
    height: top + spanY * scale + margin,
  };
}

/** The distance between the two places that are closest to each other. */
function nearest(places: readonly Place[]): number {
  const distances = places.map(([x, y], i) =>
    Math.min(...places.slice(i + 1).map(([otherX, otherY]) => Math.hypot(x - otherX, y - otherY))),
  );
  return Math.min(...distances);
}

function legendEntry(kind: string, index: number): string {
  const y = legendTop + lineHeight * index;
  return `<circle cx="30" cy="${y - 4}" r="6" fill="${colourOf(index)}"/>${text(44, y, kind, "start")}`;
}

function edge([x1, y1]: Place, [x2, y2]: Place): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function vertex(
  [x, y]: Place,
  { label, kind }: GraphVertex,
  { radius, isLabelled }: { readonly radius: number; readonly isLabelled: boolean },
): string {
  const attributes = `cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" fill="${colourOf(kind)}"`;
  return isLabelled
    ? `<circle ${attributes}/>${text(x, y + 4, label, "middle", 'font-size="12" fill="#fff"')}`
    : `<circle ${attributes}><title>${escaped(label)}</title></circle>`;
}
