import { listCandidates, type Market, match, worthOf } from "./assignment-market.ts";
import { clearHeap, type KeyedHeap, keyedHeap, offer, takeLowest } from "./keyed-heap.ts";

/** The share of all rows that a search may list again before it reads whole rows instead; half that after each that did. */
const PATIENCE = 1 / 16;

/**
 * A search from one free row. The queue holds columns and, as the number columns + row, rows: when columns beyond a
 * row's candidates may be nearer than any other, these are listed again at the present prices.
 */
interface Search {
  /** Its keys are the distances of columns. */
  readonly queue: KeyedHeap;
  /** By column: the row that it was reached from. */
  readonly from: Int32Array;
  /** The columns nearer than the nearest free one, `count` of them. */
  readonly settled: Int32Array;
  count: number;
  readonly scratch: Float64Array;
  root: number;
  /** The nearest free column so far. */
  end: number;
  distance: number;
}

/**
 * Matches each row of `free` along a shortest augmenting path: Dijkstra with the lengths u_i + p_j - g_ij >= 0, where
 * u_i is the value to row i of the column that it has.
 */
export function augmentAll(market: Market, free: Int32Array, signal?: AbortSignal): void {
  const { rows, columns, width } = market;
  const search: Search = {
    queue: keyedHeap(columns + rows),
    from: new Int32Array(columns),
    settled: new Int32Array(columns),
    count: 0,
    scratch: new Float64Array(width),
    root: -1,
    end: -1,
    distance: Number.POSITIVE_INFINITY,
  };
  let patience = PATIENCE * rows;
  for (const root of free) {
    signal?.throwIfAborted();
    search.root = root;
    if (searchCandidates(market, search, patience)) patience = PATIENCE * rows;
    else {
      searchAll(market, search);
      patience /= 2;
    }
    raisePrices(market, search);
    flipPath(market, search);
  }
}

/** Returns whether candidates were enough to find the path. */
function searchCandidates(market: Market, search: Search, patience: number): boolean {
  const { columns, rowOf } = market;
  const { queue, settled } = search;
  clearHeap(queue);
  search.count = 0;
  search.distance = Number.POSITIVE_INFINITY;
  let relisted = 0;
  reachCandidates(market, search, search.root);
  while (queue.size > 0 && (queue.keys[queue.heap[0] as number] as number) < search.distance) {
    const next = takeLowest(queue);
    if (next < columns) {
      settled[search.count++] = next;
      reachCandidates(market, search, rowOf[next] as number);
    } else {
      const row = next - columns;
      if (++relisted > patience) return false;
      listCandidates(market, row, search.scratch);
      reachCandidates(market, search, row);
      if (beyond(market, search, row) < search.distance) return false;
    }
  }
  return true;
}

function reachCandidates(market: Market, search: Search, row: number): void {
  const { columns, prices, rowOf, width, candidates, candidateGains, limits } = market;
  const { queue, from, scratch } = search;
  if (limits[row] === Number.POSITIVE_INFINITY) listCandidates(market, row, scratch);
  const base = baseOf(market, search, row);
  for (let k = row * width; k < (row + 1) * width; k++) {
    const column = candidates[k] as number;
    const length = base - ((candidateGains[k] as number) - (prices[column] as number));
    if (length >= search.distance) continue;
    if (rowOf[column] === -1) {
      search.distance = length;
      search.end = column;
    } else if (!offer(queue, column, length)) continue;
    from[column] = row;
  }
  const rest = beyond(market, search, row);
  if (rest < search.distance) offer(queue, columns + row, rest);
}

/** What any column that is not a candidate of `row` is at least away. */
function beyond(market: Market, search: Search, row: number): number {
  return baseOf(market, search, row) - (market.limits[row] as number);
}

/** The same search over whole rows: cheaper where most of the matrix has to be read. */
function searchAll(market: Market, search: Search): void {
  const { columns, rowOf } = market;
  const { settled, queue } = search;
  const open = Int32Array.from({ length: columns }, (_, column) => column);
  queue.keys.fill(Number.POSITIVE_INFINITY, 0, columns);
  search.count = 0;
  for (let row = search.root; row !== -1; ) {
    const nearest = reachOpen(market, search, row, open.subarray(0, columns - search.count));
    const column = open[nearest] as number;
    open[nearest] = open[columns - search.count - 1] as number;
    row = rowOf[column] as number;
    if (row !== -1) settled[search.count++] = column;
    else {
      search.end = column;
      search.distance = queue.keys[column] as number;
    }
  }
}

/** Returns where among the open columns the nearest is, a free one if there is. */
function reachOpen(market: Market, search: Search, row: number, open: Int32Array): number {
  const { gain, columns, prices, rowOf } = market;
  const { queue, from } = search;
  const { keys } = queue;
  const base = baseOf(market, search, row);
  const offset = row * columns;
  let nearest = -1;
  let distance = Number.POSITIVE_INFINITY;
  for (let k = 0; k < open.length; k++) {
    const column = open[k] as number;
    const length = base - ((gain[offset + column] as number) - (prices[column] as number));
    let key = keys[column] as number;
    if (length < key) {
      keys[column] = key = length;
      from[column] = row;
    }
    if (key < distance || (key === distance && rowOf[column] === -1)) {
      distance = key;
      nearest = k;
    }
  }
  return nearest;
}

/** The distance of `row` plus the value to it of the column that it has: what the value of any other is taken from. */
function baseOf(market: Market, { queue, root }: Search, row: number): number {
  if (row === root) return 0;
  const column = market.columnOf[row] as number;
  return (queue.keys[column] as number) + worthOf(market, row, column);
}

function raisePrices({ prices }: Market, { queue, settled, count, distance }: Search): void {
  for (let k = 0; k < count; k++) {
    const column = settled[k] as number;
    prices[column] = (prices[column] as number) + (distance - (queue.keys[column] as number));
  }
}

function flipPath(market: Market, { from, root, end }: Search): void {
  for (let column = end, row = -1; row !== root; ) {
    row = from[column] as number;
    const before = market.columnOf[row] as number;
    match(market, row, column);
    column = before;
  }
}
