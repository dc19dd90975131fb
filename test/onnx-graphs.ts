import {
  type AttributeProto,
  attributeTypes,
  type Dimension,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  tensorToProto,
  tensorTypeToProto,
  type ValueInfoProto,
} from "../src/onnx/index.ts";
import { fromNumbers, type Tensor } from "../src/tensor/index.ts";

const float = 1;

/** The input or output `name`, of real numbers unless the ONNX data type says otherwise. */
export function info(name: string, shape: readonly Dimension[], dataType = float): ValueInfoProto {
  return { name, type: tensorTypeToProto({ dataType, shape }) };
}

/** Attributes of a node by name; `{ f }` stands for a float. */
export type Attributes = Readonly<
  Record<string, number | readonly number[] | string | { readonly f: number } | Tensor>
>;

function attribute(name: string, value: Attributes[string]): AttributeProto {
  if (typeof value === "number") return { name, type: attributeTypes.int, i: value };
  if (typeof value === "string") return { name, type: attributeTypes.string, s: value };
  if ("f" in value) return { name, type: attributeTypes.float, f: value.f };
  if ("dtype" in value) return { name, type: attributeTypes.tensor, t: tensorToProto("", value) };
  return { name, type: attributeTypes.ints, ints: value };
}

/** A node of which "Op a b -> y" is the text; `-` stands for an input that is left out. */
export function node(text: string, attributes: Attributes = {}): NodeProto {
  const [opType, ...words] = text.split(" ") as [string, ...string[]];
  const arrow = words.indexOf("->");
  return {
    opType,
    input: words.slice(0, arrow).map((word) => (word === "-" ? "" : word)),
    output: words.slice(arrow + 1),
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  };
}

/** A model of the graph, whose output is `y` unless it says otherwise. */
export function model(graph: GraphProto, version = 21): ModelProto {
  const outputs = graph.output ?? [{ name: "y" }];
  return { irVersion: 10, opsetImport: [{ domain: "", version }], graph: { ...graph, output: outputs } };
}

/** An initializer that lists int64. */
export function ints(name: string, ...values: number[]): TensorProto {
  return tensorToProto(name, fromNumbers("int64", values));
}
