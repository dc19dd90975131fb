import { check, InputError } from "../errors.ts";
import { Value } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { foldConstants, knownTensor } from "./import/fold.ts";
import { type OperatorImport, operatorImport } from "./import/operators.ts";
import { checkExtent, describeNode, type ImportedNode, quote, refuse } from "./imported-node.ts";
import { bodyOf, calledFunction, type Functions } from "./inline-function.ts";
import { hasUnknownShape, opaque } from "./opaque.ts";
import type { GraphProto, NodeProto, OperatorSetIdProto, TypeProto } from "./proto.ts";
import type { ExternalLoader } from "./tensor-proto.ts";

/** What is known while the nodes are imported, in order. */
export interface Scope {
  /** The value of every tensor so far, by name. */
  readonly values: Map<string, Value>;
  /** The tensors of the inputs that stand for weights. */
  readonly weights: Map<Value, Tensor>;
  /** The versions of the operator sets, by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  /** What the file says about the types of tensors, by name. */
  readonly types: ReadonlyMap<string, TypeProto | undefined>;
  readonly dimensions: Readonly<Record<string, number>>;
  readonly where: string;
  readonly unknown: "refuse" | "opaque";
  readonly loadExternal: ExternalLoader | undefined;
  /** Tensors that have been read before, by name. */
  readonly initializers: Readonly<Record<string, Tensor>>;
  readonly functions: Functions;
  /** How many functions are being called, one by another. */
  readonly depth: number;
  spend(elements: number): void;
  /** Imports a graph inside this one. */
  importGraph(graph: GraphProto, scope: Scope): Value[];
}

/** The versions of operator sets, by domain. */
export function opsetsOf(imports: readonly OperatorSetIdProto[]): ReadonlyMap<string, number> {
  return new Map(imports.map(({ domain = "", version = 1 }) => [standardName(domain), version]));
}

