import type { Value } from "../graph/index.ts";
import type { Form, Segment } from "./axis-form.ts";
import { type Copies, independentCopies } from "./copies.ts";
import { type Exponents, spans } from "./exponents.ts";
import type { Block, Factor, Layout, Outer, PinnedAxis, Place, Power, Run, Site, SymmetryGroup } from "./group.ts";
import { alongside, axisLeaves, type Leaf, type Leaves, valueLeaves } from "./leaves.ts";
import { type Mixing, pinnedKind } from "./matrix-groups.ts";
import { axisOf } from "./trace.ts";

/** All that was found out about a graph. */
export interface Findings {
  readonly leaves: Leaves;
  readonly parameters: ReadonlyMap<string, Value<"Input">>;
  readonly scales: Exponents;
  readonly signs: Exponents;
  /** By kind of units. */
  readonly matrices: ReadonlyMap<number, Mixing>;
}

/** A group, and how it acts on the values of the graph that it was found in. */
export interface AssembledGroup {
  readonly group: SymmetryGroup;
  /** How any value of the graph is indexed: under an element of the group it moves as a parameter of that layout does. */
  readonly layoutOf: (value: Value) => Layout;
}

/** Puts the findings together as a group that acts on parameters, without reference to the graph. */
export function assembleGroup(findings: Findings): AssembledGroup {
  const places = placesOf(findings);
  const units = unitsOf(findings);
  const copies = nestedCopies(independentCopies(findings.leaves, units.kindsOf));
  const generators = generatorsOf(findings, { places, units, copies });
  const factors = factorsOf(findings, { places, units, copies, generators });
  const numbers = new Map([...factors.keys()].map((kind, i) => [kind, i]));
  const layoutOf = (value: Value) => layoutIn(findings, value, { copies, generators, numbers });
  const group = {
    factors: [...factors].map(([kind, factor]) => ({
      ...factor,
      within: outersOf(findings, kind, { copies, numbers }),
    })),
    generators: generators.map(({ kind, unit, name }) => ({ kind, name, factor: numbers.get(unit) as number })),
    layouts: layoutsOf(findings, layoutOf),
    pinned: pinnedAxes(findings, places),
    unknownOperators: unknownOperators(findings.leaves),
  };
  return { group, layoutOf };
}

/** Copies along an atom are kept where the atom's own copies are among them; which they are for nested blocks. */
function nestedCopies(copies: Copies): Copies {
  const isNested = (outer: ReadonlySet<number>, atom: number) =>
    [...(copies.get(atom) ?? [])].every((further) => outer.has(further));
  return new Map(
    [...copies].map(([kind, outer]) => [kind, new Set([...outer].filter((atom) => isNested(outer, atom)))] as const),
  );
}

function outersOf(
  { leaves }: Findings,
  kind: number,
  { copies, numbers }: { readonly copies: Copies; readonly numbers: ReadonlyMap<number, number> },
): Outer[] {
  const atoms = [...(copies.get(kind) ?? [])];
  return atoms.map((atom) => ({
    size: leaves.trace.atoms.sizes[atom] as number,
    factor: leaves.trace.atoms.pins[atom] ? null : (numbers.get(atom) ?? null),
    within: [...(copies.get(atom) ?? [])].map((outer) => atoms.indexOf(outer)),
  }));
}

/** Where each leaf of a parameter lies. */
type Places = ReadonlyMap<Leaf, Site>;

function placesOf({ leaves, parameters }: Findings): Places {
  return new Map(
    [...parameters].flatMap(([tensor, value]) =>
      [...placesIn(leaves, value)].map(([leaf, place]) => [leaf, { tensor, ...place }] as const),
    ),
  );
}

/** Where each leaf of one value lies. */
function placesIn(leaves: Leaves, value: Value): Map<Leaf, Place> {
  const { sizes } = leaves.trace.atoms;
  const places = new Map<Leaf, Place>();
  for (let axis = 0; axis < value.rank; axis++) {
    for (const [leaf, at] of axisLeaves(leaves, axisOf(leaves.trace, value, axis)).entries()) {
      places.set(at, { axis, leaf, size: sizes[leaves.atoms[at] as number] as number });
    }
  }
  return places;
}

/**
 * Kinds of units. Those that may be permuted are as many as there are free atoms. An atom whose order is fixed may hold
 * together what is scaled independently, and so makes one kind for each leaf that starts a scaling.
 */
interface Units {
  readonly kindsOf: (leaf: Leaf) => readonly number[];
  /** The kind of a generator's units, from the leaf that it is named after. */
  readonly kindStartedAt: (leaf: Leaf) => number;
  readonly atomOf: (kind: number) => number;
}

