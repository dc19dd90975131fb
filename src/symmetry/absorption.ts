import type { Operator, Value } from "../graph/index.ts";
import type { Shape } from "../tensor/index.ts";
import type { Discovery } from "./discover.ts";
import { type AxisRef, axisOf, type Step, type Trace } from "./trace.ts";

/** A change of a value that is otherwise arbitrary. */
export interface Change {
  /** Axes along which it is the same everywhere. */
  readonly uniform: ReadonlySet<number>;
  /** The entries outside of which nothing changes. */
  readonly range: AxisRange | null;
}

/** The entries from `start` to `end` of an axis. */
export interface AxisRange {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

/** A change that arrives at an operand of an operator. */
export interface Arrival {
  readonly value: Value;
  readonly place: number;
  readonly change: Change;
}

/** Where a change makes no difference any more. */
export interface Sinks {
  readonly absorbs: (arrival: Arrival) => boolean;
  readonly absorbsOutput: (output: Value, change: Change) => boolean;
}

/**
 * Whether a change of a parameter is absorbed everywhere it arrives. It is followed through operators that add to it
 * or multiply it by what does not change.
 */
export function isAbsorbed(
  { leaves: { trace }, outputs }: Discovery,
  { parameter, change }: { readonly parameter: Value; readonly change: Change },
  { absorbs, absorbsOutput }: Sinks,
): boolean {
  const changes = new Map<Value, Change>([[parameter, change]]);
  const start = trace.steps.findIndex(({ value }) => value === parameter);
  for (const step of trace.steps.slice(start)) {
    const { value } = step;
    const places = value.operands.flatMap((operand, place) => {
      const arriving = changes.get(operand);
      return arriving && !absorbs({ value, place, change: arriving }) ? [place] : [];
    });
    if (places.length > 0) {
      const passed = passedOn(trace, { step, places, changes });
      if (passed === "mixed") return false;
      if (passed !== "cut off") changes.set(value, passed);
    }
    const leaving = changes.get(value);
    if (leaving && outputs.includes(value) && !absorbsOutput(value, leaving)) return false;
  }
  return true;
}

/** The change of a parameter that is the same along `along`, or is anything where that is null. */
export function changeOf({ shape }: Value, along: number | null, range: AxisRange | null = null): Change {
  const uniform = shape.flatMap((size, axis) => (size === 1 || axis === along ? [axis] : []));
  return { uniform: new Set(uniform), range };
}

/** Dimension of the changes of a tensor that are the same along `along` and nothing outside `range`. */
export function changeDimension(shape: Shape, along: number | null, range: AxisRange | null): number {
  const sizes = shape.map((size, axis) => (axis === range?.axis ? range.end - range.start : size));
  return sizes.reduce((count, size, axis) => (axis === along ? count : count * size), 1);
}

/** A step and which of its operands change. */
interface Passage {
  readonly step: Step;
  readonly places: readonly number[];
  readonly changes: ReadonlyMap<Value, Change>;
}

function passedOn(trace: Trace, passage: Passage): Change | "cut off" | "mixed" {
  if (!isLinearIn(passage)) return "mixed";
  const range = rangeAfter(trace, passage);
  return typeof range === "string" ? range : { uniform: uniformAfter(trace, passage), range };
}

const passing: { readonly [O in Operator]?: "sum" | "product" | "convolution" } = {
  Add: "sum",
  Sub: "sum",
  Neg: "sum",
  Expand: "sum",
  Reshape: "sum",
  Transpose: "sum",
  Concat: "sum",
  Slice: "sum",
  ReduceSum: "sum",
  ReduceMean: "sum",
  Mul: "product",
  Div: "product",
  MatMul: "product",
  Conv: "convolution",
};

/** Whether the result changes by a linear function of the change. */
function isLinearIn({ step: { value }, places }: Passage): boolean {
  const [place, ...others] = places;
  switch (passing[value.op]) {
    case "sum":
      return true;
    case "product":
      return others.length === 0 && (value.op !== "Div" || place === 0);
    case "convolution":
      return others.length === 0 && (place === 2 || (place === 1 && (value as Value<"Conv">).attributes.group === 1));
    default:
      return false;
  }
}

/** The axes of an operand of which the step makes an axis of the result, without those of size 1. */
function sourcesOf(trace: Trace, { value, equations }: Step, { place, axis }: { place: number; axis: AxisRef }) {
  const operand = value.operands[place] as Value;
  const [from, to] = [axisOf(trace, operand, 0), axisOf(trace, value, axis)];
  const opposite = equations.flatMap(({ left, right }) => {
    if (left.parts.includes(to)) return right.parts;
    return right.parts.includes(to) ? left.parts : [];
  });
  const own = opposite.filter((part) => part >= from && part < from + operand.rank).map((part) => part - from);
  return own.filter((source) => operand.shape[source] !== 1);
}

function uniformAfter(trace: Trace, { step, places, changes }: Passage): Set<number> {
  const { value } = step;
  const isMultiplied = passing[value.op] === "product" || (passing[value.op] === "convolution" && places[0] === 1);
  const isUniform = (axis: number) => {
    if (isJoined(value, axis) || (isMultiplied && value.op === "Conv" && axis > 1)) return false;
    return value.operands.every((operand, place) => {
      const sources = sourcesOf(trace, step, { place, axis });
      if (!places.includes(place)) return !isMultiplied || place > 1 || sources.length === 0;
      return sources.every((source) => changes.get(operand)?.uniform.has(source));
    });
  };
  return new Set([...value.shape.keys()].filter(isUniform));
}

function isJoined(value: Value, axis: number): boolean {
  return value.op === "Concat" && (value as Value<"Concat">).attributes.axis === axis;
}

/** The range outside of which the result stays as it is; null for none. */
function rangeAfter(trace: Trace, { step, places, changes }: Passage): AxisRange | null | "cut off" | "mixed" {
  const { value } = step;
  const ranges = places.map((place) => changes.get(value.operands[place] as Value)?.range ?? null);
  const [range] = ranges;
  if (!range) return ranges.every((each) => each === null) ? null : "mixed";
  if (ranges.length > 1) return "mixed";
  if (value.op === "Slice") return rangeAfterSlice(value as Value<"Slice">, range);
  const place = places[0] as number;
  const axes = [...value.shape.keys()].filter((axis) => sourcesOf(trace, step, { place, axis }).includes(range.axis));
  const [axis, ...others] = axes;
  if (axis === undefined) return null;
  const isWhole = value.shape[axis] === value.operands[place]?.shape[range.axis];
  return others.length === 0 && isWhole && !isJoined(value, axis) ? { ...range, axis } : "mixed";
}

function rangeAfterSlice(
  { attributes, shape }: Value<"Slice">,
  range: AxisRange,
): AxisRange | null | "cut off" | "mixed" {
  const { axis } = range;
  const [first, last, step] = [attributes.starts, attributes.ends, attributes.steps].map((each) => each[axis]) as [
    number,
    number,
    number,
  ];
  if (step !== 1) return "mixed";
  const [start, end] = [Math.max(range.start, first) - first, Math.min(range.end, last) - first];
  if (start >= end) return "cut off";
  return start === 0 && end === shape[axis] ? null : { axis, start, end };
}
