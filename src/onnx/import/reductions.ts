import { apply, type Value } from "../../graph/index.ts";
import { elementCount, normalizeAxis } from "../../tensor/index.ts";
import { flagAttribute, type ImportedNode, type Importer, intAttribute, operand, refuse } from "../imported-node.ts";
import { namedAxes } from "./arrangement.ts";

type Reduction = "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin";

/**
 * A reduction whose axes are an input from the operator set `since` on.
 *
 * @param before what is reduced, in terms of the operand
 * @param after the result, in terms of what was reduced
 */
export function reduction(
  op: Reduction,
  since: number,
  before: (x: Value) => Value = (x) => x,
  after: (reduced: Value) => Value = (reduced) => reduced,
): Importer {
  return (node) => after(reduced(op, before(operand(node, 0)), axesOf(node, since), keepsDims(node)));
}

/** More factors than that are not a product of sizes. */
const mostFactors = 256;

/** The product of all elements along axes. */
export const product: Importer = (node) => {
  const x = operand(node, 0);
  const axes = axesOf(node, 18);
  const count = elementCount(axes.map((axis) => x.shape[axis] as number));
  if (count > mostFactors || count === 0) refuse(`expected 1 to ${mostFactors} factors, got ${count}`);
  const product = axes.reduce((rest, axis) => {
    const factors = Array.from({ length: x.shape[axis] as number }, (_, i) => rest.slice(axis, i, i + 1));
    return factors.reduce((a, b) => a.mul(b));
  }, x);
  return keepsDims(node) ? product : product.reshape(x.shape.filter((_, axis) => !axes.includes(axis)));
};

/** The logarithm of a sum of exponentials, taken relative to the largest so that none overflows. */
export function logSumExp(since: number): Importer {
  return (node) => {
    const x = operand(node, 0);
    const axes = axesOf(node, since);
    const largest = reduced("ReduceMax", x, axes, true);
    const sum = reduced("ReduceSum", x.sub(largest).exp(), axes, keepsDims(node));
    return sum.log().add(largest.reshape(sum.shape));
  };
}

function axesOf(node: ImportedNode, since: number): number[] {
  const x = operand(node, 0);
  const named = namedAxes(node, since) ?? [];
  if (named.length === 0) return flagAttribute(node, "noop_with_empty_axes") ? [] : x.shape.map((_, axis) => axis);
  const axes = new Set(named.map((axis) => normalizeAxis(axis, x.rank, node.opType)));
  return [...axes].sort((a, b) => a - b);
}

function reduced(op: Reduction, x: Value, axes: readonly number[], keepDims: boolean): Value {
  return axes.length === 0 ? x : apply(op, [x], { axes, keepDims });
}

function keepsDims(node: ImportedNode): boolean {
  return intAttribute(node, "keepdims") !== 0;
}

/** The place of the first maximum or minimum along an axis. */
export function firstExtremum(of: (x: Value) => Value): Importer {
  return (node) => {
    const x = of(operand(node, 0));
    if (flagAttribute(node, "select_last_index")) refuse("expected the first of equal extrema, got select_last_index");
    const axis = normalizeAxis(intAttribute(node, "axis") ?? 0, x.rank, node.opType);
    const places = x.argMax(axis);
    return keepsDims(node) ? places.reshape(x.shape.with(axis, 1)) : places;
  };
}

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
