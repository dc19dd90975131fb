import type { Operator, Value } from "../graph/index.ts";
import { stridesOf, toNumbers } from "../tensor/index.ts";
import type { Form, Segment } from "./axis-form.ts";
import type { Exponents } from "./exponents.ts";
import type { Component, Leaf, Leaves, RelatedStep } from "./leaves.ts";

/** What a leaf's units are to their planes: the first part, the second, or both as neighbours. */
export type Role = "real" | "imaginary" | "both";

/** Units of fixed order in pairs that scale alike. */
export interface Planes {
  readonly roles: ReadonlyMap<Leaf, Role>;
  /** The leaf of the other part. */
  readonly partners: ReadonlyMap<Leaf, Leaf>;
  /** Leaves of neighbours that lie along the next axis. */
  readonly loose: ReadonlySet<Leaf>;
}

/** Pairs the leaves of all axes: halves that follow each other in a direct sum, and leaves of two neighbours each. */
export function planesOf({ trace, forms, atoms }: Leaves, scales: Exponents): Planes {
  const roles = new Map<Leaf, Role>();
  const partners = new Map<Leaf, Leaf>();
  const loose = new Set<Leaf>();
  const scalesAs = (leaf: Leaf) => {
    const powers = trace.atoms.pins[atoms[leaf] as number] ? [...scales.of(leaf)] : [];
    return powers.map(([id, exponent]) => `${id} ${exponent}`).join();
  };
  const note = (form: Form, next: Form) => {
    for (let i = 0; i < form.length; i++) {
      const [segment, following] = [form[i] as Segment, form[i + 1]];
      const [a, b] = [soleLeaf(segment), soleLeaf(following ?? [])];
      if (a !== null && b !== null && atoms[a] === atoms[b] && scalesAs(a) !== "" && scalesAs(a) === scalesAs(b)) {
        roles.set(a, "real").set(b, "imaginary");
        partners.set(a, b).set(b, a);
        i++;
        continue;
      }
      const last = segment.at(-1);
      const nested = typeof last === "object" ? last.sum : null;
      const isLoose = nested === null && form.length === 1 && isUnitPair(next);
      const paired = isLoose ? last : nested && isUnitPair(nested) ? segment.at(-2) : undefined;
      if (typeof paired === "number" && scalesAs(paired) !== "") {
        roles.set(paired, "both");
        if (isLoose) loose.add(paired);
      }
      if (nested) note(nested, []);
    }
  };
  for (const [value, first] of trace.firstAxis) {
    value.shape.forEach((_, axis) => {
      note(forms[first + axis] as Form, axis + 1 < value.rank ? (forms[first + axis + 1] as Form) : []);
    });
  }
  return { roles, partners, loose };
}

function soleLeaf([piece, ...rest]: Segment): Leaf | null {
  return typeof piece === "number" && rest.length === 0 ? piece : null;
}

/** Whether a form is two single indices. */
export function isUnitPair(form: Form): boolean {
  return form.length === 2 && form.every((segment) => segment.length === 0);
}

interface Context {
  readonly leaves: Leaves;
  readonly steps: ReadonlyMap<Value, RelatedStep>;
}

/** Whether a value is the same in both parts of every plane; the same leaf twice stands for neighbours. */
export function hasEqualParts(context: Context, value: Value, [a, b]: readonly [Leaf, Leaf]): boolean {
  if (value.op === "Constant") return isConstantInParts(context, value as Value<"Constant">, [a, b]);
  const { relation } = context.steps.get(value) as RelatedStep;
  const componentOf = (leaf: Leaf) => relation.components.find(({ results }) => results.includes(leaf)) as Component;
  const [first, second] = [componentOf(a), componentOf(b)];
  if (a !== b && first === second) return value.op === "Concat";
  if (!keepsEntriesApart.has(value.op) || first.operands.length !== second.operands.length) return false;
  return first.operands.every(({ place, leaf }) => {
    const other = second.operands.find((each) => each.place === place);
    return other !== undefined && hasEqualParts(context, value.operands[place] as Value, [leaf, other.leaf]);
  });
}

const keepsEntriesApart: ReadonlySet<Operator> = new Set<Operator>([
  ...(["Add", "Sub", "Mul", "Div", "Neg", "Cos", "Sin", "Cast", "Reshape", "Transpose", "Expand", "Gather"] as const),
]);

/** Whether a constant repeats its first half along the axis of two leaves, or its entries in pairs along that of one. */
function isConstantInParts({ leaves }: Context, value: Value<"Constant">, [a, b]: readonly [Leaf, Leaf]): boolean {
  const axis = (leaves.axes[a] as number) - (leaves.trace.firstAxis.get(value) as number);
  const form = leaves.forms[leaves.axes[a] as number] as Form;
  const isHalf = a !== b && form.length === 2 && form.every((segment) => soleLeaf(segment) !== null);
  const isPaired = a === b && hasNeighbours(form) && (form[0] as Segment).length === 2;
  if (!isHalf && !isPaired) return false;
  const { shape } = value;
  const stride = stridesOf(shape)[axis] as number;
  const size = shape[axis] as number;
  const apart = isHalf ? size / 2 : 1;
  const numbers = toNumbers(value.attributes.value);
  return numbers.every((x, at) => {
    const index = Math.floor(at / stride) % size;
    const isFirst = isHalf ? index < apart : index % 2 === 0;
    return !isFirst || x === numbers[at + apart * stride];
  });
}

/** Whether an axis is of pairs: one segment that ends in two single indices. */
function hasNeighbours(form: Form): boolean {
  const last = form[0]?.at(-1);
  return form.length === 1 && typeof last === "object" && isUnitPair(last.sum);
}
