import { InputError } from "../errors.ts";
import { topologicalOrder, type Value } from "../graph/index.ts";
import { isFloat } from "../tensor/index.ts";
import { type DecodeOptions, type ImportedGraph, modelToGraph } from "./decode.ts";
import { dynamicDimensions, modelInputs } from "./graph-inputs.ts";
import { quote } from "./imported-node.ts";
import type { ModelProto } from "./proto.ts";
import { decodeModel } from "./wire-reader.ts";

/** A model as a graph with any number of inputs and outputs. */
export interface ImportedModel extends ImportedGraph {
  /** The weights that an output varies with through real numbers, by name. */
  readonly parameters: readonly string[];
  /** What stands for the outputs of nodes that could not be imported, operands first. */
  readonly opaque: readonly Value<"Opaque">[];
  /** The sizes that dynamic dimensions have in the graph. */
  readonly dimensions: Readonly<Record<string, number>>;
}

/**
 * The graph of an ONNX file. Dynamic dimensions whose sizes are not given get the first ones with which the graph can
 * be built, and, where nodes become opaque, with which the fewest do.
 *
 * @param where the file's name, for error messages
 */
export function importModel(
  bytes: Uint8Array<ArrayBuffer>,
  where = "ONNX model",
  options: Pick<DecodeOptions, "dimensions" | "loadExternal" | "unknown"> = {},
): ImportedModel {
  const model = decodeModel(bytes, where);
  const errors: InputError[] = [];
  let best: ImportedModel | undefined;
  for (const dimensions of trials(model, options.dimensions ?? {})) {
    if (best?.opaque.length === 0) break;
    try {
      const made = importAt(model, { ...options, where, dimensions, initializers: best?.initializers ?? {} });
      if (!best || made.opaque.length < best.opaque.length) best = made;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      errors.push(error);
    }
  }
  if (best) return best;
  const [first] = errors as [InputError];
  if (errors.every(({ message }) => message === first.message)) throw first;
  throw sizesWanted(model, where, first);
}

/** Not 1, which would hide where an operation broadcasts along the batch. */
const trialBatch = 2;
/** Sizes of sequences and images, most of which suit networks of any depth. */
const trialSizes = [8, 4, 32, 64, 128, 224];

function trials(model: ModelProto, given: Readonly<Record<string, number>>): Record<string, number>[] {
  const free = dynamicDimensions(modelInputs(model)).filter(({ name }) => !Object.hasOwn(given, name));
  const sizes = free.some(({ isBatch }) => !isBatch) ? trialSizes : trialSizes.slice(0, 1);
  return sizes.map((size) => ({
    ...given,
    ...Object.fromEntries(free.map(({ name, isBatch }) => [name, isBatch ? trialBatch : size])),
  }));
}

function sizesWanted(model: ModelProto, where: string, cause: InputError): InputError {
  const names = dynamicDimensions(modelInputs(model)).flatMap(({ name, isBatch }) => (isBatch ? [] : [name]));
  return new InputError({
    code: "unbound-dimensions",
    where,
    message: `expected sizes that suit the network for ${names.slice(0, 8).map(quote).join(", ")}, got none (${cause.message})`,
    remedy: `pass dimensions such as { ${quote(names[0] as string)}: 256 }`,
    cause,
  });
}

function importAt(model: ModelProto, options: DecodeOptions & Pick<ImportedModel, "dimensions">): ImportedModel {
  const graph = modelToGraph(model, options);
  const outputs = Object.values(graph.outputs);
  const inputs = differentiableInputs(outputs).map(({ attributes }) => attributes.name);
  return {
    ...graph,
    parameters: inputs.filter((name) => Object.hasOwn(graph.initializers, name)),
    opaque: topologicalOrder(outputs).filter((value): value is Value<"Opaque"> => value.op === "Opaque"),
    dimensions: options.dimensions,
  };
}

/** The inputs that the outputs vary with through real numbers, or through what cannot be looked into. */
export function differentiableInputs(outputs: readonly Value[]): Value<"Input">[] {
  const order = topologicalOrder(outputs);
  const reached = new Set(outputs);
  for (const value of order.toReversed()) {
    if (!reached.has(value)) continue;
    for (const operand of value.operands) if (isFloat(operand.dtype) || operand.op === "Opaque") reached.add(operand);
  }
  return order.filter((value): value is Value<"Input"> => value.op === "Input" && reached.has(value));
}