/** The default domain has two names. */
function standardName(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

/** Adds what a node computes to the values of the scope. */
export function importNode(proto: NodeProto, scope: Scope): void {
  const { output = [] } = proto;
  const computed = computeOrRefuse(proto, scope);
  for (const [i, name] of output.entries()) {
    const value = computed.values[i] ?? computed.missing?.(name);
    if (name && value) scope.values.set(name, value);
  }
}

/** The values of a node's outputs, and how those that are missing are made, where they are. */
interface Computed {
  readonly values: readonly Value[];
  readonly missing?: (output: string) => Value;
}

function computeOrRefuse(proto: NodeProto, scope: Scope): Computed {
  const isLenient = scope.unknown === "opaque";
  const standIn = (reason: string) => (output: string) => opaque(proto, output, { scope, reason });
  try {
    const unclear = proto.input?.find((name) => hasUnknownShape(scope.values.get(name)));
    if (unclear !== undefined) return { values: [], missing: standIn(`the shape of ${quote(unclear)} is unknown`) };
    const values = branchOf(proto, scope) ?? callOf(proto, scope) ?? compute(proto, scope);
    return isLenient ? { values, missing: standIn("an output that is not computed") } : { values };
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    // A stored tensor that cannot be read is damage, not an operator beyond this library.
    if (isLenient && proto.opType !== "Constant") return { values: [], missing: standIn(shortened(cause.detail)) };
    throw located(cause, proto, scope.where);
  }
}

/** The results of the branch that an If takes, where its condition is known. */
function branchOf({ opType, domain = "", input: inputs = [], attribute = [] }: NodeProto, scope: Scope) {
  const condition = scope.values.get(inputs[0] ?? "");
  if (opType !== "If" || standardName(domain) !== "" || !condition || !isConstant(condition)) return undefined;
  const taken = condition.attributes.value.data[0] ? "then_branch" : "else_branch";
  const graph = attribute.find(({ name }) => name === taken)?.g;
  return graph && scope.importGraph(graph, { ...scope, values: new Map(scope.values) });
}

/** More than any exporter nests; a function may not call itself. */
const deepestCall = 32;
/** What each node of a called function counts as, among the elements of constants. */
const elementsPerNode = 64;

/** The results of a function that the model defines itself. */
function callOf(proto: NodeProto, scope: Scope): Value[] | undefined {
  const called = calledFunction(proto, scope.functions);
  if (!called) return undefined;
  const { input: names = [], node = [], opsetImport = [] } = called;
  if (scope.depth >= deepestCall) refuse(`expected functions at most ${deepestCall} deep, got more`);
  scope.spend(elementsPerNode * node.length);
  const given = names.flatMap((name, i): [string, Value][] => {
    const read = proto.input?.[i];
    return read ? [[name, scope.values.get(read) ?? notComputed(read)]] : [];
  });
  const values = new Map(given);
  const inner = { ...scope, values, opsets: opsetsOf(opsetImport), types: new Map(), depth: scope.depth + 1 };
  return scope.importGraph(bodyOf(called, proto), inner);
}

function compute(proto: NodeProto, scope: Scope): readonly Value[] {
  const { importer } = importOf(proto);
  const node = openNode(proto, scope);
  const made = importer(node);
  const operands = new Set(node.operands.filter((operand) => operand !== undefined));
  return (made instanceof Value ? [made] : made).map((value) => {
    checkExtent(value.shape, "result");
    return foldConstants(value, operands, scope.spend);
  });
}

function importOf(proto: NodeProto): OperatorImport {
  const { opType = "", domain = "", input: inputs = [], attribute = [] } = proto;
  const found = operatorImport(standardName(domain), opType);
  check(found, () => ({
    code: "unsupported-operator",
    message: `expected an operator that can be imported, got ${quote(opType)} of domain ${quote(domain || "ai.onnx")}`,
    remedy: "export the model with standard operators and without control flow",
  }));
  const { fewest, most, attributes } = found;
  const isFine = inputs.length >= fewest && inputs.length <= most;
  if (!isFine) refuse(`expected ${fewest === most ? fewest : `${fewest} to ${most}`} inputs, got ${inputs.length}`);
  const strange = attribute.find(({ name = "" }) => !attributes.includes(name));
  if (strange) refuse(`expected attributes among ${attributes.join(", ") || "none"}, got ${quote(strange.name ?? "")}`);
  return found;
}

function openNode(proto: NodeProto, { values, weights, opsets, spend }: Scope): ImportedNode {
  const { opType = "", domain = "", input: inputs = [], output = [], attribute = [] } = proto;
  return {
    opType,
    opset: opsetOf(standardName(domain), opsets),
    operands: inputs.map((name) => (name ? (values.get(name) ?? notComputed(name)) : undefined)),
    attributes: new Map(attribute.map((each) => [each.name ?? "", each])),
    outputCount: output.length,
    known: (value) => knownTensor(value, (each) => weights.get(each), spend),
    spend,
  };
}

function isConstant(value: Value): value is Value<"Constant"> {
  return value.op === "Constant";
}

/** Before it, operands were broadcast by attributes. */
const firstOpset = 7;

function opsetOf(domain: string, opsets: ReadonlyMap<string, number>): number {
  const opset = opsets.get(domain) ?? refuse(`expected the model to name the version of domain ${quote(domain)}`);
  const isOld = domain === "" && opset < firstOpset;
  return isOld ? refuse(`expected operator set ${firstOpset} or later, got ${opset}`, "export the model again") : opset;
}

/** Refuses the use of an output that is not computed: some, such as the mask of Dropout, have no use at inference. */
export function notComputed(name: string, where?: string): never {
  throw new InputError({
    code: "unsupported-onnx",
    ...(where && { where }),
    message: `expected a tensor of inference, got ${quote(name)}, a further output that is not computed`,
    remedy: "export the model in evaluation mode",
  });
}

function located({ code, detail, where: inner, remedy }: InputError, proto: NodeProto, where: string): InputError {
  // Of nodes inside nodes, the outermost is named.
  const isElsewhere = inner && inner !== proto.opType && !inner.startsWith(`${where}, node `);
  return new InputError({
    code,
    where: `${where}, ${describeNode(proto)}`,
    message: shortened(isElsewhere ? `${inner}: ${detail}` : detail),
    ...(remedy && { remedy }),
  });
}

const longestMessage = 300;

function shortened(message: string): string {
  return message.length > longestMessage ? `${message.slice(0, longestMessage)}...` : message;
}
