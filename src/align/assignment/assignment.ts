import { check } from "../../errors.ts";
import { auction } from "./assignment-auction.ts";
import { bestOf, type Market, match, openMarket, worthOf } from "./assignment-market.ts";
import { augmentAll } from "./assignment-paths.ts";

/** A matching of as many rows and columns as there can be, with the largest sum of gains, and the proof of that. */
export interface Assignment {
  /** By row its column; -1 for the rows left over where there are more rows than columns. */
  readonly columnOf: Int32Array;
  /** The sum of the gains of all matches. */
  readonly objective: number;
  /** The sum of the duals, which no matching exceeds: the objective, but for rounding. */
  readonly bound: number;
  /** u and v with u_i + v_j >= gain_ij everywhere; of the longer side none is negative, and the left over have 0. */
  readonly duals: { readonly rows: Float64Array; readonly columns: Float64Array };
  /** The duals given proved the start given to be optimal, and nothing had to be solved. */
  readonly isWarm: boolean;
}

export interface AssignmentOptions {
  /** Those of an earlier solve of a similar matrix. */
  readonly duals?: Assignment["duals"] | undefined;
  /** The matching to keep as far as the duals allow; without duals it says nothing. */
  readonly start?: Int32Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface AssignmentSize {
  readonly rows: number;
  readonly columns: number;
}

/** How far, relative to the duals, a bound may be above an objective that it proves optimal: rounding in sums. */
const CERTAINTY = 1e-12;

/**
 * The assignment of rows to columns with the largest total gain; `gain` is row-major [rows, columns].
 *
 * Jonker and Volgenant 1987 (augmenting row reduction, then shortest augmenting paths), but a row looks only at the
 * columns that were worth most to it until prices have risen so far that others may be worth more.
 */
export function solveAssignment(
  gain: Float32Array | Float64Array,
  size: AssignmentSize,
  options: AssignmentOptions = {},
): Assignment {
  checkProblem(gain, size, options);
  options.signal?.throwIfAborted();
  return size.rows > size.columns ? solveTall(gain, size, options) : solveWide(gain, size, options);
}

function solveTall(gain: Float32Array | Float64Array, size: AssignmentSize, options: AssignmentOptions): Assignment {
  const { duals, start, signal } = options;
  const turned = solveWide(
    transposed(gain, size),
    { rows: size.columns, columns: size.rows },
    {
      duals: duals && { rows: duals.columns, columns: duals.rows },
      start: start && inverse(start, size.columns),
      signal,
    },
  );
  const { rows, columns } = turned.duals;
  return { ...turned, columnOf: inverse(turned.columnOf, size.rows), duals: { rows: columns, columns: rows } };
}

/** With no more rows than columns. */
function solveWide(gain: Float32Array | Float64Array, size: AssignmentSize, options: AssignmentOptions): Assignment {
  const { duals, start, signal } = options;
  const market = openMarket(gain, size);
  const isSquare = size.rows === size.columns;
  if (duals) market.prices.set(isSquare ? duals.columns : duals.columns.map((price) => Math.max(0, price)));
  else if (isSquare) market.prices.set(columnMeans(gain, size));
  const best = bestByRow(market);
  const kept = duals && start && assignmentAt(market, start.slice(), best);
  if (kept && isProved(kept)) return { ...kept, isWarm: true };
  // Left over columns must be free of charge, which only a start at zero sees to.
  if (duals && !isSquare) return solveWide(gain, size, { signal });
  matchTight(market, best, duals && start ? [start, best] : [best]);
  if (!market.columnOf.includes(-1)) return assignmentAt(market, market.columnOf, best);
  augmentAll(market, auction(market), signal);
  return assignmentAt(market, market.columnOf, bestByRow(market));
}

/** Prices at which no column is worth more than another to all rows alike. */
function columnMeans(gain: Float32Array | Float64Array, { rows, columns }: AssignmentSize): Float64Array {
  const sums = new Float64Array(columns);
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) sums[j] = (sums[j] as number) + (gain[at] as number);
  }
  return sums.map((sum) => sum / rows);
}

function bestByRow(market: Market): Int32Array {
  return market.columnOf.map((_, row) => bestOf(market, row));
}

