import { check, InputError } from "../errors.ts";
import { type Operator, topologicalOrder, type Value } from "../graph/index.ts";
import { contractedAxes, isGrouped, mixedAxes, separatingOperators } from "./axis-mixing.ts";
import type { Discovery } from "./discover.ts";
import type { Block, Factor, Generator, Layout, Run, Site } from "./group.ts";
import { runsOf, sizeOf } from "./indexing.ts";

/** An axis of a parameter along which the units of a layer lie, each index of `before` x units x `after`. */
export interface UnitSite {
  readonly tensor: string;
  readonly axis: number;
  readonly before: number;
  readonly after: number;
  /** Added to the entries before they are scaled and taken away after. */
  readonly offset: number;
  /** How the entries change with the scale or sign of their unit. */
  readonly powers: readonly { readonly generator: number; readonly exponent: number }[];
}

/** Where units are summed over by what follows them. */
export interface Reader {
  /** The weights of the sum. */
  readonly site: UnitSite;
  /** What is summed: the outputs of the units. */
  readonly operand: Value;
  /** The axis of the weights that is left, and what is added along it; null where nothing is. */
  readonly bias: { readonly tensor: string; readonly axis: number } | null;
  /** Zeros are put around the outputs of the units first. */
  readonly isPadded: boolean;
}

/** A unit as a function of w . x + b: its weights, its bias and the value w . x + b. */
export interface AffineUnit {
  readonly weight: string;
  readonly bias: string | null;
  readonly value: Value;
}

/** The units of a hidden layer: which weights make a unit, and which read it. */
export interface UnitRoles {
  readonly factor: number;
  readonly name: string;
  readonly size: number;
  readonly generators: readonly (Generator & { readonly number: number })[];
  readonly incoming: readonly UnitSite[];
  readonly outgoing: readonly UnitSite[];
  readonly readers: readonly Reader[];
  /** Null where units are more than a function of w . x + b. */
  readonly affine: AffineUnit | null;
}

/**
 * The roles of the parameters around the units of a factor, read from the graph: a parameter is outgoing where it is
 * contracted with the outputs of the units, and incoming elsewhere. Throws where units are not single, are mixed otherwise
 * than by a sum with weights, or are written by several layers (a residual stream).
 */
export function unitRoles(discovery: Discovery, factor: number): UnitRoles {
  const known = discovery.group.factors[factor];
  check(known, () => ({
    code: "no-layer",
    where: `layer ${factor}`,
    message: `expected one of ${discovery.group.factors.length} sets of units, got number ${factor}`,
  }));
  const refuse = refusal(known.name);
  checkSingle(known, refuse);
  const scene = sceneOf(discovery, factor, refuse);
  const readers = scene.order.flatMap((value) => contractionAt(scene, value) ?? []);
  if (readers.length === 0) refuse("units that a layer reads", "ones that none reads");
  for (const value of scene.order) checkSeparate(scene, value);
  checkWriters(scene);
  const names = new Set(readers.map(({ weight }) => weight));
  for (const name of names) checkReadOnly(scene, name, readers);
  const sites = known.sites.map((site) => unitSite(discovery, site, refuse));
  const incoming = sites.filter(({ tensor }) => !names.has(tensor));
  const siteOf = (name: string) => sites.find(({ tensor }) => tensor === name) as UnitSite;
  return {
    factor,
    name: known.name,
    size: known.size,
    generators: discovery.group.generators.flatMap((each, number) =>
      each.factor === factor ? [{ ...each, number }] : [],
    ),
    incoming,
    outgoing: [...names].map(siteOf),
    readers: readers.map((contraction) => readerAt(scene, contraction, siteOf(contraction.weight))),
    affine: affineUnit(scene, incoming),
  };
}

type Refuse = (expected: string, got: string) => never;

function refusal(name: string): Refuse {
  return (expected, got) => {
    throw new InputError({
      code: "tied-units",
      where: `layer ${JSON.stringify(name)}`,
      message: `expected ${expected}, got ${got}`,
      remedy: "choose another layer",
    });
  };
}

function checkSingle({ permutes, copies, within, sites }: Factor, refuse: Refuse): void {
  if (!permutes) refuse("units in any order", "ones whose order is fixed");
  if (copies > 1 || within.length > 0) refuse("single units", `blocks of ${copies} copies`);
  const [twice] = sites.filter(({ tensor }, i) => sites.findIndex((other) => other.tensor === tensor) < i);
  if (twice) refuse("units that are made before they are read", `ones that ${twice.tensor} both makes and reads`);
}

