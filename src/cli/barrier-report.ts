import { lineChart } from "../figures/index.ts";
import {
  type BarrierDefinition,
  barrier,
  type Distances,
  type Measure,
  type Path,
  type Profile,
  type ProfilePoint,
} from "../landscape/index.ts";
import { chart } from "./chart.ts";
import { formatLoss, formatPercent, table } from "./format.ts";

/** A way from the first network to the second. */
export interface Way {
  /** Whether it ends at the second with its units renumbered. */
  readonly aligned: boolean;
  readonly kind: "linear" | "geodesic";
  readonly description: string;
  readonly path: Path;
  readonly distances: Distances;
}

/** What was measured along a way. */
export interface Measured {
  readonly way: Way;
  readonly split: "train" | "test";
  readonly samples: number;
  /** What tells it from the other profiles, empty for the only one. */
  readonly label: string;
  readonly found: Profile;
}

const definitions = {
  absolute: "the largest value",
  mid: "above the mean of the ends",
  chord: "above the line between the ends",
} as const satisfies Readonly<Record<BarrierDefinition, string>>;

const names = Object.keys(definitions) as BarrierDefinition[];

/** A profile with its barriers as a document. */
export function measuredJson({ way: { aligned, distances }, split, samples, found }: Measured) {
  const points = found.points.map(({ t, loss, error }) => ({ t, loss: plain(loss), error }));
  const barriers = { loss: barriersJson(found, "loss"), error: barriersJson(found, "error") };
  return { points, ...barriers, ...found.refinement, aligned, split, samples, distances };
}

function barriersJson(found: Profile, of: Measure) {
  if (of === "error" && !hasError(found)) return null;
  return Object.fromEntries(names.map((name) => [name, plain(barrier(found, name, of))]));
}

function hasError({ points }: Profile): boolean {
  return points.every(({ error }) => error !== null);
}

/** JSON has no NaN and no infinities: they are written as text, so as not to be taken for numbers. */
function plain(x: number): number | string {
  return Number.isFinite(x) ? x : String(x);
}

/** What was measured, as lines for a person: the curve of the main profile and the barriers of all. */
export function describeProfiles(
  profiles: readonly Measured[],
  { found }: Measured,
  [first, second]: readonly string[],
): string[] {
  const drawn = chart(evenly(found), { x: `t: 0 is ${first}, 1 is ${second}` });
  return ["", ...drawn, "", ...barrierTable(profiles), "", ...accuracy(found)];
}

function barrierTable(profiles: readonly Measured[]): string[] {
  const isAlone = profiles.length === 1;
  const rows = names.flatMap((name) =>
    profiles.map(({ label, found }) => [
      name,
      ...(isAlone ? [] : [label]),
      formatLoss(barrier(found, name, "loss")),
      hasError(found) ? formatPercent(barrier(found, name, "error")) : "-",
      definitions[name],
    ]),
  );
  return table(["barrier", ...(isAlone ? [] : [""]), "loss", "error", ""], rows);
}

function accuracy({ points, refinement }: Profile): string[] {
  const notFinite = points.filter(({ loss }) => !Number.isFinite(loss)).length;
  const warning = notFinite > 0 ? [`the loss is not finite at ${notFinite} points, which the chart leaves out`] : [];
  const tolerance = refinement ? `, the last of which raised no maximum by more than ${refinement.tolerance}` : "";
  return [`${points.length} points${tolerance}`, ...warning];
}

/** How far apart the ends of a way are. */
export function distanceLine({ aligned, distances: { chord, perParameter, geodesic } }: Way): string {
  const along = geodesic === null ? "" : `, ${geodesic.toPrecision(4)} along the spheres`;
  const which = aligned ? "once aligned" : "of the weights";
  return `distance ${which}: ${chord.toPrecision(4)}${along}; ${perParameter.toPrecision(4)} per parameter`;
}

const columns = 61;

/** The loss at even steps, interpolated between the points. */
export function evenly({ points }: Profile): (readonly [number, number])[] {
  return Array.from({ length: columns }, (_, column) => {
    const t = column / (columns - 1);
    const right = Math.max(
      1,
      points.findIndex((point) => point.t >= t),
    );
    const [from, to] = [points[right - 1], points[right]] as [ProfilePoint, ProfilePoint];
    return [t, from.loss + ((t - from.t) / (to.t - from.t)) * (to.loss - from.loss)] as const;
  });
}

/** The loss on every path, beside the line between the ends where there is but one. */
export function profilesFigure(profiles: readonly Measured[], y: string): string {
  const curves = profiles.map(({ label, found }) => ({
    name: label || "on the path",
    points: found.points.map(({ t, loss }) => [t, loss] as const),
  }));
  const ends = [curves[0]?.points.at(0) ?? [], curves[0]?.points.at(-1) ?? []] as (readonly [number, number])[];
  const chord = profiles.length === 1 ? [{ name: "between the ends", points: ends }] : [];
  const after = profiles.some(({ way }) => way.aligned) ? ", before and after alignment" : "";
  return lineChart({
    title: `Loss between two networks${after}`,
    x: "position on the path, from the first (0) to the second (1)",
    y,
    series: [...curves, ...chord],
  });
}
