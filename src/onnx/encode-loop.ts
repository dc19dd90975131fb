import { inputsOf, type Value } from "../graph/index.ts";
import { dataTypes } from "./data-type.ts";
import { graphToModel } from "./encode.ts";
import { attributeTypes, type ModelProto, type NodeProto, type ValueInfoProto } from "./proto.ts";
import { type Dimension, tensorTypeToProto } from "./type-proto.ts";

/** A graph that is to be run many times in a row. */
export interface LoopBody {
  /** What a round computes; those under the name of an input become that input's value in the next round. */
  readonly outputs: Readonly<Record<string, Value>>;
  /** Names of the inputs that have a value of their own for every round. */
  readonly stepped: ReadonlySet<string>;
}

/** Under which names the model of a loop takes and gives its tensors. */
export const loopNames = {
  count: "count",
  /** The first value of a carried input, and its last. */
  first: (name: string) => `<${name}`,
  last: (name: string) => `=${name}`,
  /** The values of a stepped input for all rounds, along a new first axis. */
  stepped: (name: string) => `*${name}`,
  /** The values of an output that is not carried, of all rounds, along a new first axis. */
  collected: (name: string) => `=${name}`,
} as const;

const inside = (name: string) => `~${name}`;
const round = "round";

/** A model whose one node is an ONNX Loop over the body; shared inputs keep their names. */
export function loopToModel({ outputs, stepped }: LoopBody): ModelProto {
  const inputs = inputsOf(Object.values(outputs));
  const names = Object.keys(outputs);
  const isCarried = (name: string) => inputs.some(({ attributes }) => attributes.name === name);
  const carried = names.filter(isCarried);
  const collected = names.filter((name) => !isCarried(name));
  const body = graphToModel(Object.fromEntries(names.map((name) => [inside(name), outputs[name] as Value])), {
    runtime: true,
  });
  const info = (name: string, { dtype, shape }: Value, axes: readonly Dimension[] = []): ValueInfoProto => ({
    name,
    type: tensorTypeToProto({ dataType: dataTypes[dtype], shape: [...axes, ...shape] }),
  });
  const valueOf = (name: string) => outputs[name] as Value;
  const state = inputs.filter(({ attributes }) => carried.includes(attributes.name));
  const loop: NodeProto = {
    opType: "Loop",
    input: [loopNames.count, "", ...state.map(({ attributes }) => loopNames.first(attributes.name))],
    output: [...state.map(({ attributes }) => loopNames.last(attributes.name)), ...collected.map(loopNames.collected)],
    attribute: [
      {
        name: "body",
        type: attributeTypes.graph,
        g: {
          name: "round",
          node: [...[...stepped].map(pickRound), ...(body.graph?.node ?? []), keepGoing],
          input: [scalar(round, "int64"), scalar("go", "bool"), ...state.map((value) => info(value.attributes.name, value))],
          output: [
            scalar("goOn", "bool"),
            ...state.map((value) => info(inside(value.attributes.name), value)),
            ...collected.map((name) => info(inside(name), valueOf(name))),
          ],
        },
      },
    ],
  };
  const outer = inputs.filter((value) => !state.includes(value)).map((value) => {
    const { name } = value.attributes;
    return stepped.has(name) ? info(loopNames.stepped(name), value, ["rounds"]) : info(name, value);
  });
  return {
    ...body,
    graph: {
      name: "loop",
      node: [loop],
      input: [
        scalar(loopNames.count, "int64"),
        ...state.map((value) => info(loopNames.first(value.attributes.name), value)),
        ...outer,
      ],
      output: [
        ...state.map((value) => info(loopNames.last(value.attributes.name), value)),
        ...collected.map((name) => info(loopNames.collected(name), valueOf(name), ["rounds"])),
      ],
    },
  };
}

const keepGoing: NodeProto = { opType: "Identity", input: ["go"], output: ["goOn"] };

function pickRound(name: string): NodeProto {
  const axis = { name: "axis", type: attributeTypes.int, i: 0 };
  return { opType: "Gather", input: [loopNames.stepped(name), round], output: [name], attribute: [axis] };
}

function scalar(name: string, dtype: "int64" | "bool"): ValueInfoProto {
  return { name, type: tensorTypeToProto({ dataType: dataTypes[dtype], shape: [] }) };
}
