import type { Operator, Value } from "../graph/index.ts";
import { normalizeAxis } from "../tensor/index.ts";
import { type Change, changeDimension, changeOf, isAbsorbed } from "./absorption.ts";
import type { Discovery } from "./discover.ts";

/** What leaves the decision between classes as it is, beyond what leaves the output as it is. */
export interface HeadSymmetry {
  /** Parameters that one positive number can scale together: the output scales with it. Empty where there are none. */
  readonly scale: readonly string[];
  /** Parameters to which something can be added that adds the same to the output for every class. */
  readonly shift: readonly HeadShift[];
  /** What the continuous dimension of the group grows by. */
  readonly dimension: {
    /** Where probabilities count, that is the softmax of the output: the shifts. */
    readonly probabilities: number;
    /** Where only the largest output counts: the shifts and the scale. */
    readonly decision: number;
  };
}

export interface HeadShift {
  readonly tensor: string;
  /** The axis of the classes, along which the same has to be added; null where anything can be. */
  readonly along: number | null;
  readonly dimension: number;
}

/**
 * The symmetries of the last layer under argmax and softmax over the classes, along the last axis of the output unless
 * another is given. Null where there are none: fewer than two classes, or an output that no parameter scales or shifts.
 */
export function headSymmetry(
  discovery: Discovery,
  { axis = -1 }: { readonly axis?: number } = {},
): HeadSymmetry | null {
  const [output] = discovery.outputs;
  if (!output || discovery.outputs.length > 1 || (output.shape.at(axis) ?? 0) < 2) return null;
  const classes = normalizeAxis(axis, output.rank, "the axis of the classes");
  const scale = linearParameters(discovery, output) ?? [];
  const shift = headShifts(discovery, classes);
  if (scale.length + shift.length === 0) return null;
  const probabilities = shift.reduce((sum, { dimension }) => sum + dimension, 0);
  return { scale, shift, dimension: { probabilities, decision: probabilities + (scale.length > 0 ? 1 : 0) } };
}

function headShifts(discovery: Discovery, classes: number): HeadShift[] {
  return [...discovery.parameters].flatMap(([tensor, parameter]) => {
    const ways = [null, ...parameter.shape.keys()];
    const along = ways.find((axis) => isCommonShift(discovery, { parameter, along: axis, classes }));
    return along === undefined ? [] : [{ tensor, along, dimension: changeDimension(parameter.shape, along, null) }];
  });
}

/** Whether a change that is the same along an axis arrives at the output alone, and there is the same for all classes. */
function isCommonShift(
  discovery: Discovery,
  { parameter, along, classes }: { readonly parameter: Value; readonly along: number | null; readonly classes: number },
): boolean {
  const change = changeOf(parameter, along);
  const sinks = { absorbs: () => false, absorbsOutput: (_: Value, { uniform }: Change) => uniform.has(classes) };
  return isAbsorbed(discovery, { parameter, change }, sinks);
}

/** Parameters in which the logits are homogeneous of degree one, and which serve nothing else. */
function linearParameters({ leaves, parameters }: Discovery, output: Value): string[] | null {
  const uses = new Map<Value, number>([[output, 1]]);
  for (const { value } of leaves.trace.steps) {
    for (const operand of value.operands) uses.set(operand, (uses.get(operand) ?? 0) + 1);
  }
  const linear = (value: Value): string[] | null => {
    if (uses.get(value) !== 1) return null;
    if (value.op === "Input") {
      const { name } = (value as Value<"Input">).attributes;
      return parameters.has(name) ? [name] : null;
    }
    return linearOperands(value, linear);
  };
  const isNormalised = output.op === "Softmax" || output.op === "LogSoftmax";
  return linear(isNormalised ? (output.operands[0] as Value) : output);
}

type Linear = (value: Value) => string[] | null;

/** What scales a value: all terms of a sum, one factor of a product, the gain and the bias of a norm. */
function linearOperands(value: Value, linear: Linear): string[] | null {
  const { operands } = value;
  const [x, weights, ...rest] = operands as [Value, Value, ...Value[]];
  switch (kindOf[value.op]) {
    case "structure":
      return linear(x);
    case "sum":
      return together(operands, linear);
    case "product":
      return joined([linear(weights) ?? linear(x), together(rest, linear)]);
    case "norm":
      return together([weights, ...rest.slice(0, 1)], linear);
    default:
      return null;
  }
}

const kindOf: { readonly [O in Operator]?: "structure" | "sum" | "product" | "norm" } = {
  Neg: "structure",
  Cast: "structure",
  Expand: "structure",
  Reshape: "structure",
  Transpose: "structure",
  Slice: "structure",
  ReduceSum: "structure",
  ReduceMean: "structure",
  AveragePool: "structure",
  Div: "structure",
  Add: "sum",
  Sub: "sum",
  Concat: "sum",
  Mul: "product",
  MatMul: "product",
  Conv: "product",
  BatchNormalization: "norm",
  LayerNormalization: "norm",
  RMSNormalization: "norm",
};

function together(values: readonly Value[], linear: Linear): string[] | null {
  return joined(values.map(linear));
}

function joined(lists: readonly (string[] | null)[]): string[] | null {
  return lists.includes(null) ? null : lists.flatMap((list) => list ?? []);
}
