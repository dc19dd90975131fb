import { listCandidates, type Market, match } from "./assignment-market.ts";

const ROUNDS = 2;

/** Bids per row after which the auction gives up: price wars can take for ever, shortest paths cannot. */
const PATIENCE = 200;

/**
 * Augmenting row reduction (Jonker and Volgenant 1987): every free row bids for the column that it values most, by as
 * much as that is worth more to it than the second best, and takes it from whoever has it. Returns the rows left free.
 */
export function auction(market: Market): Int32Array {
  const { rows, columns, width, columnOf } = market;
  const scratch = new Float64Array(width);
  const free = Int32Array.from(columnOf.keys()).filter((row) => columnOf[row] === -1);
  // One column alone has no second best.
  let bids = columns > 1 ? PATIENCE * rows : 0;
  let count = free.length;
  for (let round = 0; round < ROUNDS; round++) {
    const bidders = count;
    count = 0;
    for (let k = 0; k < bidders; k++) {
      let row = free[k] as number;
      while (row >= 0) {
        const outbid = bids-- > 0 ? bid(market, row, scratch) : row;
        if (outbid === row) free[count++] = row;
        row = outbid === row ? -1 : outbid;
      }
    }
  }
  return free.subarray(0, count);
}

/** Returns the row that lost its column, -1 where that was free, or `row` itself where two columns are worth the same and taken. */
function bid(market: Market, row: number, scratch: Float64Array): number {
  const { prices, rowOf, width, candidates, candidateGains, limits } = market;
  let best = 0;
  let second = 0;
  let column = -1;
  let rival = -1;
  for (let isStale = limits[row] === Number.POSITIVE_INFINITY; ; isStale = true) {
    if (isStale) listCandidates(market, row, scratch);
    best = second = Number.NEGATIVE_INFINITY;
    for (let k = row * width; k < (row + 1) * width; k++) {
      const value = (candidateGains[k] as number) - (prices[candidates[k] as number] as number);
      if (value > best) {
        second = best;
        rival = column;
        best = value;
        column = candidates[k] as number;
      } else if (value > second) {
        second = value;
        rival = candidates[k] as number;
      }
    }
    if (second >= (limits[row] as number)) break;
  }
  if (best > second) prices[column] = (prices[column] as number) + (best - second);
  else if (rowOf[column] !== -1) column = rival;
  const loser = rowOf[column] as number;
  if (loser >= 0 && !(best > second)) return row;
  if (loser >= 0) market.columnOf[loser] = -1;
  match(market, row, column);
  return loser;
}
