import {
  expandDefinitions,
  type LoopPlan,
  type Operator,
  type OperatorAttributes,
  planLoop,
  simplify,
  topologicalOrder,
  type Value,
} from "../../graph/index.ts";
import { elementCount, type Shape, stridesOf, type Tensor, toNumbers } from "../../tensor/index.ts";
import { placesBy } from "./places.ts";
import { type Elements, elementsOf, oneSample } from "./rules.ts";
import { type Scalar, type ScalarBuilder, scalarBuilder } from "./scalar.ts";

/** One element of a tensor, of all samples; the tensor is a constant or the input of a name. */
export interface Column {
  readonly source: string | Tensor;
  /** Place of the first sample, and the distance between samples. */
  readonly start: number;
  readonly stride: number;
}

/** A computation in which samples have nothing to do with each other but for sums over all, number by number. */
export interface Unrolled {
  readonly plan: LoopPlan;
  readonly samples: number;
  /** Where the elements of each input without samples begin among all parameters, and how many they are. */
  readonly parameters: ReadonlyMap<string, { readonly start: number; readonly count: number }>;
  readonly columns: readonly Column[];
  readonly outputs: ReadonlyMap<string, { readonly shape: Shape; readonly elements: Elements }>;
  /** All that the outputs depend on, operands first. */
  readonly order: readonly Scalar[];
}

/** With fewer samples the work on parameters counts for more. */
const fewestSamples = 32;
/** Beyond these numbers of operations, and of sums over the samples, products of matrices do better. */
const mostOperations = 20_000;
const mostSums = 800;
/** Of the numbers of all samples. */
const mostColumnNumbers = 2 ** 22;

/**
 * The body of a loop as operations on the numbers of one sample, or null where it cannot be told so or is large. The
 * longest axis of the inputs that never change is that of the samples.
 */
export function unroll(outputs: Readonly<Record<string, Value>>, stepped: readonly string[]): Unrolled | null {
  const plan = planLoop(outputs, stepped);
  const samples = Math.max(0, ...plan.shared.flatMap(({ shape }) => shape));
  if (samples < fewestSamples || !Object.values(outputs).every((value) => isResult(value, samples))) return null;
  const values = simplify(expandDefinitions(Object.values(outputs)));
  const order = topologicalOrder(values);
  if (!isSmall(order, samples) || !order.every((value) => isExact(value, samples))) return null;
  const builder = scalarBuilder(samples);
  const { parameters, columns, read } = inputReader(plan, samples, builder);
  const made = new Map<Value, Elements>();
  for (const value of order) {
    const operands = value.operands.map((operand) => made.get(operand) as Elements);
    const elements = read(value) ?? elementsOf(value, { operands, builder, samples });
    if (!elements) return null;
    made.set(value, elements);
  }
  const results = values.map((value) => ({ shape: value.shape, elements: made.get(value) as Elements }));
  const scalars = scheduled(results.flatMap(({ elements }) => elements));
  const sums = scalars.filter(({ op }) => op === "total");
  if (scalars.length > mostOperations || sums.length > mostSums || columns.length * samples > mostColumnNumbers)
    return null;
  const isTold = results.every(({ elements }) =>
    elements.every(({ stage }) => stage === "shared" || stage === "total"),
  );
  if (!isTold) return null;
  const names = Object.keys(outputs);
  const named = new Map(results.map((result, i) => [names[i] as string, result]));
  return { plan, samples, parameters, columns, outputs: named, order: scalars };
}

/** Everything that the roots depend on, operands first. */
function scheduled(roots: readonly Scalar[]): Scalar[] {
  const order = new Set<Scalar>();
  const stack = roots.map((scalar) => ({ scalar, next: 0 })).reverse();
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const operand = order.has(top.scalar) ? undefined : top.scalar.operands[top.next++];
    if (!operand) order.add((stack.pop() as { scalar: Scalar }).scalar);
    else if (!order.has(operand)) stack.push({ scalar: operand, next: 0 });
  }
  return [...order];
}

function isSmall(order: readonly Value[], samples: number): boolean {
  const operations = order.map(({ op, shape, operands }) => {
    const [a] = operands.map((operand) => oneSample(operand.shape, samples));
    return elementCount(oneSample(shape, samples)) * (op === "MatMul" ? 2 * (a?.at(-1) as number) : 1);
  });
  return operations.reduce((sum, count) => sum + count, 0) <= mostOperations;
}

/** Operators that move elements, whatever their type. */
const moving: ReadonlySet<Operator> = new Set<Operator>([
  "Input",
  "Constant",
  "Cast",
  "Reshape",
  "Transpose",
  "Expand",
  "Concat",
  "Slice",
  "Pad",
  "Where",
  "Surrogate",
]);

/** Whether an output is of the type that is computed in, and the same for all samples. */
function isResult({ dtype, shape }: Value, samples: number): boolean {
  return dtype === "float64" && !shape.includes(samples);
}

/** Whether float64 gives the value as its own type would, there is any of it, and at most one axis could be the samples'. */
function isExact({ op, dtype, shape }: Value, samples: number): boolean {
  const isPlain = shape.indexOf(samples) === shape.lastIndexOf(samples) && !shape.includes(0);
  return isPlain && (dtype === "float64" || dtype === "bool" || moving.has(op));
}

function inputReader({ shared, stepped, carried }: LoopPlan, samples: number, builder: ScalarBuilder) {
  const parameters = new Map<string, { start: number; count: number }>();
  let start = 0;
  for (const { attributes, shape } of [
    ...shared.filter(({ shape }) => !shape.includes(samples)),
    ...stepped,
    ...carried,
  ]) {
    const count = elementCount(shape);
    parameters.set(attributes.name, { start, count });
    start += count;
  }
  const columns: Column[] = [];
  const columnsOf = (source: string | Tensor, shape: Shape): Elements => {
    const strides = stridesOf(shape);
    const stride = strides[shape.indexOf(samples)] as number;
    const starts = placesBy(oneSample(shape, samples), strides);
    return starts.map((start) => builder.column(columns.push({ source, start, stride }) - 1));
  };
  const constantsOf = (tensor: Tensor): Elements => {
    const { shape } = tensor;
    const numbers = toNumbers(tensor);
    if (!shape.includes(samples)) return Array.from(numbers, builder.constant);
    const first = numbers[0] as number;
    if (numbers.some((number) => number !== first)) return columnsOf(tensor, shape);
    return Array.from(numbers.subarray(0, numbers.length / samples), builder.constant);
  };
  const read = ({ op, attributes, shape }: Value): Elements | null => {
    if (op === "Constant") return constantsOf((attributes as OperatorAttributes["Constant"]).value);
    if (op !== "Input") return null;
    const { name } = attributes as OperatorAttributes["Input"];
    const parameter = parameters.get(name);
    if (!parameter) return columnsOf(name, shape);
    if (shape.includes(samples)) return null;
    return Array.from({ length: parameter.count }, (_, i) => builder.parameter(parameter.start + i));
  };
  return { parameters, columns, read };
}
