import { check, InputError } from "../errors.ts";
import { constant, input, inputsOf, Value } from "../graph/index.ts";
import { isFloat, type Tensor } from "../tensor/index.ts";
import { importInputs } from "./graph-inputs.ts";
import { foldConstants } from "./import/fold.ts";
import { type OperatorImport, operatorImport } from "./import/operators.ts";
import { checkExtent, describeNode, type ImportedNode, quote, refuse } from "./imported-node.ts";
import { orderNodes } from "./node-order.ts";
import type { ModelProto, NodeProto, TensorProto } from "./proto.ts";
import { type ExternalLoader, tensorFromProto } from "./tensor-proto.ts";

/** How a model is turned into a graph. */
export interface DecodeOptions {
  /** Sizes of dynamic dimensions by name; one without a name is called by its place, such as `x[0]`. */
  readonly dimensions?: Readonly<Record<string, number>>;
  /** The file's name, for error messages. */
  readonly where?: string;
  readonly loadExternal?: ExternalLoader;
}

/** A graph and what the file stores for it. */
export interface ImportedGraph {
  readonly inputs: readonly Value<"Input">[];
  readonly outputs: Readonly<Record<string, Value>>;
  /** The tensors of the weights that the outputs depend on, by the name of the input that stands for each. */
  readonly initializers: Readonly<Record<string, Tensor>>;
}

/**
 * The graph of a model, for inference. Its weights, the initializers that hold real numbers on one axis or more,
 * become named inputs, so that they can be replaced, differentiated and stacked. Sizes, indices and the scalars of
 * formulas become constants, and what is computed of sizes and indices alone is folded.
 */
export function modelToGraph(model: ModelProto, options: DecodeOptions = {}): ImportedGraph {
  const { where = "ONNX model", dimensions = {}, loadExternal } = options;
  const { node = [], initializer = [], input: infos = [], output = [] } = model.graph ?? {};
  const stored = new Map(initializer.map((proto) => [proto.name ?? "", proto]));
  const inputs = importInputs(
    infos.filter(({ name = "" }) => !stored.has(name)),
    dimensions,
    where,
  );
  const names = output.map(({ name = "" }) => name);
  checkNames([...inputs.map(({ attributes }) => attributes.name), ...initializer.map(({ name = "" }) => name)], where);
  checkNames(names, where);

  const scope = openScope(model, inputs, where);
  const available = new Set([...scope.values.keys(), ...stored.keys()]);
  const { nodes, given } = orderNodes(node, names, available, where);
  for (const name of given) {
    const proto = stored.get(name);
    if (proto) importInitializer(name, proto, { ...scope, loadExternal });
  }
  for (const proto of nodes) importNode(proto, scope);
  const outputs = names.map((name) => scope.values.get(name) ?? notComputed(name, where));
  return {
    inputs,
    outputs: Object.fromEntries(names.map((name, i) => [name, outputs[i] as Value])),
    initializers: weightsOf(outputs, scope.weights),
  };
}

/** What is known while the nodes are imported, in order. */
interface Scope {
  /** The value of every tensor so far, by name. */
  readonly values: Map<string, Value>;
  /** The tensors of the inputs that stand for weights. */
  readonly weights: Map<Value, Tensor>;
  /** The versions of the operator sets, by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly where: string;
  spend(elements: number): void;
}

function openScope({ opsetImport = [] }: ModelProto, inputs: readonly Value<"Input">[], where: string): Scope {
  return {
    values: new Map(inputs.map((value) => [value.attributes.name, value])),
    weights: new Map(),
    opsets: new Map(opsetImport.map(({ domain = "", version = 1 }) => [standardName(domain), version])),
    where,
    spend: constantBudget(),
  };
}

/** The default domain has two names. */
function standardName(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

/** Constants made while importing, all together; the tensors of the file itself do not count. */
const maxConstantElements = 2 ** 24;

function constantBudget(): (elements: number) => void {
  let spent = 0;
  return (elements) => {
    spent += elements;
    if (spent > maxConstantElements) refuse(`expected at most ${maxConstantElements} elements of computed constants`);
  };
}

function checkNames(names: readonly string[], where: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    check(name !== "" && !seen.has(name), () => ({
      code: "malformed-onnx",
      where,
      message: `expected inputs, initializers and outputs with names of their own, got ${quote(name)} ${name ? "twice" : ""}`,
      remedy: "the file is damaged: export it again",
    }));
    seen.add(name);
  }
}

function importInitializer(
  name: string,
  proto: TensorProto,
  { values, weights, where, loadExternal }: Scope & { readonly loadExternal: ExternalLoader | undefined },
): void {
  const place = `${where}, initializer ${quote(name)}`;
  const tensor = tensorFromProto(proto, place, loadExternal);
  checkExtent(tensor.shape, place);
  const isWeight = isFloat(tensor.dtype) && tensor.shape.length > 0;
  const value = isWeight ? input(name, tensor.dtype, tensor.shape) : constant(tensor);
  values.set(name, value);
  if (isWeight) weights.set(value, tensor);
}

function importNode(proto: NodeProto, scope: Scope): void {
  try {
    for (const [i, value] of compute(proto, scope).entries()) {
      const name = proto.output?.[i];
      if (name) scope.values.set(name, value);
    }
  } catch (cause) {
    throw cause instanceof InputError ? located(cause, proto, scope.where) : cause;
  }
}

function compute(proto: NodeProto, scope: Scope): readonly Value[] {
  const { importer } = importOf(proto);
  const made = importer(openNode(proto, scope));
  return (made instanceof Value ? [made] : made).map((value) => {
    checkExtent(value.shape, "result");
    return foldConstants(value, scope.spend);
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
    known: (value) => (isConstant(value) ? value.attributes.value : weights.get(value)),
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

/** Some outputs, such as the mask of Dropout, have no use at inference. */
function notComputed(name: string, where?: string): never {
  throw new InputError({
    code: "unsupported-onnx",
    ...(where && { where }),
    message: `expected a tensor of inference, got ${quote(name)}, a further output that is not computed`,
    remedy: "export the model in evaluation mode",
  });
}

const longestMessage = 300;

function located({ code, detail, where: inner, remedy }: InputError, proto: NodeProto, where: string): InputError {
  const message = inner && inner !== proto.opType ? `${inner}: ${detail}` : detail;
  return new InputError({
    code,
    where: `${where}, ${describeNode(proto)}`,
    message: message.length > longestMessage ? `${message.slice(0, longestMessage)}...` : message,
    ...(remedy && { remedy }),
  });
}

function weightsOf(outputs: readonly Value[], weights: ReadonlyMap<Value, Tensor>): Record<string, Tensor> {
  const used = inputsOf(outputs).filter((value) => weights.has(value));
  return Object.fromEntries(used.map((value) => [value.attributes.name, weights.get(value) as Tensor]));
}
