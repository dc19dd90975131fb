import { check, InputError } from "../errors.ts";
import { formatShape, type Shape, sameShape } from "../tensor/index.ts";
import { type Elementary, expand, expansions } from "./expansions.ts";
import { refuseOpaque } from "./opaque.ts";
import type { ConvAttributes, Operator } from "./operators.ts";
import { topologicalOrder, withOperands } from "./order.ts";
import { apply, concat, range, Value } from "./value.ts";

/**
 * One graph that computes `outputs` for many members at once. Each key of `members` is a value of the single graph, and
 * what it is replaced by has one more axis in front, over the members; everything else is shared between them. The
 * results have that axis too: batched matrix products and grouped convolutions do the work of one graph per member.
 */
export function ensemble(outputs: readonly Value[], members: ReadonlyMap<Value, Value>): Value[] {
  const ready = { size: memberCount(members), made: new Map(members), batched: new Set(members.keys()) };
  const { made, batched, size } = vectorizeAll(outputs, ready);
  return outputs.map((output) => {
    const result = made.get(output) as Value;
    return batched.has(output) ? result : stack(result, size);
  });
}

/** New forms of values of the single graph; those of the `batched` ones have a member axis in front. */
interface Vectorized {
  readonly size: number;
  readonly made: ReadonlyMap<Value, Value>;
  readonly batched: ReadonlySet<Value>;
}

/** Adds `outputs` and all they depend on, looking no further than the values that are `ready`. */
function vectorizeAll(outputs: readonly Value[], ready: Vectorized): Vectorized {
  const { size } = ready;
  const [made, batched] = [new Map(ready.made), new Set(ready.batched)];
  for (const value of topologicalOrder(outputs, new Set(made.keys()))) {
    if (made.has(value)) continue;
    const operands = value.operands.map((operand) => made.get(operand) as Value);
    const isBatched = (i: number) => batched.has(value.operands[i] as Value);
    if (!value.operands.some((_, i) => isBatched(i))) {
      made.set(value, withOperands(value, operands));
      continue;
    }
    made.set(value, vectorize(value, { operands, size, isBatched }));
    batched.add(value);
  }
  return { size, made, batched };
}

function memberCount(members: ReadonlyMap<Value, Value>): number {
  for (const [single, many] of members) {
    const fits = many.rank > 0 && many.dtype === single.dtype && sameShape(many.shape.slice(1), single.shape);
    check(fits, () => ({
      code: "bad-members",
      where: "ensemble",
      message: `expected ${single.dtype} [members${single.shape.map((n) => `, ${n}`).join("")}], got ${many.dtype} ${formatShape(many.shape)}`,
    }));
  }
  const sizes = new Set([...members.values()].map((value) => value.shape[0]));
  const [size] = sizes;
  if (sizes.size === 1 && size !== undefined) return size;
  throw new InputError({
    code: "bad-members",
    where: "ensemble",
    message: `expected one number of members, got ${[...sizes].join(" and ") || "none"}`,
  });
}

/** Repeats a value for every member. */
function stack(value: Value, size: number): Value {
  return value.expand([size, ...value.shape]);
}

/** New operands of a node, some with a member axis in front. */
interface Members {
  readonly operands: readonly Value[];
  readonly size: number;
  isBatched(operand: number): boolean;
}

type Rule<O extends Operator> = (value: Value<O>, members: Members) => Value;

function vectorize(value: Value, members: Members): Value {
  if (value.op in expansions) return vectorizeExpansion(value, members);
  const rule = rules[value.op as VectorizedOperator] as Rule<Operator>;
  return rule(value, members);
}

function vectorizeExpansion(value: Value, { operands, size, isBatched }: Members): Value {
  const made = new Map(value.operands.map((operand, i) => [operand, operands[i] as Value]));
  const batched = new Set(value.operands.filter((_, i) => isBatched(i)));
  const expanded = expand(value);
  return vectorizeAll([expanded], { size, made, batched }).made.get(expanded) as Value;
}

function all({ operands, size, isBatched }: Members): Value[] {
  return operands.map((operand, i) => (isBatched(i) ? operand : stack(operand, size)));
}

function first({ operands }: Members): Value {
  return operands[0] as Value;
}

/** Puts axes of size 1 behind the member axis, so that a batched operand broadcasts as it did alone. */
function aligned(value: Value, members: Members, rank: number): Value[] {
  return members.operands.map((operand, i) => {
    const missing = rank - (value.operands[i] as Value).rank;
    if (!members.isBatched(i) || missing === 0) return operand;
    return operand.reshape([operand.shape[0] as number, ...new Array(missing).fill(1), ...operand.shape.slice(1)]);
  });
}

