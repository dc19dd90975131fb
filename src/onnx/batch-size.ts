import { fromNumbers, toNumbers } from "../tensor/index.ts";
import { dataTypes } from "./data-type.ts";
import type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from "./proto.ts";
import { tensorFromProto, tensorToProto } from "./tensor-proto.ts";

/** The model with `size` on the first axis of an input, whether that axis was dynamic or fixed. */
export function withBatchSize(model: ModelProto, input: string, size: number): ModelProto {
  return withGraph(model, (graph) => ({
    ...graph,
    input: (graph.input ?? []).map((info) => (info.name === input ? withFirstAxis(info, size) : info)),
  }));
}

/** The model with `to` in place of `from` at the head of each shape that is stored for Reshape or Expand. */
export function withBatchSizeInShapes(model: ModelProto, from: number, to: number): ModelProto {
  return withGraph(model, (graph) => {
    const { node = [], initializer = [] } = graph;
    const reshaping = node.filter(({ opType }) => opType === "Reshape" || opType === "Expand");
    const shapes = new Set(reshaping.map(({ input }) => input?.[1]));
    const changed = (proto: TensorProto) => withFirstElement(proto, from, to);
    return {
      ...graph,
      initializer: initializer.map((proto) => (shapes.has(proto.name) ? changed(proto) : proto)),
      node: node.map((each) => (shapes.has(each.output?.[0]) ? withConstant(each, changed) : each)),
    };
  });
}

function withGraph(model: ModelProto, change: (graph: GraphProto) => GraphProto): ModelProto {
  return { ...model, graph: change(model.graph ?? {}) };
}

function withFirstAxis(info: ValueInfoProto, size: number): ValueInfoProto {
  const { tensorType } = info.type ?? {};
  const dim = tensorType?.shape?.dim ?? [];
  return { ...info, type: { tensorType: { ...tensorType, shape: { dim: [{ dimValue: size }, ...dim.slice(1)] } } } };
}

function withConstant(node: NodeProto, change: (proto: TensorProto) => TensorProto): NodeProto {
  if (node.opType !== "Constant") return node;
  return { ...node, attribute: (node.attribute ?? []).map((each) => (each.t ? { ...each, t: change(each.t) } : each)) };
}

function withFirstElement(proto: TensorProto, from: number, to: number): TensorProto {
  if (proto.dataType !== dataTypes.int64) return proto;
  const elements = [...toNumbers(tensorFromProto(proto, "shape"))];
  if (elements[0] !== from) return proto;
  return tensorToProto(proto.name ?? "", fromNumbers("int64", elements.with(0, to), proto.dims));
}