function unitsOf({ leaves, scales, signs }: Findings): Units {
  const { pins } = leaves.trace.atoms;
  const both = [scales, signs];
  const owners = both.map(({ generators }) => new Map(generators.map(({ id, leaf }) => [id, leaf])));
  const kindStartedAt = (leaf: Leaf) => {
    const atom = leaves.atoms[leaf] as number;
    return pins[atom] ? pinnedKind(leaf) : atom;
  };
  const kindsOf = (leaf: Leaf) => {
    const atom = leaves.atoms[leaf] as number;
    if (!pins[atom]) return [atom];
    const started = both.flatMap((exponents, i) =>
      [...exponents.of(leaf).keys()].flatMap((id) => {
        const owner = owners[i]?.get(id);
        return owner === undefined ? [] : [kindStartedAt(owner)];
      }),
    );
    return [...new Set(started)];
  };
  return { kindsOf, kindStartedAt, atomOf: (kind) => (kind < 0 ? (leaves.atoms[-1 - kind] as number) : kind) };
}

/** A generator of the exponents and the kind of units that it scales. */
interface NamedGenerator {
  readonly kind: "scale" | "sign";
  readonly id: number;
  readonly unit: number;
  readonly name: string;
}

/** The generators, without those that only repeat, block by block, what the units inside the blocks already do. */
function generatorsOf(
  findings: Findings,
  { places, units, copies }: { readonly places: Places; readonly units: Units; readonly copies: Copies },
): NamedGenerator[] {
  const numbers = new Map<string, number>();
  return [findings.scales, findings.signs].flatMap((exponents) => {
    const all = exponents.generators.map(({ id, leaf }) => ({
      kind: exponents.kind,
      id,
      unit: units.kindStartedAt(leaf),
      name: places.get(leaf)?.tensor ?? "",
      sites: partPowers(findings, exponents, { id, places, numbers }),
    }));
    const isInside = (inner: number, outer: number) => copies.get(inner)?.has(units.atomOf(outer)) ?? false;
    const kept = all.filter(({ unit, sites }) => {
      const inner = all.filter((other) => isInside(other.unit, unit)).map((other) => other.sites);
      return !spans(exponents.kind, inner, sites);
    });
    return kept.map(({ sites: _, ...generator }) => generator);
  });
}

/** The power of a generator in each part of a tensor, by the part's number. */
function partPowers(
  { leaves }: Findings,
  exponents: Exponents,
  { id, places, numbers }: GeneratorPlaces,
): Map<number, number> {
  const powers = new Map<number, number>();
  for (const [leaf, { tensor, axis }] of places) {
    const exponent = exponents.of(leaf).get(id);
    if (exponent === undefined) continue;
    const inner = leaves.parts.get(leaf) as readonly number[];
    const names = inner.length === 0 ? [tensor] : inner.map((part) => `${tensor} ${axis} ${part}`);
    for (const name of names) {
      const number = numbers.get(name) ?? numbers.size;
      numbers.set(name, number);
      powers.set(number, (powers.get(number) ?? 0) + exponent);
    }
  }
  return powers;
}

interface GeneratorPlaces {
  readonly id: number;
  readonly places: Places;
  /** The numbers given to parts so far. */
  readonly numbers: Map<string, number>;
}

interface Context {
  readonly places: Places;
  readonly units: Units;
  readonly copies: Copies;
  readonly generators: readonly NamedGenerator[];
}

function factorsOf(
  findings: Findings,
  { places, units, copies, generators }: Context,
): Map<number, Omit<Factor, "within">> {
  const { leaves, matrices } = findings;
  const { sizes, pins } = leaves.trace.atoms;
  const sites = new Map<number, Site[]>();
  for (const [leaf, place] of places) {
    for (const kind of units.kindsOf(leaf)) sites.set(kind, [...(sites.get(kind) ?? []), place]);
  }
  const scaled = new Set(generators.map(({ unit }) => unit));
  const kept = [...sites].filter(([kind]) => kind >= 0 || scaled.has(kind));
  const names = new Map<string, number>();
  return new Map(
    kept.map(([kind, own]) => {
      const atom = units.atomOf(kind);
      const mixing = matrices.get(kind);
      const factor: Omit<Factor, "within"> = {
        name: uniqueName(nameOf(own[0]?.tensor ?? ""), names),
        size: sizes[atom] as number,
        copies: [...(copies.get(kind) ?? [])].reduce((count, outer) => count * (sizes[outer] as number), 1),
        permutes: !pins[atom],
        matrix: mixing?.matrix ?? null,
        gains: (mixing?.gains ?? []).map((gain) => (gain as Value<"Input">).attributes.name),
        sites: own,
      };
      return [kind, factor] as const;
    }),
  );
}

