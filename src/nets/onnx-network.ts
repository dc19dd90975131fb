import { check, InputError } from "../errors.ts";
import { apply, constant, rewrite, topologicalOrder, type Value, withOperands } from "../graph/index.ts";
import {
  type DecodeOptions,
  decodeModel,
  differentiableInputs,
  type ImportedGraph,
  type ModelProto,
  modelToGraph,
  tensorTypeFromProto,
  withBatchSize,
  withBatchSizeInShapes,
} from "../onnx/index.ts";
import { convert, type DType, formatShape, isFloat, type Shape, sameShape, type Tensor } from "../tensor/index.ts";
import type { Initializer } from "./initializers.ts";
import type { Network, ParameterSpec } from "./network.ts";
import type { Model } from "./saved-network.ts";

/**
 * The network and the weights that an ONNX file holds. It has one input [batch, ...] and one output [batch, ...]; its
 * parameters are the stored real numbers that the output varies with. It is applied as exported, for inference: batch
 * norm keeps its statistics, in training mode too.
 *
 * @param where the file's name, for error messages
 * @param options sizes of dynamic dimensions other than the batch, tensors outside the file, and what becomes of
 *   operators that cannot be imported
 */
export function networkFromOnnx(
  bytes: Uint8Array<ArrayBuffer>,
  where = "ONNX model",
  options: Pick<DecodeOptions, "dimensions" | "loadExternal" | "unknown"> = {},
): Model {
  const { exported, graphOf } = openModel(decodeModel(bytes, where), { ...options, where });
  const { x, output, initializers } = graphOf(exported ?? trialBatch);
  const inputs = differentiableInputs([output]);
  const readers = readersOf(output);
  const weights = inputs.filter(({ attributes }) => Object.hasOwn(initializers, attributes.name));
  const specs = weights.map((value) => specOf(value, readers.get(value) as Value));
  const [inputShape, outputs] = [x.shape.slice(1), output.shape.at(-1) as number];
  const network: Network = {
    description: { net: "onnx", source: where, inputShape, outputs },
    inputShape,
    inputKind: isFloat(x.dtype) ? "real" : "tokens",
    outputs,
    parameters: specs,
    apply(given, parameters) {
      checkInput(given, inputShape, where);
      const graph = graphOf(given.shape[0] as number);
      return { output: bind(graph, given, specs, parameters), updates: {} };
    },
  };
  return { network, parameters: inOneType(specs.map(({ name }) => [name, initializers[name] as Tensor])) };
}

/** Not 1, which would hide where an operation broadcasts along the batch. */
const trialBatch = 2;

/** A model at one batch size. */
interface BatchGraph extends Pick<ImportedGraph, "initializers"> {
  readonly x: Value<"Input">;
  readonly output: Value;
}

/** The batch size of a model where it is fixed, and its graph as a function of the batch size. */
function openModel(model: ModelProto, options: DecodeOptions & { readonly where: string }) {
  const { where } = options;
  const { name, exported, dimension } = soleInput(model, where);
  const known = new Map<number, BatchGraph>();
  const graphOf = (batch: number): BatchGraph => {
    const graph = known.get(batch) ?? graphAt(model, name, { batch, exported, options: sized(batch) });
    known.set(batch, graph);
    return graph;
  };
  const sized = (batch: number) => ({
    ...options,
    dimensions: { ...options.dimensions, ...(dimension && { [dimension]: batch }) },
    // What has been read for one batch size is not read again for others.
    initializers: known.values().next().value?.initializers ?? {},
  });
  return { exported, graphOf };
}

interface BatchOptions {
  readonly batch: number;
  /** The batch size that the model was exported with, where it is fixed. */
  readonly exported: number | undefined;
  readonly options: DecodeOptions & { readonly where: string };
}

function graphAt(model: ModelProto, name: string, { batch, exported, options }: BatchOptions): BatchGraph {
  const resized = withBatchSize(model, name, batch);
  if (exported === undefined || exported === batch) return importOne(resized, batch, options);
  try {
    return importOne(resized, batch, options);
  } catch {
    return importReshaped(resized, exported, { batch, options });
  }
}

/** Also resizes the shapes in which the exporter has written down the batch size. */
function importReshaped(model: ModelProto, exported: number, { batch, options }: Omit<BatchOptions, "exported">) {
  try {
    return importOne(withBatchSizeInShapes(model, exported, batch), batch, options);
  } catch (cause) {
    throw new InputError({
      code: "fixed-batch",
      where: options.where,
      message: `expected a model for any batch size, got one for ${exported} that cannot be changed to ${batch}`,
      remedy: "export it again with a dynamic batch axis",
      cause,
    });
  }
}

