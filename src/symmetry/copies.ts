import type { Value } from "../graph/index.ts";
import { alongside, type Component, type Leaf, type Leaves, type RelatedStep, valueLeaves } from "./leaves.ts";
import { axisOf } from "./trace.ts";

/** For units of each kind, the atoms on whose index they may depend. */
export type Copies = ReadonlyMap<number, ReadonlySet<number>>;

/**
 * Where entry (h, d) of an axis only ever meets entries of the same h, the units d can be permuted and scaled differently
 * in each h, as the channels inside the groups of a convolution. `kindsOf` says of which kinds a leaf's units are; at
 * each operator every value that has units of a kind must be indexed by the same h.
 */
export function independentCopies(leaves: Leaves, kindsOf: (leaf: Leaf) => readonly number[]): Copies {
  const outer = new Map<number, ReadonlySet<number>>();
  const fixed = fixedValues(leaves);
  for (const step of leaves.steps) {
    if (step.value.operands.length === 0 || fixed.has(step.value)) continue;
    // Where blocks do not fit each other, copies cannot be told from each other either.
    for (const leaf of step.relation.misfits) for (const kind of kindsOf(leaf)) outer.set(kind, new Set());
    const mixed = mixedComponents(leaves, step);
    const componentOf = componentsByLeaf(step);
    for (const component of step.relation.components) {
      for (const [kind, members] of membersByKind(varyingPart(step, component, fixed), kindsOf)) {
        const allowed = outerAt(leaves, step, { component, members, mixed, componentOf });
        const known = outer.get(kind);
        outer.set(kind, known ? shared(known, allowed) : allowed);
      }
    }
  }
  return outer;
}

/** Values that depend on nothing: along a free index they are uniform, and look the same in every order. */
function fixedValues({ steps }: Leaves): ReadonlySet<Value> {
  const fixed = new Set<Value>();
  for (const { value } of steps) {
    const { op, operands } = value;
    if (op === "Constant" || (operands.length > 0 && operands.every((operand) => fixed.has(operand)))) fixed.add(value);
  }
  return fixed;
}

function varyingPart({ value }: RelatedStep, component: Component, fixed: ReadonlySet<Value>): Component {
  const operands = component.operands.filter(({ place }) => !fixed.has(value.operands[place] as Value));
  return { ...component, operands };
}

/** A leaf of a component and the operand it belongs to, null for the result. */
interface Member {
  readonly place: number | null;
  readonly leaf: Leaf;
}

function membersByKind({ operands, results }: Component, kindsOf: (leaf: Leaf) => readonly number[]) {
  const byKind = new Map<number, Member[]>();
  const members: Member[] = [...operands, ...results.map((leaf) => ({ place: null, leaf }))];
  for (const member of members) {
    for (const kind of kindsOf(member.leaf)) byKind.set(kind, [...(byKind.get(kind) ?? []), member]);
  }
  return byKind;
}

interface Meeting {
  readonly component: Component;
  readonly members: readonly Member[];
  /** Components along which the operator mixes entries without summing over them. */
  readonly mixed: ReadonlySet<Component>;
  readonly componentOf: (place: number | null, leaf: Leaf) => Component;
}

/** Atoms h such that at this operator every member is also indexed by the same h. */
function outerAt(leaves: Leaves, { value }: RelatedStep, meeting: Meeting): Set<number> {
  const { component, members, mixed, componentOf } = meeting;
  const beside = members.map(({ place, leaf }) => {
    const owner = place === null ? value : (value.operands[place] as Value);
    return new Set(alongside(leaves, owner, leaf).map((other) => componentOf(place, other)));
  });
  const common = beside.reduce(shared);
  const isMixed = mixed.has(component);
  const kept = [...common].filter((each) => each.atom !== component.atom && (isMixed || !mixed.has(each)));
  const isSole = (atom: number) => kept.filter((each) => each.atom === atom).length === 1;
  return new Set(kept.map(({ atom }) => atom).filter(isSole));
}

function shared<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Set<T> {
  return new Set([...a].filter((each) => b.has(each)));
}

function componentsByLeaf({ relation }: RelatedStep): Meeting["componentOf"] {
  const components = new Map<string, Component>();
  for (const component of relation.components) {
    for (const { place, leaf } of component.operands) components.set(`${place} ${leaf}`, component);
    for (const leaf of component.results) components.set(`null ${leaf}`, component);
  }
  return (place, leaf) => components.get(`${place} ${leaf}`) as Component;
}

function mixedComponents(leaves: Leaves, { value, relation }: RelatedStep): ReadonlySet<Component> {
  const axes = mixedAxes(value).map((axis) => axisOf(leaves.trace, value, axis));
  const inAxes = new Set(valueLeaves(leaves, value).filter((leaf) => axes.includes(leaves.axes[leaf] as number)));
  return new Set(relation.components.filter(({ results }) => results.some((leaf) => inAxes.has(leaf))));
}

/** The axes over which an operator normalises. */
function mixedAxes(value: Value): number[] {
  const { axis } = value.attributes as { readonly axis: number };
  switch (value.op) {
    case "Softmax":
    case "LogSoftmax":
      return [axis];
    case "LayerNormalization":
    case "RMSNormalization":
      return Array.from({ length: value.rank - axis }, (_, i) => axis + i);
    default:
      return [];
  }
}
