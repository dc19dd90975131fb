import {
  broadcastShapes,
  elementCount,
  isFloat,
  reshape,
  type Shape,
  sameShape,
  tensorBytes,
  toNumbers,
} from "../tensor/index.ts";
import { arithmeticOperators, comparisonOperators, type Operator } from "./operators.ts";
import { rewrite, withOperands } from "./order.ts";
import { constant, type Value } from "./value.ts";

/**
 * The same computation with fewer nodes: equal expressions are shared, surrogates are replaced by their values, and
 * the trivial arithmetic and reshaping that differentiation leaves behind is removed. Nothing that changes a rounding.
 */
export function simplify(outputs: readonly Value[]): Value[] {
  const unique = sharing();
  return rewrite(outputs, (value, operands) => unique(reduceNode(withOperands(value, operands), unique)));
}

/** Returns for each value the first one seen that computes the same; operands must already be unique. */
function sharing(): (value: Value) => Value {
  const seen = new Map<string, Value>();
  const numbers = new Map<unknown, number>();
  const numberOf = (thing: unknown) => {
    if (!numbers.has(thing)) numbers.set(thing, numbers.size);
    return numbers.get(thing);
  };
  return (value) => {
    const content = value.op === "Constant" ? constantKey(value as Value<"Constant">, numberOf) : attributesKey(value);
    const key = `${value.op} ${value.operands.map(numberOf).join()} ${content}`;
    const known = seen.get(key);
    if (!known) seen.set(key, value);
    return known ?? value;
  };
}

function attributesKey({ attributes }: Value): string {
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries, (_, entry) => (typeof entry === "number" ? exactly(entry) : entry));
}

/** JSON has neither -0 nor NaN nor infinities. */
function exactly(x: number): number | string {
  if (Object.is(x, -0)) return "-0";
  return Number.isFinite(x) ? x : String(x);
}

/** Constants up to this size are compared by content, larger ones by identity. */
const comparedBytes = 4096;

function constantKey({ attributes: { value } }: Value<"Constant">, numberOf: (thing: unknown) => unknown): string {
  const bytes = tensorBytes(value);
  return `${value.dtype} ${value.shape.join()} ${bytes.length <= comparedBytes ? bytes.join() : numberOf(value.data)}`;
}

const broadcasting: ReadonlySet<string> = new Set<Operator>([
  ...arithmeticOperators,
  ...comparisonOperators,
  "And",
  "Or",
  "Where",
]);

function reduceNode(value: Value, unique: (value: Value) => Value): Value {
  const reduced = broadcasting.has(value.op) ? withoutExpand(value) : value;
  const [x, y] = reduced.operands as readonly [Value, Value];
  switch (reduced.op) {
    case "Surrogate":
      return x;
    case "Reshape":
      return reshaped(x, reduced.shape, unique) ?? reduced;
    case "Transpose":
      return transposed(x, (reduced as Value<"Transpose">).attributes.perm) ?? reduced;
    case "Slice":
      return sameShape(x.shape, reduced.shape) ? x : reduced;
    case "Expand":
      return expanded(x, reduced.shape) ?? reduced;
    case "Neg":
      return x.op === "Neg" ? operandOf(x) : reduced;
    case "Mul":
      return unit(y, x, reduced) ?? unit(x, y, reduced) ?? reduced;
    case "Div":
      return unit(y, x, reduced) ?? reduced;
    default:
      return reduced;
  }
}

function operandOf(value: Value): Value {
  return value.operands[0] as Value;
}

/** `other` where multiplying it by `factor` changes nothing, not even the shape. */
function unit(factor: Value, other: Value, result: Value): Value | null {
  return isOne(factor) && sameShape(other.shape, result.shape) ? other : null;
}

function isOne(value: Value): boolean {
  if (value.op === "Expand") return isOne(operandOf(value));
  if (value.op !== "Constant" || !isFloat(value.dtype) || elementCount(value.shape) !== 1) return false;
  return toNumbers((value as Value<"Constant">).attributes.value)[0] === 1;
}

function reshaped(x: Value, shape: Shape, unique: (value: Value) => Value): Value | null {
  if (sameShape(x.shape, shape)) return x;
  if (x.op === "Reshape") return reshaped(operandOf(x), shape, unique) ?? operandOf(x).reshape(shape);
  if (x.op === "Constant") return constant(reshape((x as Value<"Constant">).attributes.value, shape));
  if (x.op !== "Expand" || elementCount(operandOf(x).shape) !== 1) return null;
  const element = reshaped(operandOf(x), [], unique) ?? operandOf(x).reshape([]);
  return unique(element).expand(shape);
}

function expanded(x: Value, shape: Shape): Value | null {
  if (sameShape(x.shape, shape)) return x;
  return x.op === "Expand" ? operandOf(x).expand(shape) : null;
}

function transposed(x: Value, perm: Shape): Value | null {
  if (perm.every((axis, i) => axis === i)) return x;
  if (x.op !== "Transpose") return null;
  const inner = (x as Value<"Transpose">).attributes.perm;
  const both = perm.map((axis) => inner[axis] as number);
  return transposed(operandOf(x), both) ?? operandOf(x).transpose(both);
}

/** Lets an elementwise operator broadcast, instead of reading operands that were repeated in memory. */
function withoutExpand(value: Value): Value {
  return value.operands.reduce((node, operand, i) => {
    if (operand.op !== "Expand") return node;
    const operands = node.operands.with(i, operandOf(operand));
    const shape = broadcastShapes(...operands.map((each) => each.shape));
    return shape && sameShape(shape, node.shape) ? withOperands(node, operands) : node;
  }, value);
}