/** The graph around the units of one factor. */
interface Scene {
  readonly discovery: Discovery;
  readonly order: readonly Value[];
  /** What depends on the input of the network. */
  readonly isActive: (value: Value) => boolean;
  /** The axes of a value along which the units lie. */
  readonly axesOf: (value: Value) => readonly number[];
  readonly readersOf: (value: Value) => readonly Value[];
  readonly refuse: Refuse;
}

function sceneOf(discovery: Discovery, factor: number, refuse: Refuse): Scene {
  const order = topologicalOrder(discovery.outputs);
  const active = new Set<Value>();
  const readers = new Map<Value, Value[]>();
  const axes = new Map<Value, readonly number[]>();
  for (const value of order) {
    const isGiven = isInput(value) && !discovery.parameters.has(value.attributes.name);
    if (isGiven || value.operands.some((operand) => active.has(operand))) active.add(value);
    for (const operand of new Set(value.operands)) readers.set(operand, [...(readers.get(operand) ?? []), value]);
    axes.set(value, axesWith(discovery.layoutOf(value), factor));
  }
  return {
    discovery,
    order,
    isActive: (value) => active.has(value),
    axesOf: (value) => axes.get(value) ?? [],
    readersOf: (value) => readers.get(value) ?? [],
    refuse,
  };
}

function axesWith({ axes }: Layout, factor: number): number[] {
  return axes.flatMap((blocks, axis) => (runsOf(blocks).some((run) => run.factor === factor) ? [axis] : []));
}

function isInput(value: Value): value is Value<"Input"> {
  return value.op === "Input";
}

interface Contraction {
  readonly value: Value;
  /** The outputs of the units. */
  readonly operand: Value;
  /** The parameter with which they are contracted. */
  readonly weight: string;
}

/** The sum over the units at a value, with the weights of a parameter. */
function contractionAt(scene: Scene, value: Value): Contraction | null {
  const contracted = contractedAxes(value);
  const isOver = contracted.some(([place, axis]) => scene.axesOf(value.operands[place] as Value).includes(axis));
  if (!isOver) return null;
  const [a, b] = value.operands as [Value, Value];
  if (isGrouped(value)) scene.refuse("a layer that reads all units", "a grouped convolution");
  const [operand, weight] = scene.isActive(a) ? [a, b] : [b, a];
  const source = scene.isActive(operand) && !scene.isActive(weight) ? parameterBehind(scene, weight) : null;
  if (source === null) scene.refuse("units that are summed with weights", "ones that are read in another way");
  return { value, operand, weight: source as string };
}

const rearranging: ReadonlySet<Operator> = new Set<Operator>(["Transpose", "Reshape", "Cast"]);

/** The parameter that a value is, in another arrangement. */
function parameterBehind({ discovery }: Scene, value: Value): string | null {
  let behind = value;
  while (rearranging.has(behind.op)) behind = behind.operands[0] as Value;
  return isInput(behind) && discovery.parameters.has(behind.attributes.name) ? behind.attributes.name : null;
}

/** Throws where a value mixes units otherwise than by a contraction with weights. */
function checkSeparate(scene: Scene, value: Value): void {
  const touched = value.operands.filter((operand) => scene.axesOf(operand).length > 0);
  const isWritten = scene.axesOf(value).length > 0;
  if ((touched.length === 0 && !isWritten) || separatingOperators.has(value.op) || isInput(value)) return;
  if (value.op === "Constant" || contractedAxes(value).length > 0) {
    if (isGrouped(value)) scene.refuse("a layer of units with weights of their own", "a grouped convolution");
    return;
  }
  const mixed = mixedAxes(value);
  const isMixed = touched.some((operand) => scene.axesOf(operand).some((axis) => mixed(axis)));
  if (isMixed) scene.refuse("units that do not see each other", `ones that ${value.op} mixes`);
}

