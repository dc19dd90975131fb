import { apply, type PoolAttributes, rewrite, type Value, where, withOperands } from "../../graph/index.ts";
import { elementCount, toNumbers } from "../../tensor/index.ts";

/**
 * The graph with max pools moved before ReLUs and before biases of channels, which then pass over a fraction of the
 * elements: both are monotone, so max(f(x)) = f(max(x)). Gradients move with them: what the derivative of the ReLU
 * erases after the pool's was sent to the maximum, it erases as well before. Only elements that adding the bias rounds to
 * the same number may be told apart now.
 */
export function poolFirst(outputs: readonly Value[]): Value[] {
  return rewrite(outputs, (value, operands) => moved(withOperands(value, operands)));
}

function moved(value: Value): Value {
  const [x, y] = value.operands as readonly [Value, Value];
  if (value.op === "MaxPool") return pool(x, (value as Value<"MaxPool">).attributes);
  if (value.op === "MaxPoolGrad") {
    const bare = withoutBias(x);
    return bare === x ? value : apply("MaxPoolGrad", [bare, y], (value as Value<"MaxPoolGrad">).attributes);
  }
  return maskedFirst(value) ?? summedFirst(value) ?? value;
}

function pool(x: Value, attributes: PoolAttributes): Value {
  if (x.op === "Relu") return pool(x.operands[0] as Value, attributes).relu();
  const bare = withoutBias(x);
  return bare === x ? apply("MaxPool", [x], attributes) : pool(bare, attributes).add(x.operands[1] as Value);
}

/** y of y + b, b one number per channel. */
function withoutBias(value: Value): Value {
  const [y, bias] = value.operands as readonly [Value, Value];
  const isBias = value.op === "Add" && bias.rank < value.rank && bias.shape[0] === elementCount(bias.shape);
  return isBias && bias.rank === value.rank - 1 && y.rank === value.rank ? y : value;
}

/** where(r > 0, MaxPoolGrad(r, g), 0) for r = relu(z), as MaxPoolGrad(z, where(pool(r) > 0, g, 0)). */
function maskedFirst(value: Value): Value | null {
  if (value.op !== "Where") return null;
  const [condition, sent, zero] = value.operands as readonly [Value, Value, Value];
  if (condition.op !== "Greater" || sent.op !== "MaxPoolGrad" || !isZero(zero)) return null;
  const [r, bound] = condition.operands as readonly [Value, Value];
  const [x, g] = sent.operands as readonly [Value, Value];
  if (r.op !== "Relu" || r !== x || !isZero(bound)) return null;
  const { attributes } = sent as Value<"MaxPoolGrad">;
  const kept = where(pool(r, attributes).greater(0), g, 0);
  return apply("MaxPoolGrad", [withoutBias(r.operands[0] as Value), kept], attributes);
}

/** The sum over whole images of what a pool's gradient sends there, as the sum of what it sends. */
function summedFirst(value: Value): Value | null {
  const [sent] = value.operands as readonly [Value?];
  if (value.op !== "ReduceSum" || sent?.op !== "MaxPoolGrad") return null;
  const { axes, keepDims } = (value as Value<"ReduceSum">).attributes;
  const isWhole = sent.shape.every((_, axis) => axis < 2 || axes.includes(axis));
  return isWhole ? (sent.operands[1] as Value).sum(axes, { keepDims }) : null;
}

function isZero(value: Value): boolean {
  if (value.op !== "Constant" || elementCount(value.shape) !== 1) return false;
  return toNumbers((value as Value<"Constant">).attributes.value)[0] === 0;
}
