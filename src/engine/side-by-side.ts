import { concat, ensemble, input, inputsOf, topologicalOrder, type Value } from "../graph/index.ts";
import { bytesPerElement, elementCount } from "../tensor/index.ts";
import type { Members } from "./engine.ts";

type Outputs = Readonly<Record<string, Value>>;

/** The graph that computes for all members what the given one computes for one. */
export function sideBySide(outputs: Outputs, members?: Members): Outputs {
  if (!members) return outputs;
  const values = Object.values(outputs);
  const own = inputsOf(values).filter(({ attributes }) => members.own.includes(attributes.name));
  const stacked = own.map((value) => withMembers(value, members));
  const partsOf = (start: number, end: number) =>
    new Map<Value, Value>(own.map((value, i) => [value, (stacked[i] as Value).slice(0, start, end)]));
  const size = Math.min(members.count, blockSize(values, own));
  const starts = Array.from({ length: Math.ceil(members.count / size) }, (_, block) => block * size);
  const blocks = starts.map((start) => ensemble(values, partsOf(start, Math.min(members.count, start + size))));
  const joined = values.map((_, i) =>
    concat(
      blocks.map((block) => block[i] as Value),
      0,
    ),
  );
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, joined[i] as Value]));
}

/** The input of one member as that of all: with an axis over them where each has its own. */
export function withMembers(value: Value<"Input">, members?: Members): Value<"Input"> {
  const { name, dtype, shape } = value.attributes;
  return members?.own.includes(name) ? input(name, dtype, [members.count, ...shape]) : value;
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
