import type { Roles } from "../../counting/index.ts";
import { check } from "../../errors.ts";
import type { Model, Parameters } from "../../nets/index.ts";
import type { UnitSite } from "../../symmetry/index.ts";
import { fold, normal, type RngKey, type Shape, type Tensor, uniform } from "../../tensor/index.ts";
import { checkRoles } from "./compositions.ts";
import { type HiddenLayer, hiddenLayer } from "./hidden-layers.ts";
import { resizedNetwork } from "./resized-network.ts";
import { inFloat64, inTypesOf, type Rows, resizedShape, rowsAt, withRows } from "./unit-rows.ts";

/** How one layer is widened. */
export interface LayerExpansion {
  /** Its name, such as `layers.0`, or its place among the factors of the symmetry group. */
  readonly layer: string | number;
  /** For each unit of the wider layer which unit it copies, or from r on its zero-type group. */
  readonly roles: Roles;
  /**
   * Outgoing weights: alike in all copies and zero in zero-type groups; random; or so many times the outgoing weights of
   * the copied unit, in zero-type groups of a random vector. Defaults to "even".
   */
  readonly split?: "even" | "random" | readonly number[];
  /** Incoming vectors of the zero-type groups: each as the entries of one unit in the order of `incoming`; else random. */
  readonly zeroIncoming?: readonly (readonly number[])[];
}

/** Widens one layer after the other, without a change of the function (Simsek 2021, arXiv 2105.12221, section 4). */
export function expand(
  { network, parameters }: Model,
  layers: readonly LayerExpansion[],
  { key }: { readonly key: RngKey },
): Model {
  const wide = layers.reduce<Model>((model, expansion, i) => expandLayer(model, expansion, fold(key, "layer", i)), {
    network,
    parameters: inFloat64(parameters),
  });
  return { network: wide.network, parameters: inTypesOf(parameters, wide.parameters) };
}

function expandLayer({ network, parameters }: Model, expansion: LayerExpansion, key: RngKey): Model {
  const layer = hiddenLayer(network, expansion.layer);
  const plan = { ...expansion, layer, key };
  checkRoles(expansion.roles, layer.size);
  const sites = [
    ...layer.incoming.map((site, i) => ({ site, rows: incomingRows(plan, parameters, i) })),
    ...layer.outgoing.map((site) => ({ site, rows: outgoingRows(plan, rowsIn(parameters, site), site.tensor) })),
  ];
  const shapes = sites.map(({ site }): [string, Shape] => [
    site.tensor,
    resizedShape(site, (parameters[site.tensor] as Tensor).shape, expansion.roles.length),
  ]);
  return {
    network: resizedNetwork(network, Object.fromEntries(shapes)),
    parameters: withRows(parameters, sites),
  };
}

function rowsIn(parameters: Parameters, site: UnitSite): Rows {
  return rowsAt(site, parameters[site.tensor] as Tensor);
}

interface Plan extends Omit<LayerExpansion, "layer"> {
  readonly layer: HiddenLayer;
  readonly key: RngKey;
}

function incomingRows({ layer, roles, zeroIncoming, key }: Plan, parameters: Parameters, place: number): Rows {
  const site = layer.incoming[place] as UnitSite;
  const rows = rowsIn(parameters, site);
  const groups = new Set(roles).size - layer.size;
  const zero = zeroIncoming
    ? givenRows(layer, parameters, { zeroIncoming, groups, place })
    : Array.from({ length: groups }, (_, group) => randomRow(site, rows, fold(key, "zero-type", group), site.tensor));
  return roles.map((role) => (role < layer.size ? rows[role] : zero[role - layer.size]) as Float64Array);
}

