import { check } from "../errors.ts";
import { inputsOf, topologicalOrder, type Value } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { dataTypes } from "./data-type.ts";
import { type Emitter, emitters, type Sink } from "./emit.ts";
import { type LowerOptions, lower } from "./lower.ts";
import type { ModelProto, NodeProto, ValueInfoProto } from "./proto.ts";
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
  const node = encodeNodes(Object.keys(outputs), lowered);
  const inputs = inputsOf(lowered).filter(({ attributes }) => !Object.hasOwn(initializers, attributes.name));
  const stored = Object.entries(initializers).map(([key, value]) => tensorToProto(key, value));
  const usesRuntime = node.some(({ domain }) => domain === runtimeDomain);
  return {
    irVersion,
    producerName: "orbifold",
    graph: {
      node,
      name,
      initializer: stored,
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

function encodeNodes(outputNames: readonly string[], outputs: readonly Value[]): NodeProto[] {
  const nodes: NodeProto[] = [];
  const names = claimNames(outputNames, outputs);
  const sink: Sink = { nodes, nameOf: (value) => names.get(value) as string, fresh: freshNames(names, outputNames) };
  for (const value of topologicalOrder(outputs)) {
    if (!names.has(value)) names.set(value, sink.fresh());
    (emitters[value.op] as Emitter<Value["op"]>)(value, sink);
  }
  for (const [i, output] of outputs.entries()) {
    const [from, to] = [sink.nameOf(output), outputNames[i] as string];
    if (from !== to) nodes.push({ opType: "Identity", input: [from], output: [to] });
  }
  return nodes;
}

/** Inputs keep their names; a computed output takes the first name asked for it. No name may stand for two values. */
function claimNames(outputNames: readonly string[], outputs: readonly Value[]): Map<Value, string> {
  const inputs = inputsOf(outputs);
  const names = new Map<Value, string>(inputs.map((value) => [value, value.attributes.name]));
  const holders = new Map<string, Value>();
  for (const value of inputs) claim(value.attributes.name, value, holders);
  for (const [i, output] of outputs.entries()) {
    claim(outputNames[i] as string, output, holders);
    if (!names.has(output)) names.set(output, outputNames[i] as string);
  }
  return names;
}

function claim(name: string, value: Value, holders: Map<string, Value>): void {
  const holder = holders.get(name);
  check(!holder || holder === value, () => ({
    code: "repeated-name",
    where: "graphToModel",
    message: `expected inputs and outputs with names of their own, got ${JSON.stringify(name)} twice`,
    remedy: "rename one of them",
  }));
  holders.set(name, value);
}

function freshNames(claimed: ReadonlyMap<Value, string>, outputNames: readonly string[]): () => string {
  const taken = new Set([...claimed.values(), ...outputNames]);
  let count = 0;
  return () => {
    while (taken.has(`%${count}`)) count++;
    return `%${count++}`;
  };
}
