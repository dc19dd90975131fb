import { concat, constant, type Value } from "../../graph/index.ts";
import { fromNumbers, sameShape } from "../../tensor/index.ts";

/** Joins values of one shape along a new axis. */
export function stack(parts: readonly Value[], axis: number): Value {
  return concat(
    parts.map((part) => part.reshape(part.shape.toSpliced(axis, 0, 1))),
    axis,
  );
}

/** The parts of a value along an axis; those of a stack as they were before they were joined. */
export function unstack(value: Value, axis: number): Value[] {
  const shape = value.shape.toSpliced(axis, 1);
  const whole = behindReshapes(value);
  if (isStack(whole, axis) && sameShape(whole.shape, value.shape))
    return whole.operands.map((part) => part.reshape(shape));
  return Array.from({ length: value.shape[axis] as number }, (_, i) =>
    value.gather(constant(fromNumbers("int32", [i], [])), axis),
  );
}

function behindReshapes(value: Value): Value {
  return value.op === "Reshape" ? behindReshapes(value.operands[0] as Value) : value;
}

function isStack(value: Value, axis: number): value is Value<"Concat"> {
  if (value.op !== "Concat" || (value as Value<"Concat">).attributes.axis !== axis) return false;
  return value.operands.every((part) => part.shape[axis] === 1);
}
