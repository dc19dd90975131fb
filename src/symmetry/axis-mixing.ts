import { elementwiseOperators, type Operator, type Value } from "../graph/index.ts";

/** Operands and axes of which a value is a sum with products. */
export function contractedAxes({ op, operands }: Value): readonly (readonly [number, number])[] {
  const [a, b] = operands as readonly [Value, Value];
  switch (op) {
    case "MatMul":
      return [
        [0, a.rank - 1],
        [1, b.rank - 2],
      ];
    case "Conv":
      return [
        [0, 1],
        [1, 1],
      ];
    case "ConvInputGrad":
      return [
        [0, 1],
        [1, 0],
      ];
    default:
      return [];
  }
}

/** Whether a convolution has groups, in each of which channels have weights of their own. */
export function isGrouped({ op, attributes }: Value): boolean {
  return (op === "Conv" || op === "ConvInputGrad") && (attributes as { readonly group: number }).group !== 1;
}

/** Operators that keep all entries apart. */
export const separatingOperators: ReadonlySet<Operator> = new Set<Operator>([
  ...elementwiseOperators,
  "Expand",
  "Transpose",
  "Reshape",
]);

/** The axes of the first operand whose entries an operator does not keep apart. */
export function mixedAxes({ op, attributes, rank, operands }: Value): (axis: number) => boolean {
  const given = attributes as { readonly axis?: number; readonly axes?: readonly number[] };
  switch (op) {
    case "ReduceSum":
    case "ReduceMean":
    case "ReduceMax":
    case "ReduceMin":
      return (axis) => given.axes?.includes(axis) ?? true;
    case "Softmax":
    case "LogSoftmax":
    case "ArgMax":
    case "Concat":
    case "Gather":
      return (axis) => axis === given.axis;
    case "LayerNormalization":
    case "RMSNormalization":
      return (axis) => axis >= (given.axis ?? 0);
    case "MaxPool":
    case "AveragePool":
      return (axis) => axis > 1;
    case "BatchNormalization":
      return (axis) => axis > 1;
    case "Slice":
    case "Pad":
      return (axis) => (operands[0] as Value).rank !== rank || changesAxis(op, attributes, axis, operands[0] as Value);
    default:
      return () => true;
  }
}

function changesAxis(op: Operator, attributes: unknown, axis: number, { shape, rank }: Value): boolean {
  if (op === "Pad") {
    const { pads } = attributes as { readonly pads: readonly number[] };
    return pads[axis] !== 0 || pads[axis + rank] !== 0;
  }
  const { starts, ends, steps } = attributes as Readonly<Record<"starts" | "ends" | "steps", readonly number[]>>;
  return starts[axis] !== 0 || ends[axis] !== shape[axis] || steps[axis] !== 1;
}
