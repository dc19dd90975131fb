import { concat, ensemble, input, topologicalOrder, type Value } from "../graph/index.ts";
import { bytesPerElement, elementCount } from "../tensor/index.ts";

type Outputs = Readonly<Record<string, Value>>;

/** The step of many members from that of one; each value of `own` is theirs alone and gets an axis over them. */
export function stepOfMany(step: Outputs, own: readonly Value<"Input">[], members: number): Outputs {
  const outputs = Object.values(step);
  const stacked = own.map(({ attributes: { name, dtype, shape } }) => input(name, dtype, [members, ...shape]));
  const partsOf = (start: number, end: number) =>
    new Map<Value, Value>(own.map((value, i) => [value, (stacked[i] as Value).slice(0, start, end)]));
  const size = Math.min(members, blockSize(outputs, own));
  const starts = Array.from({ length: Math.ceil(members / size) }, (_, block) => block * size);
  const blocks = starts.map((start) => ensemble(outputs, partsOf(start, Math.min(members, start + size))));
  const joined = outputs.map((_, i) =>
    concat(
      blocks.map((block) => block[i] as Value),
      0,
    ),
  );
  return Object.fromEntries(Object.keys(step).map((name, i) => [name, joined[i] as Value]));
}

/** A result of this size still lies in a processor's cache when the next operator reads it. */
const cachedBytes = 2 ** 21;

/**
 * How many members are computed at a time. Where each has little to keep but much to compute, such as a tiny network on
 * a whole data set, a block's results should fit into a cache; elsewhere one block is best.
 */
function blockSize(outputs: readonly Value[], own: readonly Value[]): number {
  const computed = topologicalOrder(outputs).filter(({ op }) => op !== "Input" && op !== "Constant");
  const largest = Math.max(...computed.map(bytesOf));
  const kept = own.reduce((sum, value) => sum + bytesOf(value), 0);
  return kept * 16 > largest ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(cachedBytes / largest));
}

function bytesOf({ dtype, shape }: Value): number {
  return elementCount(shape) * bytesPerElement(dtype);
}
