/** A queue of the numbers 0..n-1 in the order of their keys; a key may sink while its number waits. */
export interface KeyedHeap {
  readonly keys: Float64Array;
  readonly heap: Int32Array;
  /** By number: its place in the heap, or NEW, or TAKEN. */
  readonly places: Int32Array;
  size: number;
  /** The numbers that have been put in since the heap was last cleared. */
  readonly touched: Int32Array;
  touchedCount: number;
}

const NEW = -1;
const TAKEN = -2;

export function keyedHeap(count: number): KeyedHeap {
  return {
    keys: new Float64Array(count),
    heap: new Int32Array(count),
    places: new Int32Array(count).fill(NEW),
    size: 0,
    touched: new Int32Array(count),
    touchedCount: 0,
  };
}

/** Puts `number` in, or lowers its key; false where it has been taken or waits with a key as low. */
export function offer(queue: KeyedHeap, number: number, key: number): boolean {
  const { keys, heap, places } = queue;
  let place = places[number] as number;
  if (place === TAKEN) return false;
  if (place === NEW) {
    place = queue.size++;
    queue.touched[queue.touchedCount++] = number;
  } else if (key >= (keys[number] as number)) return false;
  keys[number] = key;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent] as number;
    if ((keys[above] as number) <= key) break;
    heap[place] = above;
    places[above] = place;
    place = parent;
  }
  heap[place] = number;
  places[number] = place;
  return true;
}

/** Takes the number with the lowest key out; it cannot come back before the heap is cleared. */
export function takeLowest(queue: KeyedHeap): number {
  const { keys, heap, places } = queue;
  const lowest = heap[0] as number;
  places[lowest] = TAKEN;
  const size = --queue.size;
  if (size === 0) return lowest;
  const last = heap[size] as number;
  const key = keys[last] as number;
  let place = 0;
  for (let child = 1; child < size; child = 2 * place + 1) {
    if (child + 1 < size && (keys[heap[child + 1] as number] as number) < (keys[heap[child] as number] as number))
      child++;
    const below = heap[child] as number;
    if ((keys[below] as number) >= key) break;
    heap[place] = below;
    places[below] = place;
    place = child;
  }
  heap[place] = last;
  places[last] = place;
  return lowest;
}

export function clearHeap(queue: KeyedHeap): void {
  for (let k = 0; k < queue.touchedCount; k++) queue.places[queue.touched[k] as number] = NEW;
  queue.size = 0;
  queue.touchedCount = 0;
}
