import { check, InputError } from "../errors.ts";
import { constant, input, inputsOf, type Value } from "../graph/index.ts";
import { isFloat, type Tensor } from "../tensor/index.ts";
import { importInputs, modelInputs } from "./graph-inputs.ts";
import { importNode, notComputed, opsetsOf, type Scope } from "./import-node.ts";
import { checkExtent, quote, refuse } from "./imported-node.ts";
import { functionsOf } from "./inline-function.ts";
import { orderNodes } from "./node-order.ts";
import { opaque } from "./opaque.ts";
import type { GraphProto, ModelProto, TensorProto } from "./proto.ts";
import { type ExternalLoader, tensorFromProto } from "./tensor-proto.ts";

/** How a model is turned into a graph. */
export interface DecodeOptions {
  /** Sizes of dynamic dimensions by name; one without a name is called by its place, such as `x[0]`. */
  readonly dimensions?: Readonly<Record<string, number>>;
  /** The file's name, for error messages. */
  readonly where?: string;
  readonly loadExternal?: ExternalLoader;
  /** What becomes of a node that cannot be imported: an error, or `Opaque` values that keep what it reads. */
  readonly unknown?: "refuse" | "opaque";
  /** Initializers that have been read before, by name. */
  readonly initializers?: Readonly<Record<string, Tensor>>;
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
  const { where = "ONNX model", dimensions = {} } = options;
  const graph = model.graph ?? {};
  const inputs = importInputs(modelInputs(model), dimensions, where);
  checkNames(
    inputs.map(({ attributes }) => attributes.name),
    where,
  );
  const scope = openScope(model, inputs, options);
  const outputs = importGraph(graph, scope);
  const names = (graph.output ?? []).map(({ name = "" }) => name);
  return {
    inputs,
    outputs: Object.fromEntries(names.map((name, i) => [name, outputs[i] as Value])),
    initializers: weightsOf(outputs, scope.weights),
  };
}

function openScope(model: ModelProto, inputs: readonly Value<"Input">[], options: DecodeOptions): Scope {
  const { opsetImport = [], graph: { valueInfo = [], output = [] } = {} } = model;
  const { where = "ONNX model", dimensions = {}, loadExternal, unknown = "refuse", initializers = {} } = options;
  return {
    values: new Map(inputs.map((value) => [value.attributes.name, value])),
    weights: new Map(),
    opsets: opsetsOf(opsetImport),
    types: new Map([...valueInfo, ...output].map(({ name = "", type }) => [name, type])),
    dimensions,
    where,
    unknown,
    loadExternal,
    initializers,
    functions: functionsOf(model),
    depth: 0,
    spend: constantBudget(),
    importGraph,
  };
}

/** The values of the outputs of a graph, whose inputs and surroundings are in the scope. */
function importGraph(graph: GraphProto, scope: Scope): Value[] {
  const { node = [], initializer = [], output = [] } = graph;
  const { values, where } = scope;
  const names = output.map(({ name = "" }) => name);
  checkNames([...values.keys(), ...initializer.map(({ name = "" }) => name)], where);
  checkNames(names, where);

  const stored = new Map([...sparseInitializers(graph), ...initializer].map((proto) => [proto.name ?? "", proto]));
  const { nodes, given } = orderNodes(node, names, new Set([...values.keys(), ...stored.keys()]), where);
  const dense = new Set(initializer);
  for (const name of given) {
    const proto = stored.get(name);
    if (proto) values.set(name, importInitializer(name, proto, { scope, isSparse: !dense.has(proto) }));
  }
  for (const proto of nodes) importNode(proto, scope);
  return names.map((name) => values.get(name) ?? notComputed(name, where));
}

function sparseInitializers({ sparseInitializer = [] }: GraphProto): TensorProto[] {
  return sparseInitializer.flatMap(({ values }) => values ?? []);
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
  { scope, isSparse }: { readonly scope: Scope; readonly isSparse: boolean },
): Value {
  const place = `${scope.where}, initializer ${quote(name)}`;
  try {
    if (isSparse) refuseSparse(place);
    const tensor = scope.initializers[name] ?? tensorFromProto(proto, place, scope.loadExternal);
    checkExtent(tensor.shape, place);
    if (!isFloat(tensor.dtype) || tensor.shape.length === 0) return constant(tensor);
    const value = input(name, tensor.dtype, tensor.shape);
    scope.weights.set(value, tensor);
    return value;
  } catch (cause) {
    const isForeign = cause instanceof InputError && cause.code === "unsupported-dtype";
    if (!isForeign || scope.unknown === "refuse") throw cause;
    return opaque({ opType: "Initializer", name }, name, { scope, reason: cause.detail });
  }
}

function refuseSparse(where: string): never {
  const message = "expected a dense tensor, got a sparse one";
  throw new InputError({ code: "unsupported-dtype", where, message, remedy: "export the model with dense weights" });
}

function weightsOf(outputs: readonly Value[], weights: ReadonlyMap<Value, Tensor>): Record<string, Tensor> {
  const used = inputsOf(outputs).filter((value) => weights.has(value));
  return Object.fromEntries(used.map((value) => [value.attributes.name, weights.get(value) as Tensor]));
}
