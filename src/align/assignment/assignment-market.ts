/** How many columns a row keeps at hand: enough that few rows need to look again, few enough to go through quickly. */
const CANDIDATES = 12;

/**
 * A maximisation in the making: rows bid for columns at prices p that only rise. Row i values column j at g_ij - p_j.
 * The columns that a row values most at some time are its candidates; any other column is, then and ever after, worth
 * at most `limits[i]` to it, so that the whole row needs to be read again only when its candidates fall below that.
 */
export interface Market {
  readonly gain: Float32Array | Float64Array;
  readonly rows: number;
  /** At least as many as rows. */
  readonly columns: number;
  readonly prices: Float64Array;
  /** By row, or -1. */
  readonly columnOf: Int32Array;
  /** By column, or -1. */
  readonly rowOf: Int32Array;
  /** Candidates per row. */
  readonly width: number;
  readonly candidates: Int32Array;
  readonly candidateGains: Float64Array;
  /** Infinite where a row has no candidates yet. */
  readonly limits: Float64Array;
}

export function openMarket(
  gain: Float32Array | Float64Array,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Market {
  const width = Math.min(CANDIDATES, columns);
  return {
    gain,
    rows,
    columns,
    prices: new Float64Array(columns),
    columnOf: new Int32Array(rows).fill(-1),
    rowOf: new Int32Array(columns).fill(-1),
    width,
    candidates: new Int32Array(rows * width),
    candidateGains: new Float64Array(rows * width),
    limits: new Float64Array(rows).fill(Number.POSITIVE_INFINITY),
  };
}

export function match({ columnOf, rowOf }: Market, row: number, column: number): void {
  columnOf[row] = column;
  rowOf[column] = row;
}

/** Puts the columns that `row` values most at hand; among equals those from the diagonal on, which differ by row. */
export function listCandidates(market: Market, row: number, scratch: Float64Array): void {
  const { gain, columns, width, candidates, candidateGains, limits } = market;
  scratch.fill(Number.NEGATIVE_INFINITY);
  const list = candidates.subarray(row * width, (row + 1) * width);
  keepBest(market, row, list, scratch, row, columns);
  keepBest(market, row, list, scratch, 0, row);
  for (let k = 0; k < width; k++) candidateGains[row * width + k] = gain[row * columns + (list[k] as number)] as number;
  limits[row] = width === columns ? Number.NEGATIVE_INFINITY : (scratch[0] as number);
}

/** Offers the columns from `start` to `end` to a heap of the best, its worst at the root. */
function keepBest(
  { gain, columns, prices }: Market,
  row: number,
  list: Int32Array,
  values: Float64Array,
  start: number,
  end: number,
): void {
  const width = list.length;
  const offset = row * columns;
  let worst = values[0] as number;
  for (let j = start; j < end; j++) {
    const value = (gain[offset + j] as number) - (prices[j] as number);
    if (value > worst) {
      let at = 0;
      for (let child = 1; child < width; child = 2 * at + 1) {
        if (child + 1 < width && (values[child + 1] as number) < (values[child] as number)) child++;
        if ((values[child] as number) >= value) break;
        values[at] = values[child] as number;
        list[at] = list[child] as number;
        at = child;
      }
      values[at] = value;
      list[at] = j;
      worst = values[0] as number;
    }
  }
}

/** The first of the columns that `row` values most. */
export function bestOf({ gain, columns, prices }: Market, row: number): number {
  const offset = row * columns;
  let most = Number.NEGATIVE_INFINITY;
  let best = -1;
  for (let j = 0; j < columns; j++) {
    const value = (gain[offset + j] as number) - (prices[j] as number);
    if (value > most) {
      most = value;
      best = j;
    }
  }
  return best;
}

/** What `column` is worth to `row` at the present prices. */
export function worthOf({ gain, columns, prices }: Market, row: number, column: number): number {
  return (gain[row * columns + column] as number) - (prices[column] as number);
}
