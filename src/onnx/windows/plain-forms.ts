import { apply, type Operator, type Value, withOperands } from "../../graph/index.ts";
import { elementCount, sameShape } from "../../tensor/index.ts";
import { restore } from "./arrangement.ts";
import type { Form } from "./placement.ts";

/** Elementwise operators follow the first operand of the result's shape that is placed. */
export const elementwise: Form<Operator> = (value, placement) => {
  const lead = value.operands.map(placement.placed).find((each) => each && sameShape(each.shape, value.shape));
  if (!lead) return null;
  const operands = value.operands.map((operand) => placement.in(operand, lead.arrangement, value.rank).value);
  return { ...lead, value: withOperands(value, operands) };
};

/** Along all factors of the reduced axes, which may be none: an axis of size 1 need not have any. */
export const reduction: Form<"ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin"> = (value, placement) => {
  const x = placement.placed(value.operands[0] as Value);
  if (!x) return null;
  const isReduced = (axis: number) => value.attributes.axes.includes(axis);
  const places = x.arrangement.flatMap(({ axis }, place) => (isReduced(axis) ? [place] : []));
  const axes = isReduced(0) ? [...places, x.arrangement.length] : places;
  const reduced = axes.length === 0 ? x.value : apply(value.op, [x.value], { axes, keepDims: true });
  const arrangement = x.arrangement.map((factor) => (isReduced(factor.axis) ? { ...factor, size: 1 } : factor));
  const shape = x.shape.map((size, axis) => (isReduced(axis) ? 1 : size));
  return restore({ value: reduced, arrangement, shape }).reshape(value.shape);
};

/** Flattening all axes but that of the samples keeps the order in memory. */
export const flattening: Form<"Reshape"> = (value, placement) => {
  const x = placement.placed(value.operands[0] as Value);
  if (!x || value.rank !== 2 || value.shape[0] !== x.shape[0]) return null;
  const arrangement = x.arrangement.map(({ axis, size, stride }) => ({
    axis: 1,
    size,
    stride: stride * elementCount(x.shape.slice(axis + 1)),
  }));
  return { value: x.value, arrangement, shape: value.shape };
};
