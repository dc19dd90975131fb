import { encodeCheckpoint, writableFormat } from "../checkpoint/index.ts";
import { check } from "../errors.ts";
import { input } from "../graph/index.ts";
import { descriptionKey, type Model, type Network, networkNames } from "../nets/index.ts";
import {
  type AttributeProto,
  encodeModel,
  graphToModel,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorFromProto,
  tensorToProto,
  type ValueInfoProto,
} from "../onnx/index.ts";
import { convert, fromNumbers, type Tensor, toNumbers } from "../tensor/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { checkTarget } from "./write-target.ts";

interface NetworkTarget {
  readonly force: boolean;
  /** What the network is made from, which it must not replace. */
  readonly sources: readonly string[];
}

/** Throws unless a network can be written to a file of this name; a checkpoint holds weights of built-in networks only. */
export async function checkNetworkTarget(path: string, network: Network, target: NetworkTarget): Promise<void> {
  if (!isOnnx(path)) {
    writableFormat(path);
    check(networkNames.includes(network.description.net), () => ({
      code: "unknown-format",
      where: path,
      message: "expected a name that ends in .onnx for a network whose widths no built-in network has",
      remedy: "choose another -o",
    }));
  }
  await checkTarget(path, target.sources, target.force);
}

/** Writes a network with its weights: as an ONNX model, or as a checkpoint that describes itself. */
export async function writeNetwork(path: string, { network, parameters }: Model, force: boolean): Promise<void> {
  if (isOnnx(path)) {
    await writeFileAtomically(path, [encodeModel(onnxModel({ network, parameters }))], { force });
    return;
  }
  const format = writableFormat(path);
  const metadata = format === "safetensors" ? { [descriptionKey]: JSON.stringify(network.description) } : {};
  await writeFileAtomically(path, encodeCheckpoint(format, Object.entries(parameters), metadata), { force });
}

function isOnnx(path: string): boolean {
  return path.toLowerCase().endsWith(".onnx");
}

/** Two sizes of the batch, to see what depends on it. */
const batches = [2, 3] as const;

/** The model for batches of any size where its shapes allow it, otherwise for single samples. */
function onnxModel(model: Model): ModelProto {
  const [a, b] = batches.map((batch) => modelOfBatch(model, batch)) as [ModelProto, ModelProto];
  return withAnyBatch(a, b) ?? modelOfBatch(model, 1);
}

function modelOfBatch({ network, parameters }: Model, batch: number): ModelProto {
  const isWide = Object.values(parameters).some(({ dtype }) => dtype === "float64");
  const dtype = isWide ? "float64" : "float32";
  const x = input("input", network.inputKind === "tokens" ? "int64" : dtype, [batch, ...network.inputShape]);
  const inputs = network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)] as const);
  const { output } = network.apply(x, Object.fromEntries(inputs));
  const stored = network.parameters.map(({ name }) => [name, convert(parameters[name] as Tensor, dtype)] as const);
  return graphToModel({ output }, { initializers: Object.fromEntries(stored) });
}

/** One model of two that differ by their batch alone: in the head of reshaped shapes it is left to be worked out. */
function withAnyBatch(a: ModelProto, b: ModelProto): ModelProto | null {
  const [nodes, others] = [a.graph?.node ?? [], b.graph?.node ?? []];
  const reshaping = new Set(nodes.flatMap(({ opType, input: names }) => (opType === "Reshape" ? [names?.[1]] : [])));
  if (nodes.length !== others.length) return null;
  const made: NodeProto[] = [];
  for (const [i, node] of nodes.entries()) {
    const other = others[i] as NodeProto;
    if (JSON.stringify(node) === JSON.stringify(other)) made.push(node);
    else {
      const value = reshaping.has(node.output?.[0]) ? openShape(node, other) : null;
      if (!value) return null;
      made.push(value);
    }
  }
  const { input: inputs = [], output: outputs = [] } = a.graph ?? {};
  return { ...a, graph: { ...a.graph, node: made, input: inputs.map(ofAnyBatch), output: outputs.map(ofAnyBatch) } };
}

/** A stored shape with -1 in place of the one size in which it differs from another. */
function openShape(node: NodeProto, other: NodeProto): NodeProto | null {
  const [own, its] = [node, other].map(({ attribute }) => attribute?.[0]?.t) as [TensorProto?, TensorProto?];
  if (!own || !its) return null;
  const [sizes, others] = [own, its].map((each) => [...toNumbers(tensorFromProto(each, "shape"))]) as [
    number[],
    number[],
  ];
  if (sizes.filter((size, i) => size !== others[i]).length !== 1) return null;
  const opened = sizes.map((size, i) => (size === others[i] ? size : -1));
  const attribute: AttributeProto = {
    ...node.attribute?.[0],
    t: tensorToProto(own.name ?? "", fromNumbers("int64", opened, [opened.length])),
  };
  return { ...node, attribute: [attribute] };
}

function ofAnyBatch(info: ValueInfoProto): ValueInfoProto {
  const { tensorType } = info.type ?? {};
  const [, ...rest] = tensorType?.shape?.dim ?? [];
  return { ...info, type: { tensorType: { ...tensorType, shape: { dim: [{ dimParam: "batch" }, ...rest] } } } };
}
