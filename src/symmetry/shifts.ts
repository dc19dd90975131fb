import type { Operator, Value } from "../graph/index.ts";
import { type Arrival, type AxisRange, changeDimension, changeOf, isAbsorbed } from "./absorption.ts";
import type { Discovery } from "./discover.ts";
import type { Block } from "./group.ts";

/** Something that can be added to a parameter without a change of the function. */
export interface Shift {
  readonly tensor: string;
  /** The entries to which it can be added; null for all. */
  readonly range: AxisRange | null;
  /** The axis along which it has to be the same; null where it is arbitrary. */
  readonly along: number | null;
  readonly dimension: number;
  /** What takes it away again. */
  readonly absorbedBy: readonly Operator[];
  /** Running means that have to be shifted by what arrives there. */
  readonly means: readonly string[];
}

/**
 * The shifts of parameters that no output notices: a bias of attention keys adds the same to a whole row of a softmax, a
 * bias before batch norm moves the running mean, and layer norm takes away what all units have in common.
 */
export function shiftsOf(discovery: Discovery): Shift[] {
  return [...discovery.parameters].flatMap(([tensor, parameter]) => {
    const whole = shiftOf(discovery, { tensor, parameter, along: null, range: null });
    if (whole) return [whole];
    const ranges = partsOf(discovery, tensor).map((range) => ({ along: null, range }));
    const uniform = parameter.shape.map((_, along) => ({ along, range: null }));
    return [...ranges, ...uniform].flatMap((part) => shiftOf(discovery, { tensor, parameter, ...part }) ?? []);
  });
}

interface Candidate extends Pick<Shift, "tensor" | "along" | "range"> {
  readonly parameter: Value;
}

function shiftOf(discovery: Discovery, { tensor, parameter, along, range }: Candidate): Shift | null {
  const absorbedBy = new Set<Operator>();
  const means = new Set<string>();
  const absorbs = (arrival: Arrival) => {
    const { value } = arrival;
    const mean = value.op === "BatchNormalization" ? ownMean(discovery, arrival) : null;
    if (mean !== null) means.add(mean);
    const isGone = mean !== null || isLevelled(arrival);
    if (isGone) absorbedBy.add(value.op);
    return isGone;
  };
  const change = changeOf(parameter, along, range);
  if (!isAbsorbed(discovery, { parameter, change }, { absorbs, absorbsOutput: () => false })) return null;
  const dimension = changeDimension(parameter.shape, along, range);
  return { tensor, range, along, dimension, absorbedBy: [...absorbedBy], means: [...means] };
}

/** Whether an operator does not notice what is the same along the axes over which it normalises. */
function isLevelled({ value, place, change: { uniform } }: Arrival): boolean {
  const { axis } = value.attributes as { readonly axis: number };
  switch (value.op) {
    case "Softmax":
    case "LogSoftmax":
      return uniform.has(axis);
    case "LayerNormalization":
      return place === 0 && [...value.shape.keys()].every((each) => each < axis || uniform.has(each));
    default:
      return false;
  }
}

/** The running mean that makes up for a change per channel, where it serves nothing else. */
function ownMean({ leaves, parameters }: Discovery, { value, place, change: { uniform } }: Arrival): string | null {
  const isPerChannel = [...value.shape.keys()].every((axis) => axis === 1 || uniform.has(axis));
  const mean = value.operands[3] as Value;
  if (place !== 0 || !isPerChannel || mean.op !== "Input") return null;
  const { name } = (mean as Value<"Input">).attributes;
  const uses = leaves.trace.steps.flatMap((step) => step.value.operands.filter((operand) => operand === mean));
  return parameters.has(name) && uses.length === 1 ? name : null;
}

/** The parts of axes that are direct sums, as the keys among what a joint projection makes. */
function partsOf({ group }: Discovery, tensor: string): AxisRange[] {
  const axes = group.layouts[tensor]?.axes ?? [];
  return axes.flatMap((blocks, axis) => {
    const [block] = blocks;
    if (!block || !("sum" in block) || blocks.length > 1) return [];
    let end = 0;
    return block.sum.map((part) => {
      const start = end;
      end += sizeOf(part);
      return { axis, start, end };
    });
  });
}

function sizeOf(blocks: readonly Block[]): number {
  return blocks.reduce((size, block) => size * block.size, 1);
}
