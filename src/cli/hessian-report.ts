import { densityChart, eigenvalueChart } from "../figures/index.ts";
import type { Eigenpairs, FullSpectrum, Quadrature, SpectralDensity, Which } from "../landscape/index.ts";
import { spectralMean } from "../landscape/index.ts";
import { chart } from "./chart.ts";
import { formatCount, table } from "./format.ts";

/** What was found of a spectrum: as a document, in words, and as a figure about what is named. */
export interface Report {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: readonly string[];
  /** False where a bound that was asked for was not reached. */
  readonly isComplete: boolean;
  draw(where: string): string;
}

const columns = 61;
const chartHeight = 8;

/** Eigenvalues of one end of the spectrum, each with its residual. */
export function topReport({ pairs, bound, converged, products }: Eigenpairs, which: Which): Report {
  const values = pairs.map(({ value }) => value);
  const eigenvalues = pairs.map(({ value, residual }) => ({ value, residual }));
  const rows = pairs.map(({ value, residual }, i) => [String(i + 1), value.toPrecision(8), residual.toExponential(2)]);
  const end = converged ? "all residuals within" : "NOT ALL RESIDUALS WITHIN";
  return {
    json: { eigenvalues, which, bound, converged, products },
    text: [
      ...table(["", "eigenvalue", "residual"], rows),
      "",
      ...bars(values),
      "",
      `${end} ${bound.toExponential(2)}, after ${formatCount(products)} products with the Hessian`,
    ],
    isComplete: converged,
    draw: (where) => drawValues(values, { title: "Eigenvalues of the Hessian", where, zero: 0 }),
  };
}

/** All eigenvalues of the dense matrix, which have no error but rounding. */
export function fullReport({ eigenvalues, index }: FullSpectrum): Report {
  const values = Array.from(eigenvalues).reverse();
  const { negative, zero, positive, tolerance } = index;
  const ends = values.length <= 2 * shown ? values : [...values.slice(0, shown), ...values.slice(-shown)];
  const place = (i: number) => (i < shown || values.length <= 2 * shown ? i : values.length - 2 * shown + i) + 1;
  const rows = ends.map((value, i) => [formatCount(place(i)), value.toPrecision(10)]);
  return {
    json: { eigenvalues: values.map((value) => ({ value, residual: rounding(values) })), index },
    text: [
      ...table(["", "eigenvalue"], rows),
      "",
      ...bars(values),
      "",
      `${formatCount(negative)} negative, ${formatCount(zero)} zero, ${formatCount(positive)} positive (zero: up to ${tolerance.toExponential(2)})`,
    ],
    isComplete: true,
    draw: (where) => drawValues(values, { title: "All eigenvalues of the Hessian", where, zero: tolerance }),
  };
}

/** Eigenvalues that are printed from either end. */
const shown = 5;

/** What the decomposition of a dense matrix leaves: some epsilon of its norm. */
function rounding(values: readonly number[]): number {
  return 10 * values.length * Number.EPSILON * Math.max(...values.map(Math.abs));
}

/** Values one beside the other, as a chart for a terminal. */
function bars(values: readonly number[]): string[] {
  const curve = Array.from({ length: columns }, (_, column) => {
    const place = Math.floor((column * values.length) / columns);
    return [column === columns - 1 ? values.length : place + 1, values[place] as number] as const;
  });
  return chart(curve, { x: "eigenvalues, the first to the last", height: chartHeight });
}

function drawValues(
  values: readonly number[],
  { title, where, zero }: { readonly title: string; readonly where: string; readonly zero: number },
): string {
  return eigenvalueChart({ title: `${title}: ${where}`, x: "number of the eigenvalue", y: "size", values, zero });
}

interface DensityMeasures {
  readonly quadratures: readonly Quadrature[];
  /** The number of parameters. */
  readonly size: number;
  readonly steps: number;
}

/** The density of all eigenvalues by Lanczos quadrature. */
export function densityReport(found: SpectralDensity, { quadratures, size, steps }: DensityMeasures): Report {
  const { grid, density, standardError, width } = found;
  const negative = spectralMean(quadratures, (x) => (x < -width ? 1 : 0));
  const positive = spectralMean(quadratures, (x) => (x > width ? 1 : 0));
  const nodes = quadratures.flatMap((each) => Array.from(each.nodes));
  const [low, high] = [Math.min(...nodes), Math.max(...nodes)];
  const floor = floorOf(size, width);
  const probes = quadratures.map((each) => ({ nodes: Array.from(each.nodes), weights: Array.from(each.weights) }));
  return {
    json: {
      density: {
        grid: Array.from(grid),
        density: Array.from(density),
        standardError: Array.from(standardError),
        smoothing: width,
        steps,
        probes,
      },
      shares: { negative, positive, beyond: width },
    },
    text: [
      ...terminalDensity(found, floor),
      "",
      `nodes from ${low.toPrecision(5)} to ${high.toPrecision(5)}`,
      `${share(negative)} of all eigenvalues below ${(-width).toPrecision(3)}, ${share(positive)} above ${width.toPrecision(3)}`,
      `${quadratures.length} probes of ${steps} steps, smoothed by normal curves of deviation ${width.toPrecision(3)}`,
    ],
    isComplete: true,
    draw: (where) =>
      densityChart({
        title: `Eigenvalues of the Hessian: ${where}`,
        x: "eigenvalue",
        y: "density",
        points: Array.from(grid, (at, i) => ({
          at,
          density: density[i] as number,
          standardError: standardError[i] as number,
        })),
        floor,
      }),
  };
}

function share({ value, standardError }: { readonly value: number; readonly standardError: number }): string {
  return `${(100 * value).toPrecision(3)} +- ${(100 * standardError).toPrecision(2)} %`;
}

/** A tenth of the peak that a single eigenvalue makes: what is lower is the tail of a normal curve. */
function floorOf(size: number, width: number): number {
  return 0.1 / (size * width * Math.sqrt(2 * Math.PI));
}

function terminalDensity({ grid, density }: SpectralDensity, floor: number): string[] {
  const last = grid.length - 1;
  const curve = Array.from({ length: columns }, (_, column) => {
    const [start, end] = [column, column + 1].map((c) => Math.floor((c * last) / columns)) as [number, number];
    const largest = Math.max(...density.subarray(start, end + 1));
    const at = grid[column === columns - 1 ? last : start] as number;
    return [Number(at.toPrecision(4)), Math.log10(Math.max(largest, floor))] as const;
  });
  return chart(curve, { x: "eigenvalue; in height the power of ten of the density", height: chartHeight });
}