const elementwise: Rule<Operator> = (value, members) => value.on(aligned(value, members, value.rank));

const alongAxis = ((value, members) =>
  new Value(value.op, [first(members)], { ...value.attributes, axis: value.attributes.axis + 1 })) satisfies Rule<
  "ArgMax" | "Softmax" | "LogSoftmax"
>;

const reduction = ((value, members) => {
  const axes = value.attributes.axes.map((axis) => axis + 1);
  return new Value(value.op, [first(members)], { ...value.attributes, axes });
}) satisfies Rule<"ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin">;

/** Folds the member axis into the batch axis, where the operator treats samples alike. */
const overSamples: Rule<Operator> = (value, members) => {
  const merged = all(members).map(mergeFront);
  const attributes =
    "inputShape" in value.attributes
      ? { ...value.attributes, inputShape: scaleAxis(value.attributes.inputShape, 0, members.size) }
      : value.attributes;
  return new Value(value.op, merged, attributes as never).reshape([members.size, ...value.shape]);
};

/** [M, A, ...] to [M A, ...]: samples or filters of all members one after another. */
function mergeFront(value: Value): Value {
  return value.reshape([(value.shape[0] as number) * (value.shape[1] as number), ...value.shape.slice(2)]);
}

function scaleAxis(shape: Shape, axis: number, factor: number): number[] {
  return shape.map((size, i) => (i === axis ? size * factor : size));
}

/** [M, N, C, ...] to [N, M C, ...]: members side by side as channels. */
function membersToChannels(value: Value): Value {
  const [members, batch, channels, ...spatial] = value.shape as [number, number, number, ...number[]];
  const perm = [1, 0, ...value.shape.map((_, i) => i).slice(2)];
  return value.transpose(perm).reshape([batch, members * channels, ...spatial]);
}

/** [N, M C, ...] to [M, N, C, ...]. */
function channelsToMembers(value: Value, members: number): Value {
  const [batch, channels, ...spatial] = value.shape as [number, number, ...number[]];
  const split = value.reshape([batch, members, channels / members, ...spatial]);
  return split.transpose([1, 0, ...split.shape.map((_, i) => i).slice(2)]);
}

function grouped<A extends ConvAttributes>(attributes: A, size: number): A {
  return { ...attributes, group: attributes.group * size };
}

const conv: Rule<"Conv"> = (value, members) => {
  const { size } = members;
  if (!members.isBatched(1) && !members.isBatched(2)) {
    const samples = value.on([mergeFront(first(members)), ...members.operands.slice(1)]);
    return samples.reshape([size, ...value.shape]);
  }
  const [x, w, bias] = all(members) as [Value, Value, Value?];
  const folded = [membersToChannels(x), mergeFront(w), ...(bias ? [mergeFront(bias)] : [])];
  // One input for all members: its filters simply lie side by side, without groups.
  if (!members.isBatched(0) && value.attributes.group === 1) {
    return channelsToMembers(apply("Conv", [first(members), ...folded.slice(1)], value.attributes), size);
  }
  return channelsToMembers(apply("Conv", folded, grouped(value.attributes, size)), size);
};

const convInputGrad: Rule<"ConvInputGrad"> = (value, members) => {
  const [g, w] = all(members) as [Value, Value];
  const { size } = members;
  const inputShape = scaleAxis(value.attributes.inputShape, 1, size);
  const attributes = { ...grouped(value.attributes, size), inputShape };
  return channelsToMembers(apply("ConvInputGrad", [membersToChannels(g), mergeFront(w)], attributes), size);
};

const convWeightGrad: Rule<"ConvWeightGrad"> = (value, members) => {
  const [x, g] = all(members) as [Value, Value];
  const { size } = members;
  const weightShape = scaleAxis(value.attributes.weightShape, 0, size);
  const attributes = { ...grouped(value.attributes, size), weightShape };
  const folded = apply("ConvWeightGrad", [membersToChannels(x), membersToChannels(g)], attributes);
  return folded.reshape([size, ...value.attributes.weightShape]);
};

