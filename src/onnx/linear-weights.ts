import type { GraphProto, NodeProto } from "./proto.ts";
import { decodeModel } from "./wire-reader.ts";

/**
 * The stored matrices W of products x W, which exporters of PyTorch write in place of a linear layer's weight and name
 * by themselves, each with the name that the layer gives its weight: the name of the bias that is added to the product,
 * else that of the module in the node's name; null where neither tells.
 */
export function linearWeights(
  bytes: Uint8Array<ArrayBuffer>,
  where = "ONNX model",
): ReadonlyMap<string, string | null> {
  const { graph = {} } = decodeModel(bytes, where);
  const stored = new Set(graph.initializer?.map(({ name = "" }) => name));
  const biasOf = biasFinder(graph);
  const found = new Map<string, string | null>();
  for (const node of graph.node ?? []) {
    const weight = node.input?.[1];
    if (node.opType !== "MatMul" || weight === undefined || !stored.has(weight) || found.has(weight)) continue;
    const bias = biasOf(node.output?.[0] ?? "");
    found.set(weight, bias?.replace(/bias$/, "weight") ?? moduleWeight(node));
  }
  return found;
}

/** What passes on the values that it is given. */
const carriers = new Set(["Reshape", "Cast", "Identity", "Squeeze", "Unsqueeze"]);

/** Finds the bias that is the first thing done to a value. */
function biasFinder({ node = [] }: GraphProto): (name: string) => string | null {
  const readers = new Map<string, NodeProto[]>();
  for (const each of node) for (const name of each.input ?? []) readers.set(name, [...(readers.get(name) ?? []), each]);
  return (name) => {
    for (let value = name; ; ) {
      const [reader, ...others] = readers.get(value) ?? [];
      if (!reader || others.length > 0) return null;
      if (reader.opType === "Add") return reader.input?.find((each) => /(?:^|[._])bias$/.test(each)) ?? null;
      if (!carriers.has(reader.opType ?? "") || reader.output?.[0] === undefined) return null;
      value = reader.output[0];
    }
  };
}

/**
 * The weight of the module that a node of the tracing exporter stands in: `/up/MatMul` is of up.weight. A module in a
 * sequence repeats the name of the sequence: `/layers/layers.0/MatMul` is of layers.0.weight.
 */
function moduleWeight({ name = "" }: NodeProto): string | null {
  const [, scope] = /^\/(.+)\/MatMul(?:_\d+)?$/.exec(name) ?? [];
  if (scope === undefined) return null;
  const parts: string[] = [];
  for (const part of scope.split("/")) {
    if (parts.length > 0 && part.startsWith(`${parts.at(-1)}.`)) parts.pop();
    parts.push(part);
  }
  return `${parts.join(".")}.weight`;
}
