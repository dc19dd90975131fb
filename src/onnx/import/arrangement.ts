import { concat, constant, type Value } from "../../graph/index.ts";
import { broadcastShapes, elementCount, formatShape, fromNumbers, normalizeAxis } from "../../tensor/index.ts";
import {
  flagAttribute,
  type ImportedNode,
  type Importer,
  intAttribute,
  intsAttribute,
  operand,
  refuse,
  required,
  wholeNumbers,
} from "../imported-node.ts";

/** A size of 0 stands for that of the input, -1 for what is left. */
export const reshape: Importer = (node) => {
  const x = operand(node, 0);
  const asked = required(wholeNumbers(node, 1), "a shape");
  const copiesZeros = !flagAttribute(node, "allowzero");
  const shape = asked.map((size, axis) => (size === 0 && copiesZeros ? sizeOf(x, axis) : size));
  return x.reshape(shape);
};

/** The axes before and from `axis` on as those of a matrix. */
export const flatten: Importer = (node) => {
  const x = operand(node, 0);
  const axis = intAttribute(node, "axis") ?? 1;
  const split = axis < 0 ? axis + x.rank : axis;
  if (split < 0 || split > x.rank) refuse(`expected an axis of at most ${x.rank}, got ${axis}`);
  return x.reshape([elementCount(x.shape.slice(0, split)), elementCount(x.shape.slice(split))]);
};

/** The axes that an operator names: an attribute at first, an input from the operator set `since` on. */
export function namedAxes(node: ImportedNode, since: number): number[] | undefined {
  return node.opset < since ? intsAttribute(node, "axes") : wholeNumbers(node, 1);
}

/** Drops axes of size 1. */
export const squeeze: Importer = (node) => {
  const x = operand(node, 0);
  const named = namedAxes(node, 13)?.map((axis) => normalizeAxis(axis, x.rank, ""));
  const axes = named ?? x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const wide = axes.find((axis) => sizeOf(x, axis) !== 1);
  if (wide !== undefined) refuse(`expected axis ${wide} of size 1, got ${formatShape(x.shape)}`);
  return x.reshape(x.shape.filter((_, axis) => !axes.includes(axis)));
};

/** Inserts axes of size 1. */
export const unsqueeze: Importer = (node) => {
  const x = operand(node, 0);
  const named = required(namedAxes(node, 13), "axes");
  const rank = x.rank + named.length;
  const axes = new Set(named.map((axis) => normalizeAxis(axis, rank, "")));
  if (axes.size < named.length) refuse(`expected axes that differ, got [${named}]`);
  const sizes = x.shape.values();
  return x.reshape(Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (sizes.next().value as number))));
};

/** Axes in another order; reversed where none is given. */
export const transpose: Importer = (node) => operand(node, 0).transpose(intsAttribute(node, "perm"));

/** Both shapes broadcast. */
export const expand: Importer = (node) => {
  const x = operand(node, 0);
  const asked = required(wholeNumbers(node, 1), "a shape");
  return x.expand(
    broadcastShapes(x.shape, asked) ??
      refuse(`expected a shape that ${formatShape(x.shape)} broadcasts with, got [${asked}]`),
  );
};

/** Whole copies side by side along each axis. */
export const tile: Importer = (node) => {
  const x = operand(node, 0);
  const repeats = required(wholeNumbers(node, 1), "repeats");
  if (repeats.length !== x.rank) refuse(`expected ${x.rank} repeats, got ${repeats.length}`);
  const apart = x.shape.flatMap((size) => [1, size]);
  const repeated = x.shape.flatMap((size, axis) => [repeats[axis] as number, size]);
  return x
    .reshape(apart)
    .expand(repeated)
    .reshape(x.shape.map((size, axis) => size * (repeats[axis] as number)));
};

/** Concatenation. */
export const join: Importer = (node) => {
  const values = node.operands.map((_, i) => operand(node, i));
  return concat(values, required(intAttribute(node, "axis"), "attribute axis"));
};

/** Parts of given or equal sizes along an axis. */
export const split: Importer = (node) => {
  const x = operand(node, 0);
  const axis = normalizeAxis(intAttribute(node, "axis") ?? 0, x.rank, "");
  const size = sizeOf(x, axis);
  const sizes = (node.opset < 13 ? intsAttribute(node, "split") : wholeNumbers(node, 1)) ?? equalParts(node, size);
  const total = sizes.reduce((sum, part) => sum + part, 0);
  if (total !== size || sizes.some((part) => part < 0))
    refuse(`expected parts of ${size} elements in all, got [${sizes}]`);
  let start = 0;
  return sizes.map((part) => {
    start += part;
    return x.slice(axis, start - part, start);
  });
};

function equalParts(node: ImportedNode, size: number): number[] {
  const count = intAttribute(node, "num_outputs") ?? node.outputCount;
  const part = Math.ceil(size / count);
  if (count !== node.outputCount) refuse(`expected num_outputs ${node.outputCount}, got ${count}`);
  return Array.from({ length: count }, (_, i) => Math.max(Math.min(part, size - i * part), 0));
}

interface Range {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Ranges of axes; bounds count from the end where negative and end where the axis does. */
export const slice: Importer = (node) => {
  const x = operand(node, 0);
  return rangesOf(node, x).reduce((value, each) => sliced(node, value, each), x);
};

function rangesOf(node: ImportedNode, { rank }: Value): Range[] {
  const isOld = node.opset < 10;
  const starts = required(isOld ? intsAttribute(node, "starts") : wholeNumbers(node, 1), "starts");
  const ends = required(isOld ? intsAttribute(node, "ends") : wholeNumbers(node, 2), "ends");
  const axes = (isOld ? intsAttribute(node, "axes") : wholeNumbers(node, 3)) ?? starts.map((_, i) => i);
  const steps = (isOld ? undefined : wholeNumbers(node, 4)) ?? starts.map(() => 1);
  const lengths = [starts, ends, axes, steps].map(({ length }) => length);
  if (new Set(lengths).size > 1 || starts.length > rank)
    refuse(`expected as many starts, ends, axes and steps, got ${lengths.join(", ")}`);
  return axes.map((axis, i) => ({
    axis: normalizeAxis(axis, rank, ""),
    start: starts[i] as number,
    end: ends[i] as number,
    step: steps[i] as number,
  }));
}

function sliced(node: ImportedNode, x: Value, { axis, start, end, step }: Range): Value {
  const size = sizeOf(x, axis);
  const clamp = (bound: number, low: number, high: number) =>
    Math.max(low, Math.min(bound < 0 ? bound + size : bound, high));
  if (step > 0) {
    const first = clamp(start, 0, size);
    return x.slice(axis, first, Math.max(first, clamp(end, 0, size)), step);
  }
  if (step === 0) refuse("expected a step other than 0");
  const [first, last] = [clamp(start, -1, size - 1), clamp(end, -1, size - 1)];
  const count = Math.max(Math.ceil((first - last) / -step), 0);
  node.spend(count);
  return x.gather(
    constant(
      fromNumbers(
        "int64",
        Float64Array.from({ length: count }, (_, i) => first + i * step),
      ),
    ),
    axis,
  );
}

function sizeOf(x: Value, axis: number): number {
  return x.shape[axis] ?? refuse(`expected an axis below ${x.rank}, got ${axis}`);
}
