import { concat, constant, fill, type Value } from "../../graph/index.ts";
import { fromNumbers, normalizeAxis } from "../../tensor/index.ts";
import {
  floatAttribute,
  type ImportedNode,
  type Importer,
  intsAttribute,
  knownNumber,
  operand,
  refuse,
  required,
  stringAttribute,
  wholeNumbers,
} from "../imported-node.ts";

/** More elements around the tensor, or fewer where a pad is negative. */
export const pad: Importer = (node) => {
  const x = operand(node, 0);
  const isOld = node.opset < 11;
  const value = (isOld ? floatAttribute(node, "value") : knownNumber(node, 2)) ?? 0;
  const named = required(isOld ? intsAttribute(node, "pads") : wholeNumbers(node, 1), "pads");
  const axes = wholeNumbers(node, 3)?.map((axis) => normalizeAxis(axis, x.rank, ""));
  const pads = axes ? padsOfAll(named, axes, x.rank) : named;
  if (pads.length !== 2 * x.rank) refuse(`expected ${2 * x.rank} pads, got ${pads.length}`);
  const mode = stringAttribute(node, "mode") ?? "constant";
  if (mode === "constant" && value === 0 && pads.every((count) => count >= 0)) return x.pad(pads);
  const cropped = x.shape.reduce((rest, size, axis) => {
    const [before, after] = sidesOf(pads, axis, Math.min);
    return before || after ? rest.slice(axis, 0 - before, size + after) : rest;
  }, x);
  return cropped.shape.reduce((rest, _, axis) => {
    const [before, after] = sidesOf(pads, axis, Math.max);
    if (!before && !after) return rest;
    if (mode === "constant") return surrounded(rest, axis, [before, after], value);
    return rest.gather(paddedPositions(node, mode, rest.shape[axis] as number, [before, after]), axis);
  }, cropped);
};

/** The pads of an axis on each side, those of the other sign as zero. */
function sidesOf(pads: readonly number[], axis: number, bound: (a: number, b: number) => number): [number, number] {
  return [bound(pads[axis] as number, 0), bound(pads[axis + pads.length / 2] as number, 0)];
}

function surrounded(x: Value, axis: number, counts: readonly number[], value: number): Value {
  const [before, after] = counts.map((count) => (count > 0 ? [fill(value, x.dtype, x.shape.with(axis, count))] : []));
  return concat([...(before as Value[]), x, ...(after as Value[])], axis);
}

/** What lies beyond the ends of an axis: its mirror image, its last element, or its other end. */
const beyond: Readonly<Record<string, (index: number, size: number) => number>> = {
  reflect: (index, size) => (size === 1 ? 0 : size - 1 - Math.abs(modulo(index, 2 * (size - 1)) - (size - 1))),
  edge: (index, size) => Math.max(0, Math.min(index, size - 1)),
  wrap: modulo,
};

function modulo(a: number, b: number): number {
  return ((a % b) + b) % b;
}

function paddedPositions(node: ImportedNode, mode: string, size: number, [before, after]: [number, number]): Value {
  const position = Object.hasOwn(beyond, mode) ? beyond[mode] : undefined;
  if (!position || size === 0) refuse("expected a known way to pad elements, got another one");
  const length = before + size + after;
  node.spend(length);
  return constant(
    fromNumbers(
      "int64",
      Float64Array.from({ length }, (_, i) => position(i - before, size)),
    ),
  );
}

function padsOfAll(pads: readonly number[], axes: readonly number[], rank: number): number[] {
  if (pads.length !== 2 * axes.length) refuse(`expected ${2 * axes.length} pads, got ${pads.length}`);
  const sides = [pads.slice(0, axes.length), pads.slice(axes.length)];
  return sides.flatMap((side) =>
    Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? (side[axes.indexOf(axis)] as number) : 0)),
  );
}
