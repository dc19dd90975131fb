import { input, topologicalOrder, type Value, withOperands } from "../graph/index.ts";
import { bytesPerElement, elementCount } from "../tensor/index.ts";

/** A part of a graph that can be run by itself. */
export interface GraphPiece {
  /** What later pieces read, or the result of the whole, by the names under which they are passed on. */
  readonly outputs: Readonly<Record<string, Value>>;
  /** The inputs of the whole graph that it reads. */
  readonly inputs: readonly string[];
  /** The outputs of earlier pieces that it reads. */
  readonly passed: readonly string[];
}

/**
 * The computation of `output` as a sequence of pieces, each of which reads inputs of no more than `mostBytes` in all,
 * unless a single operator reads more. The result is the only output of the last piece.
 */
export function graphPieces(output: Value, mostBytes: number): GraphPiece[] {
  const order = topologicalOrder([output]).filter(isComputed);
  const names = new Map(order.map((value, number) => [value, ` value ${number}`] as const));
  const parts = split(order, mostBytes);
  const home = new Map(parts.flatMap((nodes, part) => nodes.map((node) => [node, part] as const)));
  const isPassedOn = new Set<Value>([output]);
  for (const node of order) {
    for (const operand of node.operands) if (home.get(operand) !== home.get(node)) isPassedOn.add(operand);
  }
  return parts.map((nodes) => pieceOf(nodes, { names, isPassedOn }));
}

function isComputed({ op }: Value): boolean {
  return op !== "Input" && op !== "Constant";
}

function isInput(value: Value): value is Value<"Input"> {
  return value.op === "Input";
}

/** Cuts an order of nodes where what they read becomes too much. */
function split(order: readonly Value[], mostBytes: number): Value[][] {
  const parts: Value[][] = [];
  let read = new Set<Value>();
  let bytes = 0;
  for (const node of order) {
    const further = node.operands.filter((operand) => isInput(operand) && !read.has(operand));
    const more = further.reduce((sum, { dtype, shape }) => sum + elementCount(shape) * bytesPerElement(dtype), 0);
    if (parts.length === 0 || (more > 0 && bytes + more > mostBytes)) {
      parts.push([]);
      read = new Set();
      bytes = 0;
    }
    parts.at(-1)?.push(node);
    bytes += more;
    for (const operand of further) read.add(operand);
  }
  return parts;
}

interface Passing {
  readonly names: ReadonlyMap<Value, string>;
  readonly isPassedOn: ReadonlySet<Value>;
}

function pieceOf(nodes: readonly Value[], { names, isPassedOn }: Passing): GraphPiece {
  const made = new Map<Value, Value>();
  const passed = new Map<string, Value>();
  const inputs = new Set<string>();
  const take = (operand: Value): Value => {
    if (isInput(operand)) inputs.add(operand.attributes.name);
    if (!isComputed(operand)) return operand;
    const name = names.get(operand) as string;
    const known = made.get(operand) ?? passed.get(name) ?? input(name, operand.dtype, operand.shape);
    if (!made.has(operand)) passed.set(name, known);
    return known;
  };
  for (const node of nodes) made.set(node, withOperands(node, node.operands.map(take)));
  const outputs = nodes.filter((node) => isPassedOn.has(node));
  return {
    outputs: Object.fromEntries(outputs.map((node) => [names.get(node) as string, made.get(node) as Value])),
    inputs: [...inputs],
    passed: [...passed.keys()],
  };
}
