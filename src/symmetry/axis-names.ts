import type { Value } from "../graph/index.ts";
import { formatShape } from "../tensor/index.ts";
import { atomsOf, type Form, type Piece, type Segment } from "./axis-form.ts";
import type { Leaf, Leaves } from "./leaves.ts";
import { axisOf } from "./trace.ts";

/** An axis of a value of the graph. */
export interface AxisOwner {
  readonly value: Value;
  readonly axis: number;
}

/** Whose each axis of the trace is; auxiliary axes belong to no value. */
export function axisOwners({ trace }: Leaves): ReadonlyMap<number, AxisOwner> {
  return new Map(
    trace.steps.flatMap(({ value }) =>
      value.shape.map((_, axis) => [axisOf(trace, value, axis), { value, axis }] as const),
    ),
  );
}

/** A value as a reader can find it: a parameter by its name, others by operator, a parameter close by, and shape. */
export function valueName(value: Value, parameters: ReadonlySet<Value>): string {
  const shape = formatShape(value.shape);
  switch (value.op) {
    case "Input":
      return parameters.has(value) ? nameOf(value) : `input ${nameOf(value)} ${shape}`;
    case "Opaque":
      return `${opaqueName(value as Value<"Opaque">)} ${shape}`;
    default:
      return `${value.op}${orientation(value, parameters)} ${shape}`;
  }
}

function nameOf(value: Value): string {
  return (value as Value<"Input">).attributes.name.trim();
}

/** An operator of which nothing is known, and its node. */
export function opaqueName({ attributes: { name, node } }: Value<"Opaque">): string {
  return `${name} at node "${node}"`;
}

/** The parameter that an operator reads, or else the nearest one before it. */
function orientation(value: Value, parameters: ReadonlySet<Value>): string {
  const seen = new Set<Value>([value]);
  for (const at of seen) {
    const parameter = at.operands.map(unarranged).find((operand) => parameters.has(operand));
    if (parameter) return ` ${at === value ? "with" : "after"} ${nameOf(parameter)}`;
    for (const operand of at.operands) seen.add(operand);
  }
  return "";
}

const rearranging: ReadonlySet<string> = new Set(["Transpose", "Reshape", "Expand", "Slice", "Cast"]);

function unarranged(value: Value): Value {
  return rearranging.has(value.op) ? unarranged(value.operands[0] as Value) : value;
}

/** Which part of its axis a leaf is, in words: "" for all of it, or "part 2 of 3, unit inside each of 4 blocks". */
export function partOf(leaves: Leaves, leaf: Leaf): string {
  return wordsTo(leaves, leaf, leaves.forms[leaves.axes[leaf] as number] as Form).join(", ");
}

function wordsTo(leaves: Leaves, leaf: Leaf, form: Form): string[] {
  return form.flatMap((segment, number) => {
    const at = segment.findIndex((piece) => leavesIn(piece).includes(leaf));
    if (at < 0) return [];
    const piece = segment[at] as Piece;
    const part = form.length > 1 ? [`part ${number + 1} of ${form.length}`] : [];
    const [before, after] = [segment.slice(0, at), segment.slice(at + 1)].map((each) => segmentSize(leaves, each));
    const within = typeof piece === "object" ? wordsTo(leaves, leaf, piece.sum) : [];
    return [...part, ...blockWords(before as number, after as number), ...within];
  });
}

function blockWords(before: number, after: number): string[] {
  const own = after > 1 ? `blocks of ${after}` : "unit";
  if (before > 1) return [`${own} inside each of ${before} blocks`];
  return after > 1 ? [own] : [];
}

function leavesIn(piece: Piece): Leaf[] {
  return typeof piece === "object" ? atomsOf(piece.sum) : [piece];
}

function segmentSize({ atoms, trace }: Leaves, segment: Segment): number {
  const size = (piece: Piece): number =>
    typeof piece === "object"
      ? piece.sum.reduce((total, inner) => total + product(inner), 0)
      : (trace.atoms.sizes[atoms[piece] as number] as number);
  const product = (pieces: Segment) => pieces.reduce<number>((count, piece) => count * size(piece), 1);
  return product(segment);
}
