import { type LoopPlan, planLoop, type Value } from "../graph/index.ts";
import { dataTypes } from "./data-type.ts";
import { graphToModel } from "./encode.ts";
import { attributeTypes, type GraphProto, type ModelProto, type NodeProto, type ValueInfoProto } from "./proto.ts";
import { type Dimension, tensorTypeToProto } from "./type-proto.ts";

/** Under which names the model of a loop takes and gives its tensors; shared inputs keep theirs. */
export const loopNames = {
  count: "count",
  /** The first value of a carried input. */
  first: (name: string) => `<${name}`,
  /** The values of a stepped input in all rounds, along a new first axis. */
  stepped: (name: string) => `*${name}`,
  /** The last value of a carried input, or the values of another output in all rounds along a new first axis. */
  result: (name: string) => `=${name}`,
} as const;

/** Apart from the names around the loop, which its body sees. */
const insideName = (name: string) => `~${name}`;

type Outputs = Readonly<Record<string, Value>>;

/** A model whose one node is an ONNX Loop that runs the graph round after round. */
export function loopToModel(outputs: Outputs, stepped: readonly string[]): ModelProto {
  const plan = planLoop(outputs, stepped);
  const inside = Object.fromEntries(Object.entries(outputs).map(([name, value]) => [insideName(name), value]));
  const model = graphToModel(inside, { runtime: true });
  const carried = plan.carried.map(nameOf);
  const loop: NodeProto = {
    opType: "Loop",
    input: [loopNames.count, "", ...carried.map(loopNames.first)],
    output: [...carried, ...plan.collected].map(loopNames.result),
    attribute: [{ name: "body", type: attributeTypes.graph, g: bodyGraph(plan, outputs, model.graph?.node ?? []) }],
  };
  return { ...model, graph: { name: "loop", node: [loop], ...interfaceOf(plan, outputs) } };
}

/** What the whole model takes and gives. */
function interfaceOf({ carried, stepped, shared, collected }: LoopPlan, outputs: Outputs): GraphProto {
  const rounds = ["rounds"];
  return {
    input: [
      scalar(loopNames.count, "int64"),
      ...carried.map((value) => info(loopNames.first(nameOf(value)), value)),
      ...stepped.map((value) => info(loopNames.stepped(nameOf(value)), value, rounds)),
      ...shared.map((value) => info(nameOf(value), value)),
    ],
    output: [
      ...carried.map((value) => info(loopNames.result(nameOf(value)), value)),
      ...collected.map((name) => info(loopNames.result(name), outputs[name] as Value, rounds)),
    ],
  };
}

/** One round: picks its own inputs, then computes. Loop hands in the round's number and whether to go on. */
function bodyGraph(
  { carried, stepped, collected }: LoopPlan,
  outputs: Outputs,
  nodes: readonly NodeProto[],
): GraphProto {
  const goOn: NodeProto = { opType: "Identity", input: ["go"], output: ["goOn"] };
  return {
    name: "round",
    node: [...stepped.map(nameOf).map(pickRound), ...nodes, goOn],
    input: [scalar("round", "int64"), scalar("go", "bool"), ...carried.map((value) => info(nameOf(value), value))],
    output: [
      scalar("goOn", "bool"),
      ...carried.map((value) => info(insideName(nameOf(value)), value)),
      ...collected.map((name) => info(insideName(name), outputs[name] as Value)),
    ],
  };
}

function pickRound(name: string): NodeProto {
  const axis = { name: "axis", type: attributeTypes.int, i: 0 };
  return { opType: "Gather", input: [loopNames.stepped(name), "round"], output: [name], attribute: [axis] };
}

function nameOf({ attributes }: Value<"Input">): string {
  return attributes.name;
}

function info(name: string, { dtype, shape }: Value, front: readonly Dimension[] = []): ValueInfoProto {
  return { name, type: tensorTypeToProto({ dataType: dataTypes[dtype], shape: [...front, ...shape] }) };
}

function scalar(name: string, dtype: "int64" | "bool"): ValueInfoProto {
  return { name, type: tensorTypeToProto({ dataType: dataTypes[dtype], shape: [] }) };
}