function importOne(model: ModelProto, batch: number, options: DecodeOptions & { readonly where: string }): BatchGraph {
  const { inputs, outputs, initializers } = modelToGraph(model, options);
  const [output, ...others] = Object.values(outputs);
  check(output && others.length === 0 && output.shape[0] === batch && isFloat(output.dtype), () => ({
    code: "unsupported-onnx",
    where: options.where,
    message: `expected one output of real numbers [${batch}, ...], got ${describeOutputs(outputs)}`,
  }));
  return { x: inputs[0] as Value<"Input">, output, initializers };
}

function describeOutputs(outputs: Readonly<Record<string, Value>>): string {
  const [first, ...others] = Object.entries(outputs);
  return first ? `${others.length + 1}, the first ${JSON.stringify(first[0])} ${formatShape(first[1].shape)}` : "none";
}

/** The input that is not a stored tensor, and the size of its batch where that is fixed, or its name where it has one. */
function soleInput({ graph = {} }: ModelProto, where: string) {
  const stored = new Set(graph.initializer?.map(({ name }) => name));
  const [first, ...others] = (graph.input ?? []).filter(({ name }) => !stored.has(name));
  const shape = first?.type && tensorTypeFromProto(first.type)?.shape;
  check(first && others.length === 0 && shape && shape.length > 0, () => ({
    code: "unsupported-onnx",
    where,
    message: `expected one input [batch, ...], got ${first ? others.length + 1 : 0} inputs`,
  }));
  const [batch] = shape;
  return {
    name: first.name ?? "",
    exported: typeof batch === "number" ? batch : undefined,
    dimension: typeof batch === "string" ? batch : undefined,
  };
}

/** How the parameters of normalisations start, by operator and place among the operands. */
const normalizationStarts: Readonly<Record<string, readonly (number | undefined)[]>> = {
  BatchNormalization: [undefined, 1, 0, 0, 1],
  LayerNormalization: [undefined, 1, 0],
  RMSNormalization: [undefined, 1],
};

/** The first value that reads each value. */
function readersOf(output: Value): ReadonlyMap<Value, Value> {
  const readers = new Map<Value, Value>();
  for (const reader of topologicalOrder([output])) {
    for (const operand of reader.operands) if (!readers.has(operand)) readers.set(operand, reader);
  }
  return readers;
}

function specOf(weight: Value<"Input">, reader: Value): ParameterSpec {
  const { name, shape } = weight.attributes;
  const place = reader.operands.indexOf(weight);
  const start = normalizationStarts[reader.op]?.[place];
  const drawn: Initializer = { kind: "he", distribution: "normal" };
  const initializer: Initializer =
    shape.length > 1 && start === undefined ? drawn : { kind: "constant", value: start ?? 0 };
  return { name, shape, initializer, trainable: !(reader.op === "BatchNormalization" && place >= 3) };
}

function checkInput({ shape }: Value, inputShape: Shape, where: string): void {
  check(shape.length > 0 && sameShape(shape.slice(1), inputShape), () => ({
    code: "bad-input",
    where,
    message: `expected an input [batch, ${inputShape.join(", ")}], got ${formatShape(shape)}`,
  }));
}

/** The output on the given values, computed in the element type of the parameters. */
function bind(
  { x, output, initializers }: BatchGraph,
  given: Value,
  specs: readonly ParameterSpec[],
  parameters: Readonly<Record<string, Value>>,
): Value {
  const names = new Set(specs.map(({ name }) => name));
  const dtype = parameters[specs[0]?.name ?? ""]?.dtype ?? given.dtype;
  const replacement = ({ attributes: { name } }: Value<"Input">): Value => {
    if (name === x.attributes.name) return isFloat(x.dtype) ? given : given.cast(x.dtype);
    if (!names.has(name)) return constant(convert(initializers[name] as Tensor, dtype));
    return parameters[name] ?? missing(name);
  };
  const [bound] = rewrite([output], (value, operands) =>
    value.op === "Input" ? replacement(value as Value<"Input">) : retyped(value, operands, dtype),
  );
  return bound as Value;
}

function missing(name: string): never {
  throw new InputError({ code: "bad-parameter", where: name, message: "expected a parameter, got nothing" });
}

/** The same operator in another floating-point type. */
function retyped(value: Value, operands: readonly Value[], dtype: DType): Value {
  if (!isFloat(value.dtype)) return withOperands(value, operands);
  if (value.op === "Cast") return (operands[0] as Value).cast(dtype);
  if (value.op === "Opaque") return apply("Opaque", operands, { ...(value as Value<"Opaque">).attributes, dtype });
  if (value.op === "Constant") return constant(convert((value as Value<"Constant">).attributes.value, dtype));
  return withOperands(value, operands);
}

/** Float64 where any tensor is, otherwise float32. */
function inOneType(tensors: readonly (readonly [string, Tensor])[]): Readonly<Record<string, Tensor>> {
  const dtype = tensors.some(([, tensor]) => tensor.dtype === "float64") ? "float64" : "float32";
  return Object.fromEntries(tensors.map(([name, tensor]) => [name, convert(tensor, dtype)]));
}
