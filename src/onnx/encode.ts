import { inputsOf, topologicalOrder, type Value } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { dataTypes } from "./data-type.ts";
import { type Emitter, emitters, type Sink } from "./emit.ts";
import { type LowerOptions, lower } from "./lower.ts";
import type { ModelProto, NodeProto, TensorProto, ValueInfoProto } from "./proto.ts";
import { tensorToProto } from "./tensor-proto.ts";
import { tensorTypeToProto } from "./type-proto.ts";

/** The operator set that encoded models ask for. */
export const opset = 21;
const irVersion = 10;
const runtimeDomain = "com.microsoft";

export interface EncodeOptions extends LowerOptions {
  /** Tensors stored in the model, by the name of the input that each replaces. */
  readonly initializers?: Readonly<Record<string, Tensor>>;
  readonly name?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The ONNX model that computes the named outputs. */
export function graphToModel(outputs: Readonly<Record<string, Value>>, options: EncodeOptions = {}): ModelProto {
  const { initializers = {}, metadata = {}, name = "orbifold" } = options;
  const lowered = lower(Object.values(outputs), options);
  const { node, constants } = encodeNodes(Object.keys(outputs), lowered);
  const inputs = inputsOf(lowered).filter(({ attributes }) => !Object.hasOwn(initializers, attributes.name));
  const stored = Object.entries(initializers).map(([key, value]) => tensorToProto(key, value));
  const usesRuntime = node.some(({ domain }) => domain === runtimeDomain);
  return {
    irVersion,
    producerName: "orbifold",
    graph: {
      node,
      name,
      initializer: [...stored, ...constants],
      input: inputs.map((value) => valueInfo(value.attributes.name, value)),
      output: Object.keys(outputs).map((key, i) => valueInfo(key, lowered[i] as Value)),
    },
    opsetImport: [{ domain: "", version: opset }, ...(usesRuntime ? [{ domain: runtimeDomain, version: 1 }] : [])],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  };
}

function valueInfo(name: string, { dtype, shape }: Value): ValueInfoProto {
  return { name, type: tensorTypeToProto({ dataType: dataTypes[dtype], shape }) };
}

function encodeNodes(outputNames: readonly string[], outputs: readonly Value[]) {
  const node: NodeProto[] = [];
  const constants: TensorProto[] = [];
  const names = claimNames(outputNames, outputs);
  let fresh = 0;
  const sink: Sink = {
    nodes: node,
    nameOf: (value) => names.get(value) as string,
    fresh: () => `%${fresh++}`,
    constant(value) {
      const name = sink.fresh();
      constants.push(tensorToProto(name, value));
      return name;
    },
  };
  for (const value of topologicalOrder(outputs)) {
    if (!names.has(value)) names.set(value, sink.fresh());
    if (value.op === "Constant")
      constants.push(tensorToProto(sink.nameOf(value), (value as Value<"Constant">).attributes.value));
    else (emitters[value.op] as Emitter<Value["op"]>)(value, sink);
  }
  for (const [i, output] of outputs.entries()) {
    const [from, to] = [sink.nameOf(output), outputNames[i] as string];
    if (from !== to) node.push({ opType: "Identity", input: [from], output: [to] });
  }
  return { node, constants };
}

/** Inputs keep their names; a computed output takes the first name asked for it. */
function claimNames(outputNames: readonly string[], outputs: readonly Value[]): Map<Value, string> {
  const names = new Map<Value, string>(inputsOf(outputs).map((value) => [value, value.attributes.name]));
  for (const [i, output] of outputs.entries()) {
    if (output.op !== "Constant" && !names.has(output)) names.set(output, outputNames[i] as string);
  }
  return names;
}
