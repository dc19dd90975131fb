import { constant, type Operator, topologicalOrder, type Value, withOperands } from "../../graph/index.ts";
import {
  elementCount,
  fromNumbers,
  isFloat,
  type Shape,
  stridesOf,
  type Tensor,
  toNumbers,
} from "../../tensor/index.ts";
import { refuse } from "../imported-node.ts";

/** Larger tensors are left to the engine. */
const maxFoldedElements = 2 ** 16;

type ConstantValue = Value<"Constant">;
type Coordinate = readonly number[];

/** The element of a constant under a coordinate of a tensor that it broadcasts to. */
type Reader = (coordinate: Coordinate) => number;
type Evaluate<O extends Operator> = (coordinate: Coordinate, operands: readonly Reader[], value: Value<O>) => number;

/**
 * The value as a constant where it holds whole numbers or truth values computed from constants: the sizes and indices
 * that exporters compute inside the graph. Real numbers are left alone, so that no rounding changes.
 *
 * @param leaves values that are folded already
 * @param spend accounts for the elements of a constant before it is made
 */
export function foldConstants(value: Value, leaves: ReadonlySet<Value>, spend: (elements: number) => void): Value {
  if (leaves.has(value) || isFloat(value.dtype)) return value;
  const made = new Map([...leaves].map((leaf) => [leaf, leaf]));
  for (const each of topologicalOrder([value], leaves)) {
    if (made.has(each)) continue;
    const operands = each.operands.map((operand) => made.get(operand) as Value);
    const current = withOperands(each, operands);
    made.set(each, isFloat(each.dtype) ? current : foldOne(current, spend));
  }
  return made.get(value) as Value;
}

/** Longer chains are not how exporters put a few numbers together. */
const longestChain = 8;

/** The tensor that a value holds: a stored one (what `stored` gives), or a few of its elements rearranged. */
export function knownTensor(
  value: Value,
  stored: (value: Value) => Tensor | undefined,
  spend: (elements: number) => void,
  chain = longestChain,
): Tensor | undefined {
  const { op, attributes } = value as Value<"Constant">;
  const found = op === "Constant" ? attributes.value : stored(value);
  const isRearranged = value.op === "Concat" || value.op === "Reshape" || value.op === "Slice" || value.op === "Gather";
  if (found || !isRearranged || chain === 0) return found;
  const tensors = value.operands.map((operand) => knownTensor(operand, stored, spend, chain - 1));
  if (!tensors.every((tensor) => tensor !== undefined)) return undefined;
  const folded = foldOne(value.on(tensors.map(constant)), spend);
  return folded.op === "Constant" ? (folded as Value<"Constant">).attributes.value : undefined;
}

function foldOne(value: Value, spend: (elements: number) => void): Value {
  const evaluate = (rules as Partial<Record<Operator, Evaluate<Operator>>>)[value.op];
  if (!evaluate) return value;
  const operands = value.operands.filter((x): x is ConstantValue => x.op === "Constant" && isSmall(x));
  if (operands.length < value.operands.length || !isSmall(value)) return value;
  spend(elementCount(value.shape));
  const readers = operands.map(readerOf);
  const elements = coordinatesOf(value.shape).map((coordinate) => evaluate(coordinate, readers, value));
  return constant(fromNumbers(value.dtype, elements.map(saturate), value.shape));
}

/** Exporters write "to the end" as the largest int64, which as a number is one too large. */
function saturate(element: number): number {
  return element >= 2 ** 63 ? 2 ** 63 - 1024 : element;
}

function isSmall({ shape }: Value): boolean {
  return elementCount(shape) <= maxFoldedElements;
}

