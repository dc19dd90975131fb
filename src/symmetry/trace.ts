import type { Operator, Value } from "../graph/index.ts";
import { type Atoms, type Form, freshForm, noAtoms, pin, product, unify } from "./axis-form.ts";

/** One axis of one value, or an auxiliary axis of an operator (its groups, what it cuts off). */
export type AxisRef = number;

/** An axis put together from others: their product in row-major order, or their direct sum. */
export interface Composition {
  readonly kind: "product" | "sum";
  readonly parts: readonly AxisRef[];
}

/** Two ways of reading one index: the axes have the same entries in the same order. */
export interface Equation {
  readonly left: Composition;
  readonly right: Composition;
  /** False where the two cut the axis into blocks that do not fit. */
  readonly fits: boolean;
}

/** What one operator says about the axes of its operands and its result. */
export interface Step {
  readonly value: Value;
  readonly equations: Equation[];
  /** Axes whose order matters to the operator. */
  readonly pins: { readonly axis: AxisRef; readonly why: string }[];
}

/** The axes of a graph and all that its operators say about them, in topological order. */
export interface Trace {
  readonly atoms: Atoms;
  readonly forms: Form[];
  /** The first axis of each value. */
  readonly firstAxis: Map<Value, AxisRef>;
  readonly steps: Step[];
}

/** An empty trace. */
export function newTrace(): Trace {
  return { atoms: noAtoms(), forms: [], firstAxis: new Map(), steps: [] };
}

/** A step of the trace while its operator is being read. */
export interface Reading<O extends Operator = Operator> {
  readonly trace: Trace;
  readonly value: Value<O>;
  readonly step: Step;
}

/** Starts the step of a value: its axes, of which nothing is known yet. */
export function startStep(trace: Trace, value: Value): Reading {
  trace.firstAxis.set(value, trace.forms.length);
  for (const size of value.shape) trace.forms.push(freshForm(trace.atoms, size));
  const step: Step = { value, equations: [], pins: [] };
  trace.steps.push(step);
  return { trace, value, step };
}

/** An axis of the result. */
export function result({ trace, value }: Reading, axis: number): AxisRef {
  return axisOf(trace, value, axis);
}

/** An axis of an operand. */
export function operandAxis({ trace, value }: Reading, place: number, axis: number): AxisRef {
  return axisOf(trace, value.operands[place] as Value, axis);
}

/** An axis of a value that has been read. */
export function axisOf({ firstAxis }: Trace, value: Value, axis: number): AxisRef {
  return (firstAxis.get(value) as number) + axis;
}

/** An axis that belongs to no value. */
export function auxiliary({ trace }: Reading, size: number): AxisRef {
  return trace.forms.push(freshForm(trace.atoms, size)) - 1;
}

/** Says that two axes are the same. */
export function same(reading: Reading, a: AxisRef, b: AxisRef): void {
  equate(reading, { kind: "product", parts: [a] }, { kind: "product", parts: [b] });
}

/** Says that two compositions are the same axis. */
export function equate({ trace, step }: Reading, left: Composition, right: Composition): void {
  const why = { why: `blocks that do not fit each other at ${step.value.op}` };
  const fits = unify(trace.atoms, formOf(trace, left), formOf(trace, right), why);
  step.equations.push({ left, right, fits });
}

/** Says that the order of an axis matters. */
export function pinAxis({ trace, step }: Reading, axis: AxisRef, why: string): void {
  step.pins.push({ axis, why });
  pin(trace.atoms, trace.forms[axis] as Form, { why });
}

function formOf({ forms }: Trace, { kind, parts }: Composition): Form {
  const each = parts.map((axis) => forms[axis] as Form);
  return kind === "sum" ? each.flat() : product(each.map((form) => [[{ sum: form }]]));
}
