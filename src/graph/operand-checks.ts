import { InputError } from "../errors.ts";
import { broadcastShapes, type DType, formatShape, type Shape, sameShape } from "../tensor/index.ts";
import type { Operator, OperatorAttributes } from "./operators.ts";

/** What inference knows of an operand. */
export interface TypedShape {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The rule of one operator; it refuses operands that do not fit. */
export type Infer<O extends Operator> = (
  operands: readonly TypedShape[],
  attributes: OperatorAttributes[O],
  op: O,
) => TypedShape;

export function refuse(op: Operator, operands: readonly TypedShape[], problem: string): never {
  const got = operands.map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`).join(" and ");
  throw new InputError({ code: "bad-operands", where: op, message: `${problem}, got ${got || "no operands"}` });
}

export function need(condition: boolean, op: Operator, operands: readonly TypedShape[], problem: () => string): void {
  if (!condition) refuse(op, operands, problem());
}

export function operand(operands: readonly TypedShape[], index: number): TypedShape {
  return operands[index] as TypedShape;
}

export function exactly(count: number, op: Operator, operands: readonly TypedShape[]): void {
  need(operands.length === count, op, operands, () => `expected ${count} operand${count === 1 ? "" : "s"}`);
}

export function broadcast(op: Operator, operands: readonly TypedShape[]): Shape {
  const shape = broadcastShapes(...operands.map((x) => x.shape));
  return shape ?? refuse(op, operands, "expected shapes that broadcast together");
}

export function sameType(op: Operator, operands: readonly TypedShape[]): DType {
  const { dtype } = operand(operands, 0);
  need(
    operands.every((x) => x.dtype === dtype),
    op,
    operands,
    () => "expected operands of one type",
  );
  return dtype;
}

export function checkAxis(op: Operator, operands: readonly TypedShape[], axis: number, rank: number): void {
  need(
    Number.isInteger(axis) && axis >= 0 && axis < rank,
    op,
    operands,
    () => `expected an axis from 0 to ${rank - 1} instead of ${axis}`,
  );
}

export function checkIndices(op: Operator, operands: readonly TypedShape[], indices: TypedShape): void {
  need(indices.dtype === "int32" || indices.dtype === "int64", op, operands, () => "expected int32 or int64 indices");
}

/** Throws unless the gradient of a result has the shape of the result. */
export function checkGradient(op: Operator, operands: readonly TypedShape[], g: TypedShape, expected: Shape): void {
  need(sameShape(g.shape, expected), op, operands, () => `expected a gradient ${formatShape(expected)}`);
}
