import { closestName } from "../closest-name.ts";
import { check } from "../errors.ts";
import type { Value } from "../graph/index.ts";
import { formatShape } from "../tensor/index.ts";
import { type AxisOwner, axisOwners, opaqueName, partOf, valueName } from "./axis-names.ts";
import type { Discovery } from "./discover.ts";
import type { Factor, Site } from "./group.ts";
import { axisLeaves, type Component, type Leaf, type Leaves, type RelatedStep } from "./leaves.ts";
import { howOf, type Side } from "./operator-words.ts";
import { axisOf, type Step } from "./trace.ts";

/** One step of an explanation: an operator and the two axes that it ties. */
export interface Link {
  readonly from: string;
  readonly operator: string;
  /** What the operator does, as in `from` "makes the columns of its result" `to`. */
  readonly how: string;
  readonly to: string;
}

/** A site of the same factor and the shortest chain that ties it. */
export interface TiedSite {
  readonly tensor: string;
  readonly axis: number;
  /** Which part of the axis, in words; "" for all of it. */
  readonly part: string;
  readonly chain: readonly Link[];
}

/** Why the units of one part of a parameter's axis move with others, or cannot move. */
export type Explanation = PinnedPart | FreePart;

interface Part {
  /** Which part of the axis, in words; "" for all of it. */
  readonly part: string;
  readonly size: number;
}

export interface PinnedPart extends Part {
  readonly kind: "pinned";
  readonly why: string;
  /** From the axis to where its order matters; empty where that is the axis itself. */
  readonly chain: readonly Link[];
}

export interface FreePart extends Part {
  readonly kind: "free";
  /** The name of the factor. */
  readonly factor: string;
  readonly sites: readonly TiedSite[];
}

/** Explains an axis of a parameter, part by part, by the shortest chains of operators; linear in the size of the graph. */
export function explain(discovery: Discovery, tensor: string, axis: number): Explanation[] {
  const { leaves, parameters } = discovery;
  const value = parameters.get(tensor);
  check(value, () => ({
    code: "unknown-parameter",
    where: tensor,
    message: "expected a parameter that the graph uses",
    remedy: meant(tensor, [...parameters.keys()]),
  }));
  check(Number.isInteger(axis) && axis >= 0 && axis < value.rank, () => ({
    code: "bad-axis",
    where: tensor,
    message: `expected an axis of ${formatShape(value.shape)}, got ${axis}`,
  }));
  const map = { leaves, owners: axisOwners(leaves), parameters: new Set<Value>(parameters.values()) };
  return axisLeaves(leaves, axisOf(leaves.trace, value, axis)).map((leaf) => explainLeaf(discovery, map, leaf));
}

function meant(tensor: string, names: readonly string[]): string {
  const closest = closestName(tensor, names);
  return closest ? `did you mean ${closest}?` : "`orbifold info` prints their names";
}

/** The leaves of a graph, and whose axes they are on. */
interface LeafMap {
  readonly leaves: Leaves;
  readonly owners: ReadonlyMap<number, AxisOwner>;
  readonly parameters: ReadonlySet<Value>;
}

function explainLeaf(discovery: Discovery, map: LeafMap, leaf: Leaf): Explanation {
  const { leaves } = map;
  const atom = leaves.atoms[leaf] as number;
  const ways = shortestWays(meetingsOf(map, atom), leaf);
  const about = { part: partOf(leaves, leaf), size: leaves.trace.atoms.sizes[atom] as number };
  if (leaves.trace.atoms.pins[atom]) {
    const { end, why } = nearestPin(map, atom, ways);
    return { kind: "pinned", ...about, why, chain: chainTo(map, ways, end) };
  }
  const leafAt = (site: Site) => leafOf(discovery, site);
  const factor = discovery.group.factors.find(
    ({ permutes, sites }) => permutes && sites.some((site) => leafAt(site) === leaf),
  ) as Factor;
  const ends = factor.sites.map((site) => ({ site, end: leafAt(site) })).filter(({ end }) => end !== leaf);
  const sites = ends.map(({ site: { tensor, axis }, end }) => ({
    tensor,
    axis,
    part: partOf(leaves, end),
    chain: chainTo(map, ways, end),
  }));
  return { kind: "free", ...about, factor: factor.name, sites };
}

function leafOf({ leaves, parameters }: Discovery, { tensor, axis, leaf }: Site): Leaf {
  return axisLeaves(leaves, axisOf(leaves.trace, parameters.get(tensor) as Value, axis))[leaf] as Leaf;
}

/** Leaves of one atom that are the same index at one operator. */
interface Meeting {
  readonly value: Value;
  readonly members: readonly Leaf[];
  /** Null where an axis is cut into blocks that do not fit, but match as far as they go. */
  readonly component: Component | null;
}

