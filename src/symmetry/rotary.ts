import type { Value } from "../graph/index.ts";
import type { Exponents } from "./exponents.ts";
import type { Component, Leaf, Leaves, RelatedStep } from "./leaves.ts";
import { isLinearAt } from "./linearity.ts";
import { hasEqualParts, type Planes, planesOf } from "./planes.ts";

/**
 * Units of fixed order that come in planes (two halves of an axis, or neighbours along it) which the graph only turns
 * and scales, as rotary position embedding does (Su et al. 2021, arXiv 2104.09864): each plane is a complex number, and
 * everything is complex-linear in it. Returns the leaves after which their generators are named.
 */
export function rotaryLeaves(leaves: Leaves, scales: Exponents): Leaf[] {
  const planes = planesOf(leaves, scales);
  const steps = new Map(leaves.steps.map((step) => [step.value, step]));
  const flow: Flow = { leaves, scales, planes, steps };
  const turns = leaves.steps.flatMap((step) => turnsAt(flow, step));
  const isPartOfTurn = new Set(turns.flatMap(({ inside }) => inside));
  const turned = new Set(turns.flatMap(({ leaf }) => [...scales.of(leaf).keys()]));
  for (const step of leaves.steps) {
    for (const component of step.relation.components) {
      const carried = idsOf(flow, component);
      if (carried.length === 0 || isPartOfTurn.has(component) || isComplexLinear(flow, step, component)) continue;
      for (const id of carried) turned.delete(id);
    }
  }
  const isPinned = (leaf: Leaf) => leaves.trace.atoms.pins[leaves.atoms[leaf] as number];
  return scales.generators.flatMap(({ id, leaf }) => (turned.has(id) && isPinned(leaf) ? [leaf] : []));
}

interface Flow {
  readonly leaves: Leaves;
  readonly scales: Exponents;
  readonly planes: Planes;
  readonly steps: ReadonlyMap<Value, RelatedStep>;
}

function carries({ scales }: Flow, leaf: Leaf): boolean {
  return scales.of(leaf).size > 0;
}

function idsOf({ scales }: Flow, { operands, results }: Component): number[] {
  return [...operands.map(({ leaf }) => leaf), ...results].flatMap((leaf) => [...scales.of(leaf).keys()]);
}

/** Whether both parts of every plane are treated alike, and linearly. */
function isComplexLinear(flow: Flow, { value, relation }: RelatedStep, component: Component): boolean {
  const operands = component.operands.filter(({ leaf }) => carries(flow, leaf));
  const members = [...operands.map(({ leaf }) => leaf), ...component.results];
  const [role, ...others] = members.map((leaf) => flow.planes.roles.get(leaf));
  if (!role || others.some((other) => other !== role)) return false;
  if (value.op !== "Reshape" && members.some((leaf) => flow.planes.loose.has(leaf))) return false;
  if (!isLinearAt(value, { ...component, operands })) return false;
  const fixed = component.operands.filter(({ leaf }) => !carries(flow, leaf));
  if (component.results.length === 0 || role === "both") {
    return fixed.every(({ place, leaf }) => hasEqualParts(flow, value.operands[place] as Value, [leaf, leaf]));
  }
  const [result] = component.results as [Leaf];
  const partner = relation.components.find(({ results }) => results.includes(flow.planes.partners.get(result) as Leaf));
  const partners = partner?.operands.filter(({ leaf }) => !carries(flow, leaf)) ?? [];
  return (
    partners.length === fixed.length &&
    fixed.every(({ place, leaf }) => {
      const other = partners.find((each) => each.place === place);
      return other !== undefined && hasEqualParts(flow, value.operands[place] as Value, [leaf, other.leaf]);
    })
  );
}

/** Two parts that are joined to planes again, having been turned. */
interface Turn {
  readonly leaf: Leaf;
  readonly inside: readonly Component[];
}

/** Each pair of parts that a Concat joins, of which the planes are complex multiples of other planes. */
function turnsAt(flow: Flow, step: RelatedStep): Turn[] {
  if (step.value.op !== "Concat") return [];
  return step.relation.components.flatMap((component) => {
    const inside: Component[] = [];
    const ends = endsOf(flow, step, component);
    if (!ends) return [];
    const [real, imaginary] = ends.parts.map(([operand, leaf]) => termsOf(flow, operand, leaf, inside));
    if (!real || !imaginary || !areTurned(real, imaginary)) return [];
    return [{ leaf: ends.leaf, inside: [...inside, ...ends.components] }];
  });
}

interface Ends {
  readonly leaf: Leaf;
  readonly components: readonly Component[];
  readonly parts: readonly (readonly [Value, Leaf])[];
}