function readerOf({ shape, attributes }: ConstantValue): Reader {
  const elements = toNumbers(attributes.value);
  const strides = stridesOf(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  return (coordinate) => {
    const extra = coordinate.length - shape.length;
    const flat = strides.reduce((sum, stride, axis) => sum + stride * (coordinate[axis + extra] as number), 0);
    return elements[flat] as number;
  };
}

function coordinatesOf(shape: Shape): Coordinate[] {
  const count = elementCount(shape);
  return Array.from({ length: count }, (_, flat) => coordinateAt(flat, shape));
}

function coordinateAt(flat: number, shape: Shape): number[] {
  const strides = stridesOf(shape);
  return shape.map((size, axis) => Math.floor(flat / (strides[axis] as number)) % size);
}

function elementwise(f: (...elements: number[]) => number): Evaluate<Operator> {
  return (coordinate, operands) => f(...operands.map((at) => at(coordinate)));
}

function truth(f: (a: number, b: number) => unknown): Evaluate<Operator> {
  return elementwise((a, b) => (f(a as number, b as number) ? 1 : 0));
}

function shapeOf(value: Value, index: number): Shape {
  return (value.operands[index] as Value).shape;
}

function first(operands: readonly Reader[]): Reader {
  return operands[0] as Reader;
}

const gather: Evaluate<"Gather"> = (coordinate, [at, positions], value) => {
  const { axis } = value.attributes;
  const [x, indices] = [shapeOf(value, 0), shapeOf(value, 1)];
  const index = (positions as Reader)(coordinate.slice(axis, axis + indices.length));
  if (!(index >= 0 && index < (x[axis] as number))) refuse(`expected indices below ${x[axis]}, got ${index}`);
  return (at as Reader)([...coordinate.slice(0, axis), index, ...coordinate.slice(axis + indices.length)]);
};

const concat: Evaluate<"Concat"> = (coordinate, operands, value) => {
  const { axis } = value.attributes;
  let [i, rest] = [0, coordinate[axis] as number];
  for (; rest >= (shapeOf(value, i)[axis] as number); i++) rest -= shapeOf(value, i)[axis] as number;
  return (operands[i] as Reader)(coordinate.with(axis, rest));
};

const rules: { readonly [O in Operator]?: Evaluate<O> } = {
  Neg: elementwise((x) => -(x as number)),
  Abs: elementwise(Math.abs as (...elements: number[]) => number),
  Add: elementwise((a, b) => (a as number) + (b as number)),
  Sub: elementwise((a, b) => (a as number) - (b as number)),
  Mul: elementwise((a, b) => (a as number) * (b as number)),
  Div: elementwise((a, b) => {
    if (b === 0) refuse("expected a divisor other than zero");
    return Math.trunc((a as number) / (b as number));
  }),
  Max: elementwise(Math.max),
  Min: elementwise(Math.min),
  Equal: truth((a, b) => a === b),
  Less: truth((a, b) => a < b),
  LessOrEqual: truth((a, b) => a <= b),
  Greater: truth((a, b) => a > b),
  GreaterOrEqual: truth((a, b) => a >= b),
  And: truth((a, b) => a && b),
  Or: truth((a, b) => a || b),
  Not: elementwise((x) => (x ? 0 : 1)),
  Where: elementwise((condition, a, b) => (condition ? a : b) as number),
  Cast: elementwise((x) => x as number),
  Expand: elementwise((x) => x as number),
  Reshape: (coordinate, operands, value) => {
    const strides = stridesOf(value.shape);
    const flat = coordinate.reduce((sum, c, axis) => sum + c * (strides[axis] as number), 0);
    return first(operands)(coordinateAt(flat, shapeOf(value, 0)));
  },
  Transpose: (coordinate, operands, { attributes: { perm } }) =>
    first(operands)(perm.map((_, axis) => coordinate[perm.indexOf(axis)] as number)),
  Slice: (coordinate, operands, { attributes: { starts, steps } }) =>
    first(operands)(coordinate.map((c, axis) => (starts[axis] as number) + c * (steps[axis] as number))),
  Concat: concat,
  Gather: gather,
};
