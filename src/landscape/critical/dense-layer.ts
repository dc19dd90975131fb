import { check } from "../../errors.ts";
import {
  arithmeticOperators,
  concat,
  constant,
  type Operator,
  topologicalOrder,
  unaryOperators,
  type Value,
} from "../../graph/index.ts";
import { fromNumbers } from "../../tensor/index.ts";
import type { HiddenLayer } from "../expansion/index.ts";

/** The values of a hidden layer in a graph, with all samples P along the first axis. */
export interface DenseLayer {
  /** What a unit reads [P, d], with a 1 appended where it has a bias. */
  readonly inputs: Value;
  /** w . x + b, and the outputs of the units, in the shapes of the graph. */
  readonly before: Value;
  readonly after: Value;
  /** The sums with the outgoing weights. */
  readonly next: readonly Value[];
}

/** Finds the values of a hidden layer of dense units. Throws where it is of another kind. */
export function denseLayer(output: Value, layer: HiddenLayer): DenseLayer {
  const order = topologicalOrder([output]);
  const { affine, incoming, outgoing, name } = layer;
  const isAffine = affine !== null && incoming.length === (affine.bias === null ? 1 : 2);
  const product = isAffine ? productWith(order, affine.weight) : undefined;
  const before = affine?.bias == null ? product : order.find((value) => isSumOf(value, product, affine.bias as string));
  const next = outgoing.map(({ tensor }) => productWith(order, tensor));
  const after = next[0]?.operands[0];
  const isDense = product && before && after && next.every((value) => value?.operands[0] === after);
  check(isDense && isPointwise(before, after), () => ({
    code: "not-dense",
    where: `layer ${JSON.stringify(name)}`,
    message: "expected dense units f(w . x + b), got others",
    remedy: "choose another layer",
  }));
  const read = byUnits((product as Value).operands[0] as Value);
  const ones = () =>
    constant(fromNumbers("float64", new Array(read.shape[0] as number).fill(1), [read.shape[0] as number, 1]));
  const inputs = affine?.bias == null ? read : concat([read, ones()], 1);
  return { inputs, before: before as Value, after: after as Value, next: next as readonly Value[] };
}

/** All samples and places along one axis: [P, units]. */
export function byUnits(value: Value): Value {
  return value.rank === 2 ? value : value.reshape([-1, value.shape.at(-1) as number]);
}

/** The product of some value with the weights of this name. */
function productWith(order: readonly Value[], name: string): Value | undefined {
  return order.find(({ op, operands }) => op === "MatMul" && isParameter(operands[1] as Value, name));
}

function isSumOf({ op, operands }: Value, product: Value | undefined, bias: string): boolean {
  return op === "Add" && operands.some((each) => each === product) && operands.some((each) => isParameter(each, bias));
}

function isParameter(value: Value, name: string): boolean {
  if (value.op === "Transpose") return isParameter(value.operands[0] as Value, name);
  return value.op === "Input" && (value as Value<"Input">).attributes.name === name;
}

const pointwise: ReadonlySet<Operator> = new Set<Operator>([
  ...unaryOperators,
  ...arithmeticOperators,
  "Constant",
  "Cast",
]);

function isPointwise(before: Value, after: Value): boolean {
  const between = topologicalOrder([after], new Set([before])).filter((value) => value !== before);
  return between.every(({ op }) => pointwise.has(op));
}