function endsOf({ planes }: Flow, { value, relation }: RelatedStep, component: Component): Ends | null {
  const [leaf] = component.results;
  const role = leaf === undefined ? undefined : planes.roles.get(leaf);
  if (leaf === undefined || (role !== "real" && role !== "both")) return null;
  const partner =
    role === "both"
      ? component
      : relation.components.find(({ results }) => results.includes(planes.partners.get(leaf) as Leaf));
  const components = partner && partner !== component ? [component, partner] : [component];
  const joined = components.flatMap(({ operands }) => operands);
  const areUnits = role === "real" || joined.every(({ place }) => isUnitAlong(value, place));
  if (joined.length !== 2 || !areUnits) return null;
  return { leaf, components, parts: joined.map(({ place, leaf }) => [value.operands[place] as Value, leaf]) };
}

function isUnitAlong({ attributes, operands }: Value, place: number): boolean {
  const { axis } = attributes as { readonly axis: number };
  return operands[place]?.shape[axis] === 1;
}

/** Plus or minus one part of a plane, times something: two terms of one `key` differ in nothing else. */
interface Term {
  readonly part: 0 | 1;
  readonly sign: 1 | -1;
  readonly key: string;
}

/** real = sum a x0 + b x1, imaginary = sum -b x0 + a x1. */
function areTurned(real: readonly Term[], imaginary: readonly Term[]): boolean {
  const turned = real.map(({ part, sign, key }) => `${1 - part} ${part === 1 ? -sign : sign} ${key}`);
  const given = imaginary.map(({ part, sign, key }) => `${part} ${sign} ${key}`);
  return turned.sort().join("\n") === given.sort().join("\n");
}

/** A part of planes as a sum of parts of other planes; null where it is anything else. */
function termsOf(flow: Flow, value: Value, leaf: Leaf, inside: Component[]): Term[] | null {
  const role = flow.planes.roles.get(leaf);
  if (role === "both") return null;
  if (role) {
    const plane = role === "real" ? leaf : flow.planes.partners.get(leaf);
    return [{ part: role === "real" ? 0 : 1, sign: 1, key: `plane ${plane}` }];
  }
  const { relation } = flow.steps.get(value) as RelatedStep;
  const component = relation.components.find(({ results }) => results.includes(leaf)) as Component;
  inside.push(component);
  const operands = component.operands.filter((operand) => carries(flow, operand.leaf));
  const [first] = operands;
  if (!first) return null;
  const of = ({ place, leaf }: (typeof operands)[number]) =>
    termsOf(flow, value.operands[place] as Value, leaf, inside);
  switch (value.op) {
    case "Neg":
      return times(of(first), -1);
    case "Cast":
    case "Transpose":
    case "Reshape":
    case "Expand":
      return through(of(first), `${value.op} ${JSON.stringify(value.attributes)}`);
    case "Mul":
      return operands.length === 1 ? through(of(first), multiplier(flow, value, 1 - first.place)) : null;
    case "Add":
    case "Sub":
      return operands.length === 2 ? sum(operands.map(of), value.op === "Add" ? 1 : -1) : null;
    case "Slice":
      return flow.planes.roles.get(first.leaf) === "both"
        ? neighbour(flow, value as Value<"Slice">, first.leaf)
        : through(of(first), rangeBeside(flow, value as Value<"Slice">, first.leaf));
    default:
      return null;
  }
}

function times(terms: readonly Term[] | null, factor: 1 | -1): Term[] | null {
  return terms?.map((term) => ({ ...term, sign: (term.sign * factor) as 1 | -1 })) ?? null;
}

function through(terms: readonly Term[] | null, what: string): Term[] | null {
  return terms?.map((term) => ({ ...term, key: `${term.key}; ${what}` })) ?? null;
}

function sum([a, b]: readonly (readonly Term[] | null)[], sign: 1 | -1): Term[] | null {
  const second = times(b ?? null, sign);
  return a && second ? [...a, ...second] : null;
}

function multiplier({ leaves }: Flow, value: Value, place: number): string {
  return `Mul ${leaves.trace.firstAxis.get(value.operands[place] as Value)} ${value.shape}`;
}

/** What a Slice does along the axes that are not the leaf's. */
function rangeBeside({ leaves }: Flow, value: Value<"Slice">, leaf: Leaf, taken?: number): string {
  const own = taken ?? axisWithin(leaves, value.operands[0] as Value, leaf);
  const beside = (list: readonly number[]) => list.filter((_, axis) => axis !== own).join();
  const { starts, ends, steps } = value.attributes;
  return `Slice ${beside(starts)} ${beside(ends)} ${beside(steps)}`;
}

function axisWithin({ axes, trace }: Leaves, value: Value, leaf: Leaf): number {
  return (axes[leaf] as number) - (trace.firstAxis.get(value) as number);
}

/** One of two neighbours, which lie on the axis of their plane or on the next one. */
function neighbour(flow: Flow, value: Value<"Slice">, leaf: Leaf): Term[] | null {
  const own = axisWithin(flow.leaves, value.operands[0] as Value, leaf);
  const axis = flow.planes.loose.has(leaf) ? own + 1 : own;
  const part = value.attributes.starts[axis];
  if (part !== 0 && part !== 1) return null;
  return [{ part, sign: 1, key: `plane ${leaf}; ${rangeBeside(flow, value, leaf, axis)}` }];
}
