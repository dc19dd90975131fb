import type { Value } from "../graph/index.ts";
import { atomsOf, type Form, product, resolve, type Segment } from "./axis-form.ts";
import { type AxisRef, axisOf, type Composition, type Step, type Trace } from "./trace.ts";

/** One place of an atom in the form of an axis; numbered through the whole trace. */
export type Leaf = number;

/** Every axis of a trace in its final form. */
export interface Leaves {
  readonly trace: Trace;
  /** Resolved forms by axis, with leaves in the place of atoms. */
  readonly forms: readonly Form[];
  /** The atom of each leaf. */
  readonly atoms: readonly number[];
  /** The axis of each leaf. */
  readonly axes: readonly AxisRef[];
  /** The innermost parts of the axis that each leaf runs through, by number; none where the axis is not divided. */
  readonly parts: ReadonlyMap<Leaf, readonly number[]>;
  /** Leaves that are indexed wherever this one is, along the same axis. */
  readonly companions: ReadonlyMap<Leaf, readonly Leaf[]>;
  /** What each operator says, leaf by leaf. */
  readonly steps: readonly RelatedStep[];
}

/** An operator of the graph and how it relates the axes of its operands and its result. */
export interface RelatedStep {
  readonly value: Value;
  readonly relation: Relation;
}

/** Numbers the leaves of every axis of a finished trace. */
export function leavesOf(trace: Trace): Leaves {
  const atoms: number[] = [];
  const axes: AxisRef[] = [];
  const parts = new Map<Leaf, readonly number[]>();
  const companions = new Map<Leaf, readonly Leaf[]>();
  const forms = trace.forms.map((form, axis) => {
    const relabelled = relabel(resolve(trace.atoms, form), (atom) => {
      axes.push(axis);
      return atoms.push(atom) - 1;
    });
    for (const segment of relabelled) noteCompanions(segment, [], companions);
    notePartsOf(relabelled, parts);
    return relabelled;
  });
  const numbered = { trace, forms, atoms, axes, parts, companions };
  const steps = trace.steps.map((step) => ({ value: step.value, relation: relationOf(numbered, step) }));
  return { ...numbered, steps };
}

type NumberedLeaves = Omit<Leaves, "steps">;

function relabel(form: Form, label: (atom: number) => number): Form {
  return form.map((segment) =>
    segment.map((piece) => (typeof piece === "object" ? { sum: relabel(piece.sum, label) } : label(piece))),
  );
}

function noteCompanions(segment: Segment, outer: readonly Leaf[], companions: Map<Leaf, readonly Leaf[]>): void {
  const own = segment.filter((piece): piece is Leaf => typeof piece === "number");
  const all = [...outer, ...own];
  for (const leaf of own)
    companions.set(
      leaf,
      all.filter((other) => other !== leaf),
    );
  for (const piece of segment) {
    if (typeof piece === "object") for (const inner of piece.sum) noteCompanions(inner, all, companions);
  }
}

function notePartsOf(form: Form, parts: Map<Leaf, readonly number[]>): void {
  let count = 0;
  const visit = (segment: Segment): number[] => {
    const last = segment.at(-1);
    const own = typeof last === "object" ? last.sum.flatMap(visit) : [count++];
    for (const piece of segment) if (typeof piece === "number") parts.set(piece, own);
    return own;
  };
  const all = form.flatMap(visit);
  if (all.length === 1) for (const leaf of atomsOf(form)) parts.set(leaf, []);
}

/** The leaves of one axis, in order. */
export function axisLeaves({ forms }: NumberedLeaves, axis: AxisRef): Leaf[] {
  return atomsOf(forms[axis] as Form);
}

/** The leaves of all axes of a value, in order. */
export function valueLeaves(leaves: NumberedLeaves, value: Value): Leaf[] {
  return value.shape.flatMap((_, axis) => axisLeaves(leaves, axisOf(leaves.trace, value, axis)));
}

/** Leaves that are indexed wherever `leaf` is, along any axis of the value. */
export function alongside(leaves: Leaves, value: Value, leaf: Leaf): Leaf[] {
  const own = leaves.axes[leaf];
  const elsewhere = value.shape.flatMap((_, i) => {
    const axis = axisOf(leaves.trace, value, i);
    const form = leaves.forms[axis] as Form;
    const sole = axis !== own && form.length === 1 ? (form[0] as Segment) : [];
    return sole.filter((piece): piece is Leaf => typeof piece === "number");
  });
  return [...(leaves.companions.get(leaf) ?? []), ...elsewhere];
}

/** Leaves of one operator that have one index in common. */
export interface Component {
  readonly atom: number;
  /** Places of operands that are indexed by it, each with its leaf. */
  readonly operands: readonly { readonly place: number; readonly leaf: Leaf }[];
  /** Leaves of the result; none where the operator sums over the index. */
  readonly results: readonly Leaf[];
}

/** How an operator relates the axes of its operands and its result. */
export interface Relation {
  readonly components: readonly Component[];
  /** Leaves that belong to block structures that do not fit each other. */
  readonly misfits: readonly Leaf[];
}

/** The components of one step. */
function relationOf(leaves: NumberedLeaves, { value, equations }: Step): Relation {
  const groups = grouping();
  const misfits: Leaf[] = [];
  for (const { left, right, fits } of equations) {
    const [a, b] = [compose(leaves, left), compose(leaves, right)];
    if (fits && a.length === b.length)
      a.forEach((leaf, i) => {
        groups.join(leaf, b[i] as Leaf);
      });
    else misfits.push(...a, ...b);
  }
  const operands = value.operands.map((operand) => valueLeaves(leaves, operand));
  const results = valueLeaves(leaves, value);
  const members = new Map<Leaf, { operands: { place: number; leaf: Leaf }[]; results: Leaf[] }>();
  const memberOf = (leaf: Leaf) => {
    const root = groups.root(leaf);
    const member = members.get(root) ?? { operands: [], results: [] };
    members.set(root, member);
    return member;
  };
  operands.forEach((list, place) => {
    for (const leaf of list) memberOf(leaf).operands.push({ place, leaf });
  });
  for (const leaf of results) memberOf(leaf).results.push(leaf);
  const components = [...members].map(([root, member]) => ({ atom: leaves.atoms[root] as number, ...member }));
  return { components, misfits };
}

/** The leaves of a composition in the order of its form; one may occur more than once. */
function compose({ forms }: NumberedLeaves, { kind, parts }: Composition): Leaf[] {
  const each = parts.map((axis) => forms[axis] as Form);
  return atomsOf(kind === "sum" ? each.flat() : product(each));
}

/** A small union-find over leaves. */
function grouping() {
  const links = new Map<Leaf, Leaf>();
  const root = (leaf: Leaf): Leaf => {
    let at = leaf;
    for (let next = links.get(at); next !== undefined; next = links.get(at)) at = next;
    return at;
  };
  const join = (a: Leaf, b: Leaf) => {
    const [x, y] = [root(a), root(b)];
    if (x !== y) links.set(y, x);
  };
  return { root, join };
}
