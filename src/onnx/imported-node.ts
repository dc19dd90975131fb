import { check, InputError } from "../errors.ts";
import type { Value } from "../graph/index.ts";
import { checkShape, formatShape, type Shape, type Tensor, toNumbers } from "../tensor/index.ts";
import { type AttributeProto, attributeTypes, type NodeProto, type TensorProto } from "./proto.ts";

/** An ONNX node whose operands are values already. */
export interface ImportedNode {
  readonly opType: string;
  /** The version of the operator set that gives the operator its meaning. */
  readonly opset: number;
  /** Undefined where an optional input is left out. */
  readonly operands: readonly (Value | undefined)[];
  readonly attributes: ReadonlyMap<string, AttributeProto>;
  /** How many outputs the node names. */
  readonly outputCount: number;
  /** The tensor that a value holds, where it does not depend on the inputs of the model. */
  known(value: Value): Tensor | undefined;
  /** Accounts for the elements of a constant before it is made; refuses more than a model has use for. */
  spend(elements: number): void;
}

/** The values that a node computes; an array for operators with several outputs. */
export type Importer = (node: ImportedNode) => Value | readonly Value[];

/** Refuses the node at hand, whose place in the model is added to the message later. */
export function refuse(message: string, remedy?: string): never {
  throw new InputError({ code: "unsupported-onnx", message, ...(remedy && { remedy }) });
}

/** The attribute or input of this name, which the operator cannot do without. */
export function required<T>(value: T | undefined, name: string): T {
  return value ?? refuse(`expected ${name}, got none`);
}

const maxRank = 64;

/** Throws unless a tensor of this shape could exist. */
export function checkExtent(shape: Shape, where: string): void {
  check(shape.length <= maxRank, () => ({
    code: "bad-shape",
    where,
    message: `expected at most ${maxRank} axes, got ${shape.length}`,
  }));
  checkShape(shape, where);
}

/** Text from a file as an error message shows it: short, quoted, on one line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

/** `node "conv1" (Conv)`, as error messages show it. */
export function describeNode({ name, opType = "", domain, output }: NodeProto): string {
  const operator = /^\w{1,80}$/.test(opType) ? opType : quote(opType);
  const qualified = domain ? `${operator} of ${quote(domain)}` : operator;
  return name ? `node ${quote(name)} (${qualified})` : `node that makes ${quote(output?.[0] ?? "")} (${qualified})`;
}

/** An operand that the operator cannot do without. */
export function operand(node: ImportedNode, index: number): Value {
  return node.operands[index] ?? refuse(`expected input ${index}, got none`);
}

/** The tensor of an operand that must be known before the model runs; undefined where it is left out. */
export function knownOperand(node: ImportedNode, index: number): Tensor | undefined {
  const value = node.operands[index];
  if (!value) return undefined;
  const hint = "export the model with fixed sizes";
  return node.known(value) ?? refuse(`expected input ${index} to be constant, got one that is computed`, hint);
}

/** The elements of a constant operand of whole numbers; undefined where it is left out. */
export function wholeNumbers(node: ImportedNode, index: number): number[] | undefined {
  const known = knownOperand(node, index);
  if (!known) return undefined;
  if ((known.dtype !== "int64" && known.dtype !== "int32") || known.shape.length > 1) {
    refuse(`expected a list of integers as input ${index}, got ${known.dtype} ${formatShape(known.shape)}`);
  }
  return [...toNumbers(known)];
}

/** A constant operand of one number; undefined where it is left out. */
export function knownNumber(node: ImportedNode, index: number): number | undefined {
  const known = knownOperand(node, index);
  if (!known) return undefined;
  if (known.data.length !== 1) refuse(`expected one number as input ${index}, got ${formatShape(known.shape)}`);
  return toNumbers(known)[0];
}

const fieldsOf = { float: "f", int: "i", string: "s", tensor: "t", ints: "ints", floats: "floats" } as const;
type AttributeKind = keyof typeof fieldsOf;

function attribute<K extends AttributeKind>(
  node: ImportedNode,
  name: string,
  kind: K,
): { readonly value: AttributeProto[(typeof fieldsOf)[K]] } | undefined {
  const found = node.attributes.get(name);
  if (!found) return undefined;
  const value = found[fieldsOf[kind]];
  // Files of the first version of the format have no types.
  const isTyped = found.type ? found.type === attributeTypes[kind] : value !== undefined;
  return isTyped ? { value } : refuse(`expected attribute ${quote(name)} of type ${kind}, got another type`);
}

/** A whole number; undefined where the attribute is left out. */
export function intAttribute(node: ImportedNode, name: string): number | undefined {
  const found = attribute(node, name, "int");
  return found && Number(found.value ?? 0);
}

/** A whole number that says yes or no; no where it is left out. */
export function flagAttribute(node: ImportedNode, name: string): boolean {
  return Boolean(intAttribute(node, name));
}

/** A list of whole numbers; undefined where the attribute is left out. */
export function intsAttribute(node: ImportedNode, name: string): number[] | undefined {
  return attribute(node, name, "ints")?.value?.map(Number);
}

/** The shortest decimal number that rounds to the stored float32: 1e-5 rather than 9.999999747378752e-6. */
export function floatAttribute(node: ImportedNode, name: string): number | undefined {
  const found = attribute(node, name, "float");
  return found && shortestDecimal(found.value ?? 0);
}

/** A list of real numbers, each read as `floatAttribute` does. */
export function floatsAttribute(node: ImportedNode, name: string): number[] | undefined {
  return attribute(node, name, "floats")?.value?.map(shortestDecimal);
}

/** A text; undefined where the attribute is left out. */
export function stringAttribute(node: ImportedNode, name: string): string | undefined {
  const found = attribute(node, name, "string");
  return found && String(found.value ?? "");
}

/** A tensor; undefined where the attribute is left out. */
export function tensorAttribute(node: ImportedNode, name: string): TensorProto | undefined {
  return attribute(node, name, "tensor")?.value;
}

function shortestDecimal(float: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const decimal = Number(float.toPrecision(digits));
    if (Math.fround(decimal) === float) return decimal;
  }
  return float;
}
