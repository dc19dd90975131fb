import type { Engine, Program } from "../../engine/index.ts";
import { input } from "../../graph/index.ts";
import type { Factor, GroupElement } from "../../symmetry/index.ts";
import { allocate, type Tensor, tensor, zeros } from "../../tensor/index.ts";
import { signOf } from "../matching/index.ts";
import type { NetworkStack, Slot, StackedSite, StackedTensor } from "./network-stack.ts";

/**
 * By slot, for each network and copy a matrix in the hull of the (signed) permutation matrices: [networks * copies, units,
 * units], where row i says what comes to the place of unit i.
 */
export type SoftElements = readonly Tensor[];

type Numbers = Float64Array<ArrayBuffer>;

/** The matrices of an element for each network, times `weight`, added to `soft` times the rest of 1. */
export function blend(
  { group, slots }: NetworkStack,
  soft: SoftElements,
  { elements, weight }: { readonly elements: readonly GroupElement[]; readonly weight: number },
): SoftElements {
  return soft.map(({ dtype, shape, data }, slot) => {
    const { factor, signs } = slots[slot] as Slot;
    const { size } = group.factors[factor] as Factor;
    const mixed = (data as Numbers).map((x) => (1 - weight) * x) as Numbers;
    let row = 0;
    for (const element of elements) {
      for (const [place, unit] of (element.permutations[factor] as Int32Array).entries()) {
        const at = row * size + unit;
        mixed[at] = (mixed[at] as number) + weight * signOf(signs, element, place);
        row++;
      }
    }
    return tensor(dtype, shape, mixed);
  });
}

/** Matrices of zeros, to blend elements into. */
export function noElements({ group, networks, slots, tensors }: NetworkStack): SoftElements {
  return slots.map(({ factor }) => {
    const { copies, size } = group.factors[factor] as Factor;
    const { dtype } = (tensors[0] as StackedTensor).values;
    return zeros(dtype, [networks * copies, size, size]);
  });
}

/** The units of a site of stacked parameters, [networks * copies, units, the rest]. */
export function unitsAt(values: Tensor, { copies, units, entries }: StackedSite): Tensor {
  const networks = values.shape[0] as number;
  const stride = values.data.length / networks;
  const from = values.data as Numbers;
  const data = allocate(values.dtype, networks * entries.length) as Numbers;
  for (let network = 0, at = 0; network < networks; network++) {
    const start = network * stride;
    for (let i = 0; i < entries.length; i++, at++) data[at] = from[start + (entries[i] as number)] as number;
  }
  return tensor(values.dtype, [networks * copies, units, entries.length / (copies * units)], data);
}

/** Stacked parameters with other units at a site. */
function withUnitsAt(values: Tensor, { entries }: StackedSite, { data }: Tensor): Tensor {
  const networks = values.shape[0] as number;
  const stride = values.data.length / networks;
  const changed = (values.data as Numbers).slice();
  for (let network = 0, at = 0; network < networks; network++) {
    const start = network * stride;
    for (let i = 0; i < entries.length; i++, at++) changed[start + (entries[i] as number)] = data[at] as number;
  }
  return tensor(values.dtype, values.shape, changed);
}

/** Lets the elements of all networks act on the units of a site. */
export function actAt(
  stack: NetworkStack,
  elements: readonly GroupElement[],
  { values, site }: { readonly values: Tensor; readonly site: StackedSite },
): Tensor {
  const { factor, signs } = stack.slots[site.slot] as Slot;
  const own = unitsAt(values, site);
  const from = own.data as Numbers;
  const [length, rows] = [own.shape[2] as number, site.copies * site.units];
  const moved = allocate(own.dtype, from.length) as Numbers;
  for (const [network, element] of elements.entries()) {
    for (const [place, unit] of (element.permutations[factor] as Int32Array).entries()) {
      const target = (network * rows + place) * length;
      const source = (network * rows + place - (place % site.units) + unit) * length;
      const sign = signOf(signs, element, place);
      for (let i = 0; i < length; i++) moved[target + i] = sign * (from[source + i] as number);
    }
  }
  return withUnitsAt(values, site, tensor(own.dtype, own.shape, moved));
}

/** Products of matrices and units, each compiled once for its sizes. */
export interface SoftEngine extends AsyncDisposable {
  /** Lets matrices act on the units of a site. */
  act(soft: SoftElements, at: { readonly values: Tensor; readonly site: StackedSite }): Promise<Tensor>;
}

/** Computes the action of matrices on an engine. */
export function softEngine(engine: Engine): SoftEngine {
  const programs = new Map<string, Promise<Program>>();
  return {
    async act(soft, { values, site }) {
      const feeds = { matrices: soft[site.slot] as Tensor, units: unitsAt(values, site) };
      const key = `${feeds.units.dtype} ${feeds.units.shape}`;
      const program = programs.get(key) ?? compileAction(engine, feeds);
      programs.set(key, program);
      const { moved } = await (await program).run(feeds);
      return withUnitsAt(values, site, moved as Tensor);
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
    },
  };
}

function compileAction(
  engine: Engine,
  { matrices, units }: { readonly matrices: Tensor; readonly units: Tensor },
): Promise<Program> {
  const [by, on] = [input("matrices", matrices.dtype, matrices.shape), input("units", units.dtype, units.shape)];
  return engine.compile({ moved: by.matmul(on) });
}