function meetingsOf({ leaves, owners }: LeafMap, atom: number): Meeting[] {
  return leaves.steps.flatMap(({ value, relation: { components, misfits } }) => {
    const own = components.filter((component) => component.atom === atom);
    const meetings: Meeting[] = own.map((component) => ({
      value,
      component,
      members: [...component.operands.map(({ leaf }) => leaf), ...component.results],
    }));
    const isOurs = (leaf: Leaf) => leaves.atoms[leaf] === atom && owners.has(leaves.axes[leaf] as number);
    const members = misfits.filter(isOurs);
    return members.length > 0 ? [...meetings, { value, component: null, members }] : meetings;
  });
}

/** How each leaf is first reached; null for the start. In the order of their distance. */
type Ways = ReadonlyMap<Leaf, Way | null>;

interface Way {
  readonly from: Leaf;
  readonly meeting: Meeting;
}

/** Breadth-first from a leaf; every meeting is passed once. */
function shortestWays(meetings: readonly Meeting[], start: Leaf): Ways {
  const meetingsAt = new Map<Leaf, Meeting[]>();
  for (const meeting of meetings) {
    for (const leaf of meeting.members) {
      const known = meetingsAt.get(leaf);
      if (known) known.push(meeting);
      else meetingsAt.set(leaf, [meeting]);
    }
  }
  const ways = new Map<Leaf, Way | null>([[start, null]]);
  const passed = new Set<Meeting>();
  for (const from of ways.keys()) {
    for (const meeting of meetingsAt.get(from) ?? []) {
      if (passed.has(meeting)) continue;
      passed.add(meeting);
      for (const leaf of meeting.members) if (!ways.has(leaf)) ways.set(leaf, { from, meeting });
    }
  }
  return ways;
}

/** A place where the order of an atom matters, and why. */
interface PinnedPlace {
  readonly end: Leaf;
  readonly why: string;
}

function nearestPin(map: LeafMap, atom: number, ways: Ways): PinnedPlace {
  const reasons = new Map(pinnedPlaces(map, atom).map(({ end, why }) => [end, why]));
  for (const end of ways.keys()) {
    const why = reasons.get(end);
    if (why !== undefined) return { end, why };
  }
  throw new Error("internal: a pinned axis that is not tied to what pins it");
}

function pinnedPlaces({ leaves, owners, parameters }: LeafMap, atom: number): PinnedPlace[] {
  const ofAtom = (list: readonly Leaf[]) => list.filter((leaf) => leaves.atoms[leaf] === atom);
  return leaves.trace.steps.flatMap((step, i) => {
    const { components, misfits } = (leaves.steps[i] as RelatedStep).relation;
    const pinned = step.pins.flatMap(({ axis, why }) => {
      const own = ofAtom(axisLeaves(leaves, axis));
      // What is tied to an auxiliary axis of the operator is among its operands and result.
      const tied = owners.has(axis) || own.length === 0 ? [] : components.filter((each) => each.atom === atom);
      const ends = [
        ...own,
        ...tied.flatMap(({ operands, results }) => [...operands.map(({ leaf }) => leaf), ...results]),
      ];
      return ends.map((end) => ({ end, why: reasonOf(step, why) }));
    });
    const unfit = ofAtom(misfits).map((end) => ({
      end,
      why: `blocks that do not fit each other at ${valueName(step.value, parameters)}`,
    }));
    return [...pinned, ...unfit];
  });
}

function reasonOf({ value }: Step, why: string): string {
  if (value.op !== "Opaque") return why;
  return `${opaqueName(value as Value<"Opaque">)} is not known to respect any order of its axes`;
}

function chainTo(map: LeafMap, ways: Ways, end: Leaf): Link[] {
  const links: Link[] = [];
  let at = end;
  for (let way = ways.get(at); way; way = ways.get(at)) {
    links.push(linkOf(map, way, at));
    at = way.from;
  }
  return links.reverse();
}

function linkOf(map: LeafMap, { from, meeting }: Way, to: Leaf): Link {
  const { value, component } = meeting;
  const ends = { from: nameOf(map, from), operator: value.op, to: nameOf(map, to) };
  if (!component) return { ...ends, how: "matches, before blocks that do not fit," };
  const side = (leaf: Leaf) => sideOf(map, component, leaf);
  const isSummed = component.results.length === 0;
  return { ...ends, how: howOf({ value, from: side(from), to: side(to), isSummed }) };
}

function sideOf({ leaves, owners }: LeafMap, { operands }: Component, leaf: Leaf): Side {
  const { value, axis } = owners.get(leaves.axes[leaf] as number) as AxisOwner;
  const place = operands.find((operand) => operand.leaf === leaf)?.place ?? null;
  return { place, axis, size: value.shape[axis] as number };
}

function nameOf({ leaves, owners, parameters }: LeafMap, leaf: Leaf): string {
  const { value, axis } = owners.get(leaves.axes[leaf] as number) as AxisOwner;
  const part = partOf(leaves, leaf);
  return `${valueName(value, parameters)}:${axis}${part === "" ? "" : ` (${part})`}`;
}
