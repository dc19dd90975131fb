import type { Dataset } from "../data/index.ts";
import { lineChart } from "../figures/index.ts";
import type { FailedPath, PermutationPath } from "../landscape/index.ts";
import { evenly } from "./barrier-report.ts";
import { chart } from "./chart.ts";
import { formatCount, formatLoss, table } from "./format.ts";

/** The files that hold a path: one for each point, and the ends of the exchange. */
export interface PathFiles {
  readonly points: readonly string[];
  readonly exchange: readonly string[];
}

/** A path as a document. */
export function pathJson(path: PermutationPath, files: PathFiles | null = null) {
  const { points, permutationPoint, exchange, ...rest } = path;
  return {
    ...rest,
    points: points.map(({ eigenvalues, ...point }, i) => ({
      ...point,
      ...(eigenvalues && { eigenvalues: [...eigenvalues] }),
      ...(files && { file: files.points[i] }),
    })),
    permutationPoint: pointJson(permutationPoint),
    exchange: { deviation: exchange.deviation, ...(files && { files: files.exchange }) },
  };
}

function pointJson({ loss, gradientNorm, eigenvalues, index }: PermutationPath["permutationPoint"]) {
  const counts = index ?? { negative: null, zero: null, positive: null, tolerance: null };
  return { loss, gradientNorm, ...counts, eigenvalues: eigenvalues && [...eigenvalues] };
}

/** Paths by their barriers as a document, and the pairs without. */
export function pairsJson(ranked: readonly PermutationPath[], failed: readonly FailedPath[]) {
  return {
    pairs: ranked.map((path) => pathJson(path)),
    failed: failed.map(({ units, reason }) => ({ units, code: reason.code, message: reason.message })),
  };
}

/** A path as lines for a person. */
export function describePath(path: PermutationPath, dataset: Dataset): string[] {
  const { layer, units, points, initialDistance, barrier, sinksBy, start, exchange } = path;
  const moved = start.moved > 0 ? `, ${start.moved.toExponential(1)} from the given weights` : "";
  const samples = formatCount(dataset.train.inputs.shape[0] as number);
  return [
    `units ${units.join(" and ")} of ${layer}, ${initialDistance.toPrecision(5)} apart; ${lossName(dataset)} on ${samples} samples of ${dataset.name}`,
    "",
    ...chart(evenly({ points: points.map(({ t, loss }) => ({ t, loss, error: null })), refinement: null }), {
      x: "t: the units are equal at 0.5",
    }),
    "",
    `starts at loss ${formatLoss(points[0]?.loss as number)}${moved}`,
    `barrier ${barrier.toPrecision(10)}`,
    ...(sinksBy > 0 ? [`on the way the loss sinks below that of the ends by ${sinksBy.toPrecision(4)}`] : []),
    ...pointLines(path),
    `exchange of the outgoing weights: the loss differs by ${exchange.deviation.toExponential(1)}`,
    ...changeLines(path),
    ...reachedLines(path),
  ];
}

function pointLines({ permutationPoint: { loss, gradientNorm, index } }: PermutationPath): string[] {
  const curved = index
    ? `; eigenvalues: ${index.negative} negative, ${index.zero} zero (up to ${index.tolerance.toExponential(1)}), ${index.positive} positive`
    : "; too many weights for a Hessian";
  return [`permutation point: loss ${loss.toPrecision(10)}, gradient ${gradientNorm.toExponential(1)}${curved}`];
}

function changeLines({ branchChanges, method }: PermutationPath): string[] {
  if (method === "first-order") return ["branch changes are not looked for in training"];
  if (branchChanges.length === 0) return ["one branch of minima all the way"];
  const rows = branchChanges.map(({ kind, distance, size, lossChange, negative }) => [
    distance.toPrecision(4),
    kind,
    size.toPrecision(3),
    lossChange.toExponential(2),
    negative.join(" to "),
  ]);
  return ["branch changes:", ...table(["distance", "", "moves by", "loss by", "negative"], rows)];
}

function reachedLines({ converged, gradientNorm, tolerance, kinks }: PermutationPath): string[] {
  const words = `gradients up to ${gradientNorm.toExponential(1)}`;
  const reached = converged
    ? `${words}, within the tolerance of ${tolerance}`
    : `NOT converged: ${words}, above the tolerance of ${tolerance}; train longer or allow more`;
  const kinked = kinks.length === 0 ? [] : [`${kinks.join(", ")}: points need not be minima, gradients jump there`];
  return [reached, ...kinked];
}

/** Paths by their barriers as lines for a person. */
export function describePairs(
  ranked: readonly PermutationPath[],
  failed: readonly FailedPath[],
  dataset: Dataset,
): string[] {
  const rows = ranked.map(({ units, initialDistance, barrier, permutationPoint, branchChanges, converged }) => [
    units.join(","),
    initialDistance.toFixed(4),
    barrier.toExponential(6),
    permutationPoint.loss.toExponential(6),
    permutationPoint.index ? String(permutationPoint.index.negative) : "-",
    permutationPoint.index ? String(permutationPoint.index.zero) : "-",
    String(branchChanges.length),
    converged ? "" : "not converged",
  ]);
  const header = ["units", "distance", "barrier", "loss when equal", "negative", "zero", "branch changes", ""];
  return [
    `${lossName(dataset)} on ${dataset.name}`,
    ...table(header, rows),
    ...failed.map(({ units, reason }) => `units ${units.join(" and ")}: ${reason.message}`),
  ];
}

function lossName({ task }: Dataset): string {
  return task === "classification" ? "cross-entropy in nats" : "mean squared error";
}

const x = "t: two units change places, and are equal at 0.5";

function curveOf({ points }: PermutationPath): (readonly [number, number])[] {
  return points.map(({ t, loss }) => [t, loss] as const);
}

/** The loss along a path. */
export function pathFigure(path: PermutationPath, dataset: Dataset): string {
  const title = `Units ${path.units.join(" and ")} of ${path.layer} change places`;
  return lineChart({
    title,
    x,
    y: `${lossName(dataset)} on ${dataset.name}`,
    series: [{ name: "", points: curveOf(path) }],
  });
}

/** Above this many curves cannot be told apart. */
const mostCurves = 12;

/** The loss along all paths, or where there are many their barriers. */
export function pairsFigure(ranked: readonly PermutationPath[], dataset: Dataset): string {
  const [{ layer }] = ranked as readonly [PermutationPath];
  const title = `Pairs of units of ${layer} change places`;
  const y = `${lossName(dataset)} on ${dataset.name}`;
  if (ranked.length > mostCurves) {
    const barriers = ranked.map(({ barrier }, i) => [i + 1, barrier] as const);
    return lineChart({
      title,
      x: "pairs by their barriers",
      y: `barrier, ${y}`,
      series: [{ name: "", points: barriers }],
    });
  }
  return lineChart({
    title,
    x,
    y,
    series: ranked.map((path) => ({ name: path.units.join(","), points: curveOf(path) })),
  });
}