/** Gather and its adjoint with indices of each member: members become blocks of one longer axis 0. */
const gather: Rule<"Gather"> = (value, members) => {
  const [x, indices] = members.operands as unknown as [Value, Value];
  const { axis } = value.attributes;
  if (!members.isBatched(1)) return x.gather(indices, axis + 1);
  if (!members.isBatched(0) && axis === 0) return x.gather(indices);
  const [stacked] = all(members) as [Value];
  const rows = moveAxis(stacked, axis + 1, 1);
  const size = rows.shape[1] as number;
  const flat = rows.reshape([members.size * size, ...rows.shape.slice(2)]);
  const gathered = flat.gather(offsetIndices(indices, size));
  const single = (value.operands[1] as Value).rank;
  return moveAxes(gathered, 1, single, axis);
};

const gatherGrad: Rule<"GatherGrad"> = (value, members) => {
  const [g, indices] = all(members) as [Value, Value];
  const { axis, size } = value.attributes;
  if (!members.isBatched(1)) {
    return apply("GatherGrad", [g, members.operands[1] as Value], { axis: axis + 1, size });
  }
  const single = (value.operands[1] as Value).rank;
  const rows = moveAxes(g, axis + 1, single, -axis);
  const flat = apply("GatherGrad", [rows, offsetIndices(indices, size)], { axis: 0, size: members.size * size });
  return moveAxis(flat.reshape([members.size, size, ...flat.shape.slice(1)]), 1, axis + 1);
};

/** Adds to each member's indices the place where its block begins. */
function offsetIndices(indices: Value, size: number): Value {
  const members = indices.shape[0] as number;
  const starts = range(members, indices.dtype).mul(size);
  return indices.add(starts.reshape([members, ...new Array(indices.rank - 1).fill(1)]));
}

function moveAxis(value: Value, from: number, to: number): Value {
  return moveAxes(value, from, 1, to - from);
}

/** Moves `count` axes that begin at `from` by `shift` places. */
function moveAxes(value: Value, from: number, count: number, shift: number): Value {
  if (shift === 0) return value;
  const axes = value.shape.map((_, i) => i);
  const moved = axes.splice(from, count);
  axes.splice(from + shift, 0, ...moved);
  return value.transpose(axes);
}

const elementsAlongAxis = ((value, members) =>
  new Value(value.op, all(members), { ...value.attributes, axis: value.attributes.axis + 1 })) satisfies Rule<
  "GatherElements" | "GatherElementsGrad"
>;

type VectorizedOperator = Exclude<Elementary, "Input" | "Constant">;

const rules: { readonly [O in VectorizedOperator]: Rule<O> } = {
  Opaque: refuseOpaque,
  Neg: elementwise,
  Abs: elementwise,
  Sign: elementwise,
  Exp: elementwise,
  Log: elementwise,
  Sqrt: elementwise,
  Reciprocal: elementwise,
  Sin: elementwise,
  Cos: elementwise,
  Relu: elementwise,
  LeakyRelu: elementwise,
  Sigmoid: elementwise,
  Tanh: elementwise,
  Erf: elementwise,
  Softplus: elementwise,
  Not: elementwise,
  Cast: elementwise,
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Div: elementwise,
  Pow: elementwise,
  Max: elementwise,
  Min: elementwise,
  Equal: elementwise,
  Less: elementwise,
  LessOrEqual: elementwise,
  Greater: elementwise,
  GreaterOrEqual: elementwise,
  And: elementwise,
  Or: elementwise,
  Where: elementwise,
  Surrogate: (value, members) => value.on(all(members)),
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ArgMax: alongAxis,
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Reshape: (value, members) => first(members).reshape([members.size, ...value.attributes.shape]),
  Transpose: (value, members) => first(members).transpose([0, ...value.attributes.perm.map((axis) => axis + 1)]),
  Expand: (value, members) => {
    const [x] = aligned(value, members, value.rank) as [Value];
    return x.expand([members.size, ...value.attributes.shape]);
  },
  Concat: (value, members) => concat(all(members), value.attributes.axis + 1),
  Slice: (value, members) => {
    const { starts, ends, steps } = value.attributes;
    const attributes = { starts: [0, ...starts], ends: [members.size, ...ends], steps: [1, ...steps] };
    return apply("Slice", [first(members)], attributes);
  },
  Pad: (value, members) => {
    const { pads } = value.attributes;
    return first(members).pad([0, ...pads.slice(0, value.rank), 0, ...pads.slice(value.rank)]);
  },
  Gather: gather,
  GatherGrad: gatherGrad,
  GatherElements: elementsAlongAxis,
  GatherElementsGrad: elementsAlongAxis,
  MatMul: elementwise,
  Conv: conv,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  MaxPool: overSamples,
  MaxPoolGrad: overSamples,
  MaxPoolGather: overSamples,
  AveragePool: overSamples,
  AveragePoolGrad: overSamples,
};