function nameOf(tensor: string): string {
  return tensor.replace(/[._/](?:weight|kernel|bias|w|b)$/i, "");
}

function uniqueName(name: string, used: Map<string, number>): string {
  const count = (used.get(name) ?? 0) + 1;
  used.set(name, count);
  return count === 1 ? name : `${name}#${count}`;
}

interface LayoutContext extends Pick<Context, "copies" | "generators"> {
  /** The factor of each kind of units. */
  readonly numbers: ReadonlyMap<number, number>;
}

function layoutsOf({ leaves, parameters }: Findings, layoutOf: (value: Value) => Layout): Record<string, Layout> {
  const offsets = varianceOffsets(leaves);
  const layouts = [...parameters].map(
    ([name, value]) => [name, { ...layoutOf(value), offset: offsets.get(name) ?? 0 }] as const,
  );
  return Object.fromEntries(layouts);
}

function layoutIn(findings: Findings, value: Value, context: LayoutContext): Layout {
  const { leaves } = findings;
  const places = placesIn(leaves, value);
  const run = (leaf: Leaf) => runOf(findings, context, { value, leaf, places });
  const axes = value.shape.map((_, axis) => blocksOf(leaves.forms[axisOf(leaves.trace, value, axis)] as Form, run));
  return { shape: value.shape, axes, offset: 0 };
}

/** The blocks of an axis, as one direct sum where there is more than one segment. */
function blocksOf(form: Form, run: (leaf: Leaf) => Run): Block[] {
  const product = (segment: Segment): Block[] =>
    segment.map((piece) => (typeof piece === "object" ? sum(piece.sum) : run(piece)));
  const sum = (segments: Form): Block => {
    const parts = segments.map(product);
    return { sum: parts, size: parts.reduce((total, part) => total + blockSize(part), 0) };
  };
  return form.length === 1 ? product(form[0] as Segment) : [sum(form)];
}

function blockSize(blocks: readonly Block[]): number {
  return blocks.reduce((size, block) => size * block.size, 1);
}

function runOf(
  { leaves, scales, signs }: Findings,
  { copies, generators, numbers }: LayoutContext,
  { value, leaf, places }: { readonly value: Value; readonly leaf: Leaf; readonly places: ReadonlyMap<Leaf, Place> },
): Run {
  const atom = leaves.atoms[leaf] as number;
  const beside = alongside(leaves, value, leaf);
  const within = (kind: number) =>
    [...(copies.get(kind) ?? [])].map((outer) => {
      const at = beside.find((other) => leaves.atoms[other] === outer) as Leaf;
      return places.get(at) as Place;
    });
  const powers = generators.flatMap(({ kind, id, unit }, generator): Power[] => {
    const exponent = (kind === "scale" ? scales : signs).of(leaf).get(id);
    return exponent === undefined ? [] : [{ generator, exponent, within: within(unit) }];
  });
  const place = places.get(leaf) as Place;
  return {
    size: place.size,
    place,
    factor: leaves.trace.atoms.pins[atom] ? null : (numbers.get(atom) ?? null),
    within: within(atom),
    powers,
  };
}

/** The epsilon beside each running variance: what scales exactly is their sum. */
function varianceOffsets({ trace }: Leaves): ReadonlyMap<string, number> {
  return new Map(
    trace.steps.flatMap(({ value }) => {
      const variance = value.op === "BatchNormalization" ? value.operands[4] : undefined;
      if (variance?.op !== "Input") return [];
      const { epsilon } = (value as Value<"BatchNormalization">).attributes;
      return [[(variance as Value<"Input">).attributes.name, epsilon] as const];
    }),
  );
}

function pinnedAxes({ leaves, parameters }: Findings, places: Places): PinnedAxis[] {
  const { pins, sizes } = leaves.trace.atoms;
  return [...parameters.values()].flatMap((value) =>
    valueLeaves(leaves, value).flatMap((leaf) => {
      const atom = leaves.atoms[leaf] as number;
      const { tensor, axis } = places.get(leaf) as Site;
      const pin = pins[atom];
      return pin ? [{ tensor, axis, size: sizes[atom] as number, why: pin.why }] : [];
    }),
  );
}

function unknownOperators({ trace }: Leaves): string[] {
  const names = trace.steps.flatMap(({ value }) =>
    value.op === "Opaque" ? [(value as Value<"Opaque">).attributes.name] : [],
  );
  return [...new Set(names)].sort();
}