/** Matches rows to columns that are worth as much to them as any, as proposed. */
function matchTight(market: Market, best: Int32Array, proposals: readonly Int32Array[]): void {
  const { columnOf, rowOf } = market;
  for (const proposal of proposals) {
    for (const [row, column] of proposal.entries()) {
      const isTight = worthOf(market, row, column) === worthOf(market, row, best[row] as number);
      if (isTight && columnOf[row] === -1 && rowOf[column] === -1) match(market, row, column);
    }
  }
}

/** The matches of `columnOf` at the prices of the market, with what each row values most. */
function assignmentAt(market: Market, columnOf: Int32Array, best: Int32Array): Assignment {
  const { gain, rows, columns, prices } = market;
  const values = Float64Array.from({ length: rows }, (_, row) => worthOf(market, row, best[row] as number));
  const objective = columnOf.reduce((sum, column, row) => sum + (gain[row * columns + column] as number), 0);
  return {
    columnOf,
    objective,
    bound: total(values) + total(prices),
    duals: { rows: values, columns: prices },
    isWarm: false,
  };
}

function isProved({ objective, bound, duals }: Assignment): boolean {
  return bound - objective <= CERTAINTY * (total(duals.rows.map(Math.abs)) + total(duals.columns.map(Math.abs)));
}

function total(numbers: Float64Array): number {
  return numbers.reduce((sum, x) => sum + x, 0);
}

/** From the matches of `columnOf` those by column. */
function inverse(columnOf: Int32Array, columns: number): Int32Array {
  const rowOf = new Int32Array(columns).fill(-1);
  for (const [row, column] of columnOf.entries()) if (column >= 0) rowOf[column] = row;
  return rowOf;
}

function transposed<T extends Float32Array | Float64Array>(gain: T, { rows, columns }: AssignmentSize): T {
  const turned = gain.slice() as T;
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) turned[j * rows + i] = gain[at] as number;
  }
  return turned;
}

function checkProblem(gain: Float32Array | Float64Array, size: AssignmentSize, options: AssignmentOptions): void {
  const { rows, columns } = size;
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
  check(isCount(rows) && isCount(columns) && gain.length === rows * columns, () => ({
    code: "bad-shape",
    where: "assignment",
    message: `expected ${rows} x ${columns} gains, got ${gain.length}`,
  }));
  checkFinite(gain, columns);
  const { duals, start } = options;
  if (duals) {
    checkDuals("row duals", duals.rows, rows);
    checkDuals("column duals", duals.columns, columns);
  }
  if (start) checkStart(start, size);
}

function checkFinite(gain: Float32Array | Float64Array, columns: number): void {
  let sum = 0;
  for (let at = 0; at < gain.length; at++) sum += (gain[at] as number) * 0;
  if (sum === 0) return;
  const at = gain.findIndex((value) => !Number.isFinite(value));
  check(false, () => ({
    code: "not-finite",
    where: "assignment",
    message: `expected finite gains, got ${gain[at]} for row ${Math.floor(at / columns)}, column ${at % columns}`,
    remedy: "look for NaN or infinity in the weights or activations that it was made of",
  }));
}

function checkDuals(where: string, duals: Float64Array, count: number): void {
  check(duals.length === count && duals.every(Number.isFinite), () => ({
    code: "bad-duals",
    where: `assignment ${where}`,
    message: `expected ${count} finite numbers, got ${duals.length}${duals.length === count ? " with NaN or infinity" : ""}`,
    remedy: "pass the duals of a matrix of the same size",
  }));
}

function checkStart(start: Int32Array, { rows, columns }: AssignmentSize): void {
  const count = Math.min(rows, columns);
  const matched = start.filter((column) => column !== -1);
  const isMatching = matched.every((column) => column >= 0 && column < columns) && new Set(matched).size === count;
  check(start.length === rows && matched.length === count && isMatching, () => ({
    code: "bad-option",
    where: "assignment start",
    message: `expected ${count} different columns below ${columns} for ${rows} rows, got [${start.subarray(0, 6).join(", ")}${start.length > 6 ? ", ..." : ""}] for ${start.length}`,
    remedy: "pass columnOf of a matrix of the same size",
  }));
}