function givenRows(
  { incoming }: HiddenLayer,
  parameters: Parameters,
  { zeroIncoming, groups, place }: { zeroIncoming: readonly (readonly number[])[]; groups: number; place: number },
): Rows {
  const lengths = incoming.map((site) => rowsIn(parameters, site)[0]?.length ?? 0);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  check(zeroIncoming.length === groups && zeroIncoming.every(({ length }) => length === total), () => ({
    code: "bad-composition",
    where: "incoming vectors of the zero-type groups",
    message: `expected ${groups} of ${total} numbers, got ${zeroIncoming.length} of ${zeroIncoming.map(({ length }) => length).join(", ")}`,
  }));
  const start = lengths.slice(0, place).reduce((sum, length) => sum + length, 0);
  return zeroIncoming.map((vector) => Float64Array.from(vector.slice(start, start + (lengths[place] as number))));
}

/** Normal numbers as large as those of the other units; a variance, which has to stay positive, is that of one of them. */
function randomRow({ offset }: UnitSite, rows: Rows, key: RngKey, name: string): Float64Array {
  const own = fold(key, name);
  if (offset > 0) {
    const [at] = uniform(own, [1], { dtype: "float64" }).data as Float64Array;
    return (rows[Math.floor((at as number) * rows.length)] as Float64Array).slice();
  }
  const deviation = sizeOf(rows) || 1;
  return normal(own, [rows[0]?.length ?? 0], { dtype: "float64", deviation }).data;
}

/** The root mean square of all entries. */
function sizeOf(rows: Rows): number {
  const squares = rows.reduce((sum, row) => sum + row.reduce((s, x) => s + x * x, 0), 0);
  return Math.sqrt(squares / (rows.length * (rows[0]?.length ?? 1)));
}

function outgoingRows(plan: Plan, rows: Rows, name: string): Rows {
  const { roles, layer } = plan;
  const length = rows[0]?.length ?? 0;
  const whole = (role: number) => (role < layer.size ? (rows[role] as Float64Array) : new Float64Array(length));
  const made: Float64Array[] = roles.map(() => new Float64Array(length));
  for (const [role, units] of Map.groupBy(roles.keys(), (unit) => roles[unit] as number)) {
    const group = { units, isCopy: role < layer.size, size: sizeOf(rows) || 1, name };
    const parts = partsOf(plan, whole(role), group);
    for (const [i, unit] of units.entries()) made[unit] = parts[i] as Float64Array;
  }
  return made;
}

interface Group {
  readonly units: readonly number[];
  readonly isCopy: boolean;
  /** How large random parts are. */
  readonly size: number;
  readonly name: string;
}

/** As many vectors as there are units, with the given sum: what the others leave is for the last. */
function partsOf({ split = "even", key, roles }: Plan, whole: Float64Array, group: Group): Float64Array[] {
  const { units, isCopy, size, name } = group;
  const random = (what: string | number) =>
    normal(fold(key, "outgoing", name, what), [whole.length], { dtype: "float64", deviation: size }).data;
  const even = whole.map((x) => x / units.length);
  const shares = typeof split === "string" ? null : sharesOf(split, roles, group);
  const direction = isCopy ? whole : random(`group ${units[0]}`);
  const part = (unit: number, i: number) => {
    if (shares) return direction.map((x) => x * (shares[i] as number));
    const noise = split === "random" ? random(unit) : null;
    return noise ? even.map((x, at) => x + (noise[at] as number)) : even;
  };
  const parts = units.slice(0, -1).map(part);
  const last = whole.map((x, at) => parts.reduce((rest, each) => rest - (each[at] as number), x));
  return [...parts, last];
}

/** Sums of shares that are further from 1 or 0 are mistakes; what is left of nearer ones goes to the last unit. */
const shareTolerance = 1e-9;

/** The share of each unit of a group. */
function sharesOf(split: readonly number[], roles: Roles, { units, isCopy }: Group): number[] {
  const shares = units.map((unit) => split[unit] ?? Number.NaN);
  const sum = shares.reduce((total, x) => total + x, 0);
  check(split.length === roles.length && Math.abs(sum - (isCopy ? 1 : 0)) < shareTolerance, () => ({
    code: "bad-composition",
    where: `split of units ${units.join(", ")}`,
    message: `expected ${roles.length} shares, those of ${isCopy ? "copies with sum 1" : "a zero-type group with sum 0"}, got ${shares.join(", ")}`,
  }));
  return shares;
}
