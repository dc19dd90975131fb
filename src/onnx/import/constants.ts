import { constant, range, type Value, where } from "../../graph/index.ts";
import { elementCount, formatShape, fromNumbers } from "../../tensor/index.ts";
import {
  floatAttribute,
  floatsAttribute,
  type ImportedNode,
  type Importer,
  intAttribute,
  intsAttribute,
  knownNumber,
  knownOperand,
  operand,
  refuse,
  required,
  tensorAttribute,
  wholeNumbers,
} from "../imported-node.ts";
import { tensorFromProto } from "../tensor-proto.ts";

/** A tensor stored in the node, in one of several forms. */
export const constantNode: Importer = (node) => {
  const value = tensorAttribute(node, "value");
  if (value) return constant(tensorFromProto(value, "attribute value"));
  const float = floatAttribute(node, "value_float");
  if (float !== undefined) return constant(fromNumbers("float32", [float], []));
  const floats = floatsAttribute(node, "value_floats");
  if (floats) return constant(fromNumbers("float32", floats));
  const int = intAttribute(node, "value_int");
  if (int !== undefined) return constant(fromNumbers("int64", [int], []));
  const ints = intsAttribute(node, "value_ints") ?? refuse("expected a constant of numbers, got another kind");
  return constant(fromNumbers("int64", ints));
};

/** One number everywhere. */
export const constantOfShape: Importer = (node) => {
  const shape = required(wholeNumbers(node, 0), "a shape");
  const proto = tensorAttribute(node, "value");
  const value = proto ? tensorFromProto(proto, "attribute value") : fromNumbers("float32", [0]);
  if (value.data.length !== 1) refuse(`expected one value, got ${value.data.length}`);
  const single = constant({ ...value, shape: [] });
  return shape.length === 0 ? single : single.expand(shape);
};

/** The sizes of the axes from `start` to `end`. */
export const shapeOf: Importer = (node) => {
  const sizes = operand(node, 0).shape;
  const [start, end] = [intAttribute(node, "start") ?? 0, intAttribute(node, "end")];
  return constant(fromNumbers("int64", sizes.slice(start, end)));
};

/** The number of elements. */
export const sizeOf: Importer = (node) => constant(fromNumbers("int64", [elementCount(operand(node, 0).shape)], []));

/** The numbers from `start` up to `limit` by `delta`. */
export const arithmeticRange: Importer = (node) => {
  const { dtype } = required(knownOperand(node, 0), "a start");
  const [start, limit, delta] = [0, 1, 2].map((i) => required(knownNumber(node, i), "start, limit and delta")) as [
    number,
    number,
    number,
  ];
  const length = Math.max(Math.ceil((limit - start) / delta), 0);
  if (!Number.isFinite(length)) refuse(`expected a range that ends, got ${start} to ${limit} by ${delta}`);
  node.spend(length);
  return constant(
    fromNumbers(
      dtype,
      Float64Array.from({ length }, (_, i) => start + i * delta),
    ),
  );
};

/** Zero above or below a diagonal of the last two axes. */
export const triangle: Importer = (node) => {
  const x = operand(node, 0);
  const diagonal = knownNumber(node, 1) ?? 0;
  const isUpper = intAttribute(node, "upper") !== 0;
  const lower = lowerTriangle(node, x, isUpper ? diagonal - 1 : diagonal);
  return where(isUpper ? lower.not() : lower, x, 0);
};

/** Whether row + `diagonal` is at least the column, for the last two axes of `x`. */
export function lowerTriangle(node: ImportedNode, { shape }: Value, diagonal: number): Value {
  if (shape.length < 2) refuse(`expected a matrix, got ${formatShape(shape)}`);
  const [rows, columns] = shape.slice(-2) as [number, number];
  node.spend(rows + columns);
  return range(rows).reshape([rows, 1]).add(diagonal).greaterOrEqual(range(columns));
}