/** Throws where two layers write to the same units, as to a residual stream. */
function checkWriters(scene: Scene): void {
  const writers = new Map<Value, ReadonlySet<Value>>();
  for (const value of scene.order) {
    if (!scene.isActive(value) || scene.axesOf(value).length === 0) continue;
    const before = value.operands.flatMap((operand) => writers.get(operand) ?? []);
    const all = new Set(before.flatMap((each) => [...each]));
    const isSum = value.op === "Add" || value.op === "Sub";
    if (isSum && before.length > 1 && before.some(({ size }) => size < all.size)) {
      scene.refuse("units of one layer", "a residual stream, to which several layers write");
    }
    const isMade = all.size === 0 || contractedAxes(value).length > 0;
    writers.set(value, isMade ? new Set([value]) : all);
  }
}

/** Throws where the weights that read units do something else besides. */
function checkReadOnly(scene: Scene, name: string, contractions: readonly Contraction[]): void {
  const known = new Set(contractions.map(({ value }) => value));
  const follow = (value: Value): void => {
    for (const reader of scene.readersOf(value)) {
      if (rearranging.has(reader.op)) follow(reader);
      else if (!known.has(reader)) scene.refuse("weights of one layer", `${name}, which ${reader.op} reads too`);
    }
  };
  follow(scene.discovery.parameters.get(name) as Value);
}

function unitSite({ group }: Discovery, { tensor, axis, leaf }: Site, refuse: Refuse): UnitSite {
  const layout = group.layouts[tensor] as Layout;
  const blocks = layout.axes[axis] as readonly Block[];
  const at = blocks.findIndex((block) => !("sum" in block) && block.place.leaf === leaf);
  if (at < 0) refuse("units along the whole of an axis", `ones along a part of axis ${axis} of ${tensor}`);
  const { powers } = blocks[at] as Run;
  return {
    tensor,
    axis,
    before: sizeOf(blocks.slice(0, at)),
    after: sizeOf(blocks.slice(at + 1)),
    offset: layout.offset,
    powers: powers.map(({ generator, exponent }) => ({ generator, exponent })),
  };
}

function readerAt(scene: Scene, { value, operand, weight }: Contraction, site: UnitSite): Reader {
  const pads = (value.attributes as { readonly pads?: readonly number[] }).pads ?? [];
  const bias = biasAfter(scene, value);
  const shape = scene.discovery.parameters.get(weight)?.shape ?? [];
  const axis = value.op === "Conv" ? 0 : shape.length === 2 ? 1 - site.axis : null;
  const isKnown = bias !== null && axis !== null && value.op !== "ConvInputGrad";
  return {
    site,
    operand,
    bias: isKnown ? { tensor: bias.name, axis } : null,
    isPadded: pads.some((pad) => pad !== 0),
  };
}

/** The parameter with one number per output that is added right after a contraction, and the sum. */
function biasAfter(scene: Scene, value: Value): { readonly name: string; readonly sum: Value } | null {
  const [next, ...others] = scene.readersOf(value);
  const [operand, sum] =
    value.op === "Conv"
      ? [value.operands[2], value]
      : next?.op === "Add" && others.length === 0
        ? [next.operands.find((each) => each !== value), next]
        : [];
  if (!operand || !sum || !isInput(operand) || operand.rank !== 1) return null;
  const isOwn = scene.discovery.parameters.has(operand.attributes.name) && scene.readersOf(operand).length === 1;
  return isOwn ? { name: operand.attributes.name, sum } : null;
}

/** Units that are a function of w . x + b alone. */
function affineUnit(scene: Scene, incoming: readonly UnitSite[]): AffineUnit | null {
  const isWriter = (value: Value) =>
    scene.isActive(value) &&
    scene.axesOf(value).length > 0 &&
    !value.operands.some((operand) => scene.isActive(operand) && scene.axesOf(operand).length > 0);
  const writers = scene.order.filter(isWriter);
  const [value] = writers;
  if (!value || writers.length > 1 || (value.op !== "MatMul" && value.op !== "Conv")) return null;
  const factor = value.operands.slice(0, 2).find((operand) => !scene.isActive(operand));
  const weight = factor ? parameterBehind(scene, factor) : null;
  const bias = biasAfter(scene, value);
  const names = [weight, bias?.name].filter((name) => name !== undefined);
  const isAll = incoming.length === names.length && incoming.every(({ tensor }) => names.includes(tensor));
  return weight !== null && isAll ? { weight, bias: bias?.name ?? null, value: bias?.sum ?? value } : null;
}
