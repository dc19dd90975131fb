import { apply } from "../../graph/index.ts";
import { elementCount, normalizeAxis } from "../../tensor/index.ts";
import { flagAttribute, type ImportedNode, type Importer, intAttribute, operand, refuse } from "../imported-node.ts";
import { namedAxes } from "./arrangement.ts";

type Reduction = "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin";

/** A reduction whose axes are an input from the operator set `since` on. */
export function reduction(op: Reduction, since: number): Importer {
  return (node) => {
    const x = operand(node, 0);
    const named = namedAxes(node, since) ?? [];
    if (named.length === 0 && flagAttribute(node, "noop_with_empty_axes")) return x;
    const all = x.shape.map((_, axis) => axis);
    const axes = named.length > 0 ? named.map((axis) => normalizeAxis(axis, x.rank, op)) : all;
    if (x.rank === 0) return x;
    return apply(op, [x], { axes: [...new Set(axes)].sort((a, b) => a - b), keepDims: keepsDims(node) });
  };
}

function keepsDims(node: ImportedNode): boolean {
  return intAttribute(node, "keepdims") !== 0;
}

/** The place of the first maximum along an axis. */
export const argMax: Importer = (node) => {
  const x = operand(node, 0);
  if (flagAttribute(node, "select_last_index")) refuse("expected the first of equal maxima, got select_last_index");
  const axis = normalizeAxis(intAttribute(node, "axis") ?? 0, x.rank, "ArgMax");
  const places = x.argMax(axis);
  return keepsDims(node) ? places.reshape(x.shape.with(axis, 1)) : places;
};

/** Before operator set 13: over all axes from `axis` on together. */
export function softmax(op: "Softmax" | "LogSoftmax"): Importer {
  return (node) => {
    const x = operand(node, 0);
    const axis = normalizeAxis(intAttribute(node, "axis") ?? (node.opset < 13 ? 1 : -1), x.rank, op);
    if (node.opset >= 13 || axis === x.rank - 1) return apply(op, [x], { axis });
    const flat = x.reshape([elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
    return apply(op, [flat], { axis: 1 }).reshape(x.shape);
  };
}

/** A reduction over all spatial axes. */
export function globalPool(op: "ReduceMean" | "ReduceMax"): Importer {
  return (node) => {
    const x = operand(node, 0);
    if (x.rank < 3) refuse(`expected [N, C, ...], got a tensor of ${x.rank} axes`);
    return apply(op, [x], { axes: x.shape.map((_, axis) => axis).slice(2), keepDims: true });
  };
}
